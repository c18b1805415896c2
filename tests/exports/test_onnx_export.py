"""ONNX files: what ONNX Runtime makes of them, what they hold, and when none is written."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unetpp._types import ModelInfo, NetConfig, SamplingRule, UnetppError
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.exports import onnx_file
from napari_unetpp.exports.export import EXACT, export_model
from napari_unetpp.files.models.model_card import card_from_json, card_to_json
from napari_unetpp.files.models.model_file import read_tensors
from napari_unetpp.net import encoder_plan

pytestmark = pytest.mark.usefixtures("onnx_libraries", "offline")

LITE0 = "efficientnet-lite0"


@pytest.fixture(scope="module")
def exported(model: ModelInfo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small model at level 2."""
    pytest.importorskip("onnxscript", reason="the extra export is not installed")
    out = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    export_model(model, "onnx", out, level=2)
    return out


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (2, 3, 48, 80), (1, 3, 128, 32)])
def test_onnx_runtime_gives_the_same_for_any_number_and_size(
    shape: tuple[int, ...], exported: Path, model: ModelInfo
) -> None:
    images = np.random.default_rng(0).normal(0.4, 0.5, shape).astype(np.float32)
    found = onnx_file.run_onnx(exported, images)
    assert model.path is not None
    evaluator = LoadedModel(model, read_tensors(model.path), EXACT)
    expected = np.stack([evaluator.image_maps(image, 2) for image in images])
    assert expected.std() > 0.05, "nothing to compare"
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_other_levels_differ(exported: Path, model: ModelInfo) -> None:
    assert model.path is not None
    image = np.random.default_rng(0).random((3, 32, 32)).astype(np.float32)
    shallow = LoadedModel(model, read_tensors(model.path), EXACT).image_maps(image, 1)
    with pytest.raises(UnetppError, match="does not give the same result"):
        onnx_file.compare(onnx_file.run_onnx(exported, image[None])[0], shallow)


def test_the_card_travels_with_it(exported: Path, model: ModelInfo) -> None:
    held = onnx_file.read_metadata(exported)
    assert (held["level"], held["sha256"]) == (2, model.sha256)
    assert card_to_json(card_from_json(held["model"])) == card_to_json(model)


OTHER: dict[str, dict[str, Any]] = {
    "one head": {"net": NetConfig(1, 2, (4, 6), "unet-sum")},
    "softmax on an encoder": {
        "task": "semantic",
        "outputs": ("background", "a", "b"),
        "net": NetConfig(outputs=3, widths=(4, encoder_plan.stage_channels(LITE0, 1)), encoder=LITE0),
    },
}


@pytest.mark.parametrize("name", OTHER)
def test_other_networks(name: str, write_model: Callable[..., ModelInfo], tmp_path: Path) -> None:
    quick = {"sampling": SamplingRule("frame", 64), "validation": None, "recommended_level": 1}
    info = write_model(**OTHER[name], **quick)
    done = export_model(info, "onnx", tmp_path / "net.onnx")
    assert done.level == 1 and "gives the same on two sizes" in done.checked
    image = np.random.default_rng(0).random((1, info.net.in_channels, 16, 34)).astype(np.float32)
    maps = onnx_file.run_onnx(tmp_path / "net.onnx", image)
    assert maps.shape == (1, len(info.outputs), 16, 34)
    if info.task == "semantic":
        np.testing.assert_allclose(maps.sum(axis=1), 1, atol=1e-5)


def test_a_file_with_another_result_is_not_written(
    exported: Path, model: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is run before it takes the place of an old one."""
    (tmp_path / "old.onnx").write_text("mine")
    monkeypatch.setattr(onnx_file, "write_onnx", lambda path, net, info: shutil.copyfile(exported, path))
    for name in ("old.onnx", "new.onnx"):
        with pytest.raises(UnetppError, match=r"does not give the same result.*Nothing was written"):
            export_model(model, "onnx", tmp_path / name, level=1, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["old.onnx"]
    assert (tmp_path / "old.onnx").read_text() == "mine"


def test_a_level_that_is_not_there(model: ModelInfo, tmp_path: Path) -> None:
    with pytest.raises(UnetppError, match="level 7 was given; 'tiny' has levels 1 to 4"):
        export_model(model, "onnx", tmp_path / "a.onnx", level=7)


def test_a_sample_that_is_too_small(model: ModelInfo, tmp_path: Path) -> None:
    from PIL import Image

    Image.effect_noise((9, 200), 50).save(tmp_path / "thin.png")
    with pytest.raises(UnetppError, match=r"has only 9 x 200 px .*; expected 32 px or more"):
        export_model(model, "onnx", tmp_path / "a.onnx", level=1, sample=tmp_path / "thin.png")


def test_without_the_extra_the_command_says_what_to_install(
    model: ModelInfo,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from napari_unetpp import cli

    monkeypatch.setitem(sys.modules, "onnxscript", None)
    arguments = ["export", str(model.path), "--format", "onnx", "--out", str(tmp_path / "a.onnx")]
    assert cli.main(arguments) == 1
    assert "pip install 'napari-unetpp[export]'" in capsys.readouterr().err
    assert not (tmp_path / "a.onnx").exists()
