"""The stopping rule of Auto, chosen on real labelled images with the model that ships."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("monai")

import torch

from napari_unetpp import cli
from napari_unetpp._types import AUTO, LevelScores, ModelInfo, Region, StoppingRule, UnetppError
from napari_unetpp.engine.auto.auto_tile import AutoTile
from napari_unetpp.engine.device import DeviceChoice
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.models.model_file import read_info, read_tensors, save_model
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose import auto
from napari_unetpp.train.choose.levels import Predicted, mean_dice, middle, pooled_ap50, predict_samples
from napari_unetpp.train.data.samples import load_sample


@pytest.fixture(scope="module")
def nuclei() -> LoadedModel:
    """In float32, as held-out images are predicted, whatever this machine would choose."""
    path = SHIPPED / "nuclei.safetensors"
    return LoadedModel(read_info(path), read_tensors(path), DeviceChoice("cpu", "float32"))


@pytest.fixture(scope="module")
def predicted(nuclei: LoadedModel, data_root: Path) -> list[Predicted]:
    """All levels of a few images of different kinds, their middles only."""
    info = nuclei.info
    pairs = read_pairs(data_root / "nuclei_dsb2018" / "train")[::75]
    net = UNetPlusPlus(info.net)
    net.load_state_dict(read_tensors(Path(str(info.path))))
    return predict_samples(net, [middle(load_sample(pair, info), 160) for pair in pairs], info)


@pytest.fixture(scope="module")
def rule(predicted: list[Predicted], nuclei: LoadedModel) -> StoppingRule:
    """However little it saves on these small images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auto, "LARGEST_SHARE", 1.0)
        found = auto.choose_stopping(predicted, nuclei.info, tolerance=0.01)
    assert found is not None
    return found


def test_a_rule_that_saves_too_little_is_none(
    rule: StoppingRule, predicted: list[Predicted], nuclei: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "LARGEST_SHARE", rule.share - 0.01)
    assert auto.choose_stopping(predicted, nuclei.info, tolerance=0.01) is None


def test_the_rule_keeps_its_promise(
    rule: StoppingRule, predicted: list[Predicted], nuclei: LoadedModel
) -> None:
    followed = [auto.simulate_auto(p, nuclei.info, rule) for p in predicted]
    results = [result for result, _ in followed]
    dice, _ = mean_dice(results, nuclei.info, AUTO)
    assert dice == rule.scores.dice and dice >= mean_dice(predicted, nuclei.info, 4)[0] - 0.01
    ap50, deepest = pooled_ap50(results, nuclei.info, AUTO), pooled_ap50(predicted, nuclei.info, 4)
    assert ap50 is not None and deepest is not None and ap50 >= deepest - 0.01
    least = graph.flops(1, nuclei.info.net, 160, 160) / graph.flops(4, nuclei.info.net, 160, 160)
    assert least < rule.share < 1
    assert (
        auto.LIMITS[-1] <= rule.limit <= auto.LIMITS[0]
        and rule.change[0] == 0
        and all(w > 0 for w in rule.doubt)
    )


def test_a_stricter_tolerance_costs_more(
    predicted: list[Predicted], nuclei: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "LARGEST_SHARE", 1.0)
    monkeypatch.setattr(auto, "LEVEL_MARGIN", 1.0)  # Dice alone decides
    loose, strict = (auto.choose_stopping(predicted, nuclei.info, tolerance=t) for t in (0.03, 0.0))
    assert loose is not None and strict is not None
    assert strict.limit < loose.limit and strict.share > loose.share


