"""Wrong usage of every command: exit status 2 and one sentence, before anything is written."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unetpp import cli
from napari_unetpp._types import ModelInfo, SamplingRule
from napari_unetpp.files.models.model_file import read_tensors, save_model
from napari_unetpp.files.models.model_list import models_folder
from napari_unetpp.net.unetpp import UNetPlusPlus

SEGMENT = "segment {images} --model tiny --out {out}"
EVALUATE = "evaluate {folder} --model tiny"
CALIBRATE = "calibrate {folder} --model tiny --out {new}"
TRAIN = "train {folder} --task instances --out {new}"
FINETUNE = "finetune {folder} --model tiny --out {new}"
EXPORT = "export tiny --format onnx --out {onnx}"

WRONG: dict[str, tuple[str, str]] = {
    "a file for a folder": ("segment {images} --model tiny --out {file}", "is a file; expected a"),
    "a folder below a file": (
        "segment {images} --model tiny --out {file}/out",
        "is a file; expected a folder",
    ),
    "an empty folder name": ("segment {images} --model tiny --out ''", "'' was given; expected a file or fo"),
    "an empty input": ("segment '' --model tiny --out {out}", "'' was given; expected a file or folder"),
    "a folder for a file": (f"{SEGMENT} --json {{folder}}", "is a folder; expected"),
    "one name for two": (f"{SEGMENT} --json {{out}}", "--json and --out are both"),
    "a file below a file": (f"{SEGMENT} --json {{file}}/log.json", "is a file; expected a folder"),
    "a name too long": (f"train {{folder}} --task instances --out {'x' * 300}.safetensors", "255 bytes"),
    "no channel": (f"{SEGMENT} --channel ''", "expected names with commas between them"),
    "axes twice": (f"{SEGMENT} --axes YYX", "expected letters of TCZYXS, each once, with Y and X"),
    "axes without X": (f"{SEGMENT} --axes ZY", "expected letters of TCZYXS, each once, with Y and X"),
    "unknown axes": (f"{SEGMENT} --axes ABYX", "expected letters of TCZYXS, each once, with Y and X"),
    "a region of words": (f"{SEGMENT} --region left", "'left' was given; expected Y0:Y1,X0:X1"),
    "an empty region": (f"{SEGMENT} --region 5:5,0:9", "'5:5,0:9' was given; expected Y0:Y1,X0:X1"),
    "two distances": (f"{SEGMENT} --spacing 1,2", "'1,2' was given; expected three numbers"),
    "a kilometre": (f"{SEGMENT} --spacing 1e9,1,1", "each from 0.0001 to 100000 micrometres"),
    "an overlap of words": (f"{SEGMENT} --stitch much", "'much' was given; expected a number above 0 and at"),
    "an overlap of 2": (f"{SEGMENT} --track 2", "'2' was given; expected a number above 0 and at"),
    "objects linked by classes": ("segment {images} --model semantic --out {out} --stitch 0.3", "semantic"),
    "tables of masks": (f"{SEGMENT} --kind mask --table", "--table lists objects"),
    "a level it has not": ("segment {images} --model shallow --out {out} --level 4", "has levels 1 to 2"),
    "negative series": (f"{SEGMENT} --series -1", "expected a whole number from 0"),
    "two ways to go on": (f"{SEGMENT} --overwrite --skip-existing", "not allowed with"),
    "negative labels": (f"{EVALUATE} --foreground 1,-2", "'-2' was given; expected a whole number from 0"),
    "no labels": (f"{EVALUATE} --foreground ''", "'' was given; expected a whole number from 0"),
    "scores into a folder": (f"{EVALUATE} --json {{folder}}", "is a folder; expected"),
    "tolerance of all": (
        f"{CALIBRATE} --tolerance 5",
        "'5' was given; expected a number above 0 and at most 1",
    ),
    "no model": ("info ''", "'' was given; expected the name or the file of a model"),
    "no model to start from": (f"{TRAIN} --from ''", "'' was given; expected the name or the file of a"),
    "no maps": (f"{TRAIN} --maps ''", "'' was given; expected names with commas between them"),
    "unknown maps": (f"{TRAIN} --maps border", "expected one or more of edge_distance, object_border"),
    "a map twice": (f"{TRAIN} --maps edge_distance,edge_distance", "expected one or more of edge_distance"),
    "maps of classes": (
        "train {folder} --task semantic --out {new} --maps edge_distance",
        "only instance mod",
    ),
    "patches of a pixel": (f"{TRAIN} --patch 1", "'1' was given; expected a whole number from 16"),
    "frames of a pixel": (f"{TRAIN} --frame 1", "'1' was given; expected a whole number from 16"),
    "no classes": (f"{TRAIN} --classes ,", "expected names with commas between them"),
    "a folder twice": ("train {folder} {folder} --task instances --out {new}", "was given twice"),
    "a diameter of frames": (f"{TRAIN} --from frames --diameter 20", "leave --diameter out"),
    "another architecture": (
        f"{TRAIN} --from tiny --arch unet",
        "--arch unet was given, but tiny is a unetpp",
    ),
    "one head of four": (f"{TRAIN} --from tiny --supervision last", "has a head for every level"),
    "half precision": (f"{TRAIN} --precision float16", "nothing is trained in float16"),
    "a negative seed": (f"{TRAIN} --seed -1", "'-1' was given; expected a whole number from 0"),
    "a huge seed": (
        f"{FINETUNE} --seed 99999999999999999999",
        "expected a whole number from 0 to 4294967295",
    ),
    "a log into a folder": (f"{TRAIN} --json {{folder}}", "is a folder; expected"),
    "a model in a folder": (
        "train {folder} --task instances --out {models}",
        "is a folder; expected the name",
    ),
    "classes of instances": (f"{FINETUNE} --add-classes debris", "can be added to semantic models"),
    "no new classes": (f"{FINETUNE} --add-classes ''", "expected names with commas between them"),
    "background of reviewed labels": (f"{FINETUNE} --background 1", "give --labels-as sparse"),
    "negative background": (
        f"{FINETUNE} --labels-as sparse --background -1",
        "expected a whole number from 0",
    ),
    "half precision of learning": (f"{FINETUNE} --precision float16", "nothing is trained in float16"),
    "a level beyond the model": ("export shallow --format onnx --level 4 --out {onnx}", "has levels 1 to 2"),
    "another suffix": ("export tiny --format onnx --out {new}", "expected a name ending in .onnx"),
    "no package": ("import ''", "'' was given; expected a file or folder"),
    "figures into a folder": (
        "benchmark --model tiny --json {folder}",
        "is a folder; expected the name of a",
    ),
    "pictures into a file": ("demo --out {file}", "is a file; expected a"),
}


@pytest.fixture
def places(tmp_path: Path, tiny_model: ModelInfo) -> dict[str, str]:
    """Places by name; the models ``tiny``, ``semantic``, ``shallow`` (two levels) and ``frames``."""
    tensors = read_tensors(Path(str(tiny_model.path)))
    two = replace(tiny_model.net, widths=tiny_model.net.widths[:3])
    others = {
        "semantic": replace(tiny_model, task="semantic", outputs=("background", "nucleus")),
        "frames": replace(tiny_model, sampling=SamplingRule("frame", 64)),
        "shallow": replace(tiny_model, net=two, validation=None, recommended_level=1),
    }
    for name, model in others.items():
        weights = UNetPlusPlus(two).state_dict() if name == "shallow" else tensors
        save_model(models_folder() / f"{name}.safetensors", weights, replace(model, name=name))
    folder = tmp_path / "data"
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
        tifffile.imwrite(folder / kind / "a.tif", np.tri(40, 50, dtype=np.uint8) * 9)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "models.safetensors").mkdir()
    found = {
        "folder": folder,
        "images": folder / "images",
        "file": tmp_path / "file",
        "models": tmp_path / "models.safetensors",
        "out": tmp_path / "out",
        "new": tmp_path / "new.safetensors",
        "onnx": tmp_path / "new.onnx",
    }
    return {name: shlex.quote(str(path)) for name, path in found.items()}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_of_every_command(
    case: str, places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, message = WRONG[case]
    before = sorted(tmp_path.rglob("*"))
    try:
        status = cli.main(shlex.split(command.format_map(places)))
    except SystemExit as left:
        status = int(left.code or 0)
    told = capsys.readouterr()
    assert (status, told.out) == (2, ""), told.err
    assert message in told.err and told.err.count("error:") == 1
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "file").read_text() == "mine"


REFUSED: dict[str, tuple[str, str]] = {
    "an address": (
        "segment https://example.org/a.tif --model tiny --out {out}",
        "is an address; only files are read. Download the image first",
    ),
    "nothing held out": (
        "calibrate {folder} --model tiny --out {new} --held-out",
        "training holds no image of {folder} out: it has too few",
    ),
    "nothing labelled": (
        "calibrate {empty} --model tiny --out {new}",
        "no label image in {empty} has any foreground, so there is nothing to measure",
    ),
    "the model itself calibrated": (
        "calibrate {folder} --model {tiny} --out {tiny} --overwrite",
        "is the model to start from and is never written to",
    ),
    "the model itself trained": (
        "train {folder} --from {tiny} --out {tiny} --overwrite",
        "is the model to start from and is never written to",
    ),
    "no folder": ("evaluate {file} --model tiny", "has no folder images/"),
    "a text for a model": ("info {file}", "{file} is not a model file"),
    "a text for a package": ("import {file}", "{file} is"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_said_and_writes_nothing(
    case: str,
    places: dict[str, str],
    tiny_model: ModelInfo,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "empty"
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
        tifffile.imwrite(folder / kind / "a.tif", np.tri(40, 50, dtype=np.uint8) * (kind == "images"))
    names = places | {"empty": shlex.quote(str(folder)), "tiny": shlex.quote(str(tiny_model.path))}
    command, message = REFUSED[case]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert cli.main(shlex.split(command.format_map(names))) == 1
    told = capsys.readouterr().err
    assert message.format_map({name: shlex.split(path)[0] for name, path in names.items()}) in told
    assert "Traceback" not in told and told.count("error:") == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_labels_without_the_foreground_that_is_asked_for_get_a_note(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The scores of nothing looked like those of an image."""
    evaluate = ["evaluate", str(tmp_path / "data"), "--model", "tiny", "--scale", "1"]
    assert cli.main(evaluate) == 0 and "foreground" not in capsys.readouterr().err
    assert cli.main([*evaluate, "--foreground", "7"]) == 0
    assert "no label image has any foreground of the values 7" in capsys.readouterr().err


def test_results_among_labelled_images_are_left_out(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody segmented into the folder of the images: afterwards no command took the folder."""
    images = tmp_path / "data" / "images"
    common = ["--model", "tiny", "--scale", "1"]
    segment = ["segment", str(images), "--out", str(images), "--level", "1", *common]
    assert cli.main(segment) == 0 and (images / "a_labels.tif").exists()
    capsys.readouterr()
    assert cli.main(["evaluate", str(images.parent), *common]) == 0
    assert ": 1 image, " in capsys.readouterr().out
    tifffile.imwrite(images / "b.tif", np.tri(40, 50, dtype=np.uint8))
    assert cli.main(["evaluate", str(images.parent), *common]) == 1
    assert "without labels: b." in capsys.readouterr().err
