"""BioImage.IO packages: others' programs accept them and find the same, without a network."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from napari_unetpp import cli
from napari_unetpp._types import ModelInfo, SamplingRule, UnetppError
from napari_unetpp.engine.input.normalise import NormStats, to_input
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.exports import export, package
from napari_unetpp.exports.export import EXACT, export_model
from napari_unetpp.exports.importing import import_model
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_file import read_tensors
from napari_unetpp.files.models.model_list import find_model

pytestmark = pytest.mark.usefixtures("bioimageio_libraries", "offline")


@pytest.fixture(scope="module")
def licensed(write_model: Callable[..., ModelInfo]) -> ModelInfo:
    """The small model under the licence of the polyps."""
    return write_model(licence="CC BY-NC 4.0 (weights; data: someone). Not for clinical use")


@pytest.fixture(scope="module")
def packed(bioimageio_libraries: None, licensed: ModelInfo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its package at level 1, which has passed ``bioimageio test`` without a network."""
    out = tmp_path_factory.mktemp("package") / "tiny.zip"
    done = export_model(licensed, "bioimageio", out, level=1, authors=["Ada Lovelace"])
    assert "passes the test of bioimageio.core" in done.checked and done.notes == ()
    return out


def load(path: Path) -> Any:
    from bioimageio.spec import load_model_description

    with package.quiet():
        return load_model_description(path)


def read(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as content:
        return content.read(name)


def test_it_says_who_made_it_and_what_may_be_done_with_it(packed: Path, licensed: ModelInfo) -> None:
    said = load(packed)
    assert said.license == "CC-BY-NC-4.0"
    assert [author.name for author in said.authors] == ["Ada Lovelace"]
    assert {entry.doi for entry in said.cite} == {"10.1007/978-3-030-00889-5_1", "10.1109/TMI.2019.2959609"}
    text = read(packed, "README.md").decode()
    for words in (licensed.licence, str(licensed.sha256), "## Validation", "made up, 3 images", "watershed"):
        assert words in text
    assert said.config.napari_unetpp["level"] == 1


def test_its_cover_is_a_picture_of_the_size_that_is_asked_for(packed: Path) -> None:
    content = read(packed, "cover.png")
    cover = np.asarray(Image.open(io.BytesIO(content)))
    assert cover.shape == (256, 512, 3) and len(content) < 500_000
    assert cover[:, :256].std() > 10 and (cover[:, :256] != cover[:, 256:]).any()


@pytest.mark.parametrize("weights", ["pytorch_state_dict", "onnx"])
def test_an_image_in_blocks_gives_what_the_engine_gives(
    weights: Any, packed: Path, licensed: ModelInfo, photo: Path
) -> None:
    """From raw intensities: their percentiles, clipping, blocks with their halo, and the sigmoid."""
    from bioimageio.core import create_prediction_pipeline, predict

    image = np.stack([read_image(photo)[:224, :336]] * 3).astype(np.float32)
    with package.quiet():
        pipeline = create_prediction_pipeline(bioimageio_model=load(packed), weight_format=weights)
        found = predict(model=pipeline, inputs=image[None], blocksize_parameter=1)
    maps = np.asarray(found.members["maps"].data)[0]
    low, high = np.percentile(image, (1, 99.8))
    assert licensed.path is not None
    evaluator = LoadedModel(licensed, read_tensors(licensed.path), EXACT)
    x = to_input(np.moveaxis(image, 0, -1), NormStats(float(low), float(high)))
    expected = evaluator.image_maps(x, 1)
    assert maps.shape == expected.shape and expected.std() > 0.05
    inside = np.s_[:, 16:-16, 16:-16]  # the border of the image differs by the halo, as the README says
    np.testing.assert_allclose(maps[inside], expected[inside], atol=1e-3)


def test_importing_gives_the_model_back(packed: Path, licensed: ModelInfo, photo: Path) -> None:
    info = import_model(packed)
    assert find_model("tiny").sha256 == info.sha256 == licensed.sha256


def test_a_package_that_fails_the_test_is_not_written(
    licensed: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: Path
) -> None:
    real, onnx = LoadedModel.image_maps, read(packed, "weights.onnx")
    monkeypatch.setattr(LoadedModel, "image_maps", lambda *a: np.clip(real(*a) + 0.1, 0, 1))
    monkeypatch.setattr(package, "write_onnx", lambda path, *_: path.write_bytes(onnx))
    with pytest.raises(UnetppError, match="does not pass 'bioimageio test' and was not written"):
        export_model(licensed, "bioimageio", tmp_path / "a.zip", level=1)
    assert not list(tmp_path.glob("*.zip"))


def test_what_the_specification_forbids_is_a_sentence(
    licensed: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: Path
) -> None:
    onnx = read(packed, "weights.onnx")
    monkeypatch.setattr(package, "write_onnx", lambda path, *_: path.write_bytes(onnx))
    with pytest.raises(UnetppError, match="does not allow this package"):
        export_model(licensed, "bioimageio", tmp_path / "a.zip", level=1, authors=["A/B"])


def test_an_own_licence_becomes_a_file_and_missing_words_are_noted(
    write_model: Callable[..., ModelInfo],
    packed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Frames have no halo, and nobody named the author."""
    onnx = read(packed, "weights.onnx")
    monkeypatch.setattr(package, "write_onnx", lambda path, *_: path.write_bytes(onnx))
    monkeypatch.setattr(export, "check_package", lambda path: None)  # another package has passed it
    info = write_model("frames", licence="ask Anna", sampling=SamplingRule("frame", 64))
    out = tmp_path / "a.zip"
    arguments = ["export", str(info.path), "--format", "bioimageio", "--level", "1", "--out", str(out)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cli.main(arguments) == 0, capsys.readouterr().err
    told = capsys.readouterr()
    assert "--author NAME says who made the model" in told.err
    assert told.out.startswith(f"{out}: bioimageio, L1, ")
    assert read(out, "LICENSE.txt").decode() == "ask Anna\n"
    assert not hasattr(load(out).outputs[0].axes[-1], "halo")


def test_versions_that_do_not_go_together_are_told(
    licensed: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"bioimageio.spec": "0.5.12.0", "pydantic": "2.14.3"}
    monkeypatch.setattr(package, "version", found.__getitem__)
    with pytest.raises(UnetppError, match=r"bioimageio.spec 0.5.12.0 does not work with pydantic 2.14.3"):
        export_model(licensed, "bioimageio", tmp_path / "a.zip", level=1)