def test_the_engine_does_what_was_calibrated(
    rule: StoppingRule, predicted: list[Predicted], nuclei: LoadedModel
) -> None:
    """The same squares, the same maps, and the FLOPs that were foreseen."""
    info = replace(nuclei.info, stopping=rule)
    evaluator = LoadedModel(info, read_tensors(Path(str(info.path))), nuclei.choice, nuclei.scales)
    for p in predicted[:4]:
        image = torch.from_numpy(p.sample.image.astype(np.float32))[None].expand(-1, 3, -1, -1)
        height, width = image.shape[-2:]
        assert height % 16 == width % 16 == 0
        tile = AutoTile(evaluator, image, {}, Region(0, 0, height, width))
        *_, last = tile.run()
        foreseen, flops = auto.simulate_auto(p, info, rule)
        assert np.isclose(last.maps, foreseen.level(AUTO), atol=2e-3).mean() > 0.999  # kept as halves
        head = graph.head_flops(info.net, height, width)
        assert tile.flops == pytest.approx(flops - head, rel=0.02)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_held_out_images_are_predicted_as_the_engine_does(
    nuclei: LoadedModel, predicted: list[Predicted], dtype: str
) -> None:
    """In any number format; it was float32 always."""
    info, sample = nuclei.info, predicted[0].sample
    tensors = read_tensors(Path(str(info.path)))
    model = LoadedModel(info, tensors, DeviceChoice("cpu", dtype))
    net = UNetPlusPlus(info.net)
    net.load_state_dict(tensors)
    (found,) = predict_samples(net, [sample], info, dtype=model.choice.torch_dtype)
    image = np.repeat(sample.image.astype(np.float32), 3 // len(sample.image), axis=0)
    for level in info.net.levels:
        expected = model.image_maps(image, level).astype(np.float16)
        np.testing.assert_array_equal(found.maps[level - 1], expected)
    same = np.array_equal(found.maps, predicted[0].maps)
    assert same == (dtype == "float32")


def test_networks_without_all_heads_have_no_rule(predicted: list[Predicted], nuclei: LoadedModel) -> None:
    last = replace(nuclei.info, net=replace(nuclei.info.net, supervision="last"))
    assert auto.choose_stopping(predicted, last) is None
    assert auto.choose_stopping([], nuclei.info) is None


def test_the_card_keeps_the_rule(tiny_model: ModelInfo, tmp_path: Path) -> None:
    rule = StoppingRule(
        (0.3, 0.2, 0.1), (0.0, 0.1, 0.2), 0.03, 0.003, 0.4, LevelScores(0.9, 0.8, None, 9), 32
    )
    out = tmp_path / "m.safetensors"
    save_model(out, read_tensors(Path(str(tiny_model.path))), replace(tiny_model, stopping=rule))
    assert read_info(out).stopping == rule
    wrong = replace(tiny_model, stopping=replace(rule, doubt=(0.3,)))
    with pytest.raises(UnetppError, match="stopping rule for 1 levels"):
        save_model(out, read_tensors(Path(str(tiny_model.path))), wrong)
    assert read_info(out).stopping == rule, "the old file survives"


def test_calibrate_from_the_command_line(
    data_root: Path, tmp_path: Path, tiny_model: ModelInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "few"
    for pair in read_pairs(data_root / "nuclei_dsb2018" / "train")[:120:60]:
        for path, kind in ((pair.image, "images"), (pair.label, "labels")):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / kind / path.name)
    out = tmp_path / "with auto.safetensors"
    arguments = ["calibrate", str(folder), "--model", "tiny", "--out", str(out), "--tolerance", "0.5"]
    assert cli.main([*arguments, "--device", "cpu", "--precision", "bfloat16"]) == 0
    told = capsys.readouterr()
    assert "Auto stops where at most" in told.out and "on 2 images, cpu bfloat16" in told.err
    stopping = read_info(out).stopping
    assert stopping is not None and stopping.tolerance == 0.5
    before = read_tensors(Path(str(tiny_model.path)))
    assert all(torch.allclose(t.float(), before[n].float(), atol=1e-3) for n, t in read_tensors(out).items())
    assert cli.main(arguments) == 1, "nothing is overwritten unasked"
    segment = ["segment", str(folder / "images"), "--model", str(out), "--out", str(tmp_path / "r")]
    assert cli.main(segment) == 0
    assert ", Auto, " in capsys.readouterr().out
    assert cli.main(["evaluate", str(folder), "--model", str(out)]) == 0
    assert "Auto: dice" in capsys.readouterr().out
