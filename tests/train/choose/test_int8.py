"""``calibrate --int8``: ranges measured on labelled images, stored by the hash of the model, and used."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from napari_unetpp import cli
from napari_unetpp._types import ModelInfo
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.models import int8_file
from napari_unetpp.train.choose.int8 import Int8Level

pytest.importorskip("openvino")


@pytest.fixture
def few(data_root: Path, tmp_path: Path) -> Path:
    """A folder of four labelled images."""
    for pair in read_pairs(data_root / "nuclei_dsb2018" / "train")[:240:60]:
        for path, kind in ((pair.image, "images"), (pair.label, "labels")):
            (tmp_path / "few" / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "few" / kind / path.name)
    return tmp_path / "few"


def test_calibrate_for_int8(
    few: Path, tmp_path: Path, tiny_model: ModelInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    image = next((few / "images").iterdir())
    segment = [
        "segment",
        str(image),
        "--out",
        str(tmp_path / "out"),
        "--model",
        "tiny",
        "--precision",
        "int8",
    ]
    segment += ["--level", "2", "--scale", "1"]
    assert cli.main(segment) == 1 and "calibrate FOLDER --model tiny --int8" in capsys.readouterr().err
    before = Path(str(tiny_model.path)).read_bytes()
    assert cli.main(["calibrate", str(few), "--model", "tiny", "--int8"]) == 0
    told = capsys.readouterr()
    assert [line.split()[0] for line in told.out.splitlines()] == ["int8:", "level", "L1", "L2", "L3", "L4"]
    assert "ranges on 2 images of" in told.err and "the model is as it was" in told.err
    assert Path(str(tiny_model.path)).read_bytes() == before
    measured = int8_file.read_int8(tiny_model)
    assert measured is not None
    exact, quick = measured["levels"]["2"]["dice"]
    assert exact == pytest.approx(quick, abs=0.05)
    assert cli.main(segment) == 0
    assert ", L2, cpu int8, " in capsys.readouterr().out


def test_a_rule_for_auto_is_not_measured_in_int8(
    few: Path, tmp_path: Path, tiny_model: ModelInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["calibrate", str(few), "--model", "tiny", "--out", str(tmp_path / "a.safetensors")]
    assert cli.main([*arguments, "--precision", "int8"]) == 2
    assert "measured in floating point" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "finetune"])
def test_nothing_is_trained_in_int8(
    command: str, few: Path, tmp_path: Path, tiny_model: ModelInfo, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--task", "instances"] if command == "train" else ["--model", "tiny"]
    out = str(tmp_path / "new.safetensors")
    assert cli.main([command, str(few), "--out", out, "--precision", "int8", *options]) == 2
    assert "nothing is trained in int8" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("dice", "ap50", "good"),
    [
        ((0.9, 0.8985), (0.7, 0.696), True),
        ((0.9, 0.897), (0.7, 0.7), False),
        ((0.9, 0.9), (0.7, 0.694), False),
        ((0.9, 0.91), None, True),
    ],
)
def test_what_int8_may_lose(dice: tuple[float, float], ap50: tuple[float, float] | None, good: bool) -> None:
    assert Int8Level(dice, ap50).good is good
