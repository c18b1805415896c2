"""The command line, from outside: arguments, files, exit status, and what goes where."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unetpp import cli
from napari_unetpp._types import (
    FinetuneDone,
    FinetuneRequest,
    LabelledPlane,
    ModelInfo,
    SamplingRule,
    UnetppError,
)
from napari_unetpp.engine.input.sampling import resample
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.files.models import model_list
from napari_unetpp.files.models.card_text import card_text
from napari_unetpp.files.models.model_file import read_tensors, save_model
from napari_unetpp.files.models.model_list import SHIPPED, find_model, models_folder
from napari_unetpp.net import graph

ROOT = Path(__file__).parents[1]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(run_command: Run) -> Run:
    """Run any command, not only ``segment``."""
    return run_command


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three small images: grey, RGB, 16 bit."""
    folder = tmp_path / "in"
    folder.mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (40, 50), np.uint8)).save(folder / "grey.png")
    Image.fromarray(rng.integers(0, 255, (33, 47, 3), np.uint8)).save(folder / "colour.png")
    tifffile.imwrite(folder / "deep.tif", rng.integers(0, 60000, (48, 48), np.uint16))
    return folder


# ------------------------------------------------------------ usage


@pytest.mark.parametrize(
    "command", ["", "models", "info", "segment", "evaluate", "train", "finetune", "benchmark", "demo"]
)
def test_help_everywhere(command: str, run: Run) -> None:
    status, out, _ = run(*command.split(), "--help")
    assert status == 0 and out.startswith("usage: napari-unetpp")


WRONG = {
    "no command": "",
    "unknown command": "fly",
    "no input": "segment --out x",
    "no output": "segment a.png",
    "level beyond the last": "segment a.png --out x --level 5",
    "scale of nothing": "segment a.png --out x --scale 0",
    "a range without an end": "segment a.png --out x --range 5",
    "a range of no number": "evaluate x --model m --range 5 nan",
    "objects of no size": "finetune x --model m --out m.safetensors --diameter 0",
    "unknown kind": "segment a.png --out x --kind picture",
    "foreground that is no number": "evaluate x --model m --foreground red",
    "no task from scratch": "train x --out m.safetensors",
    "a model of another format": "train x --out m.pth --task semantic",
    "negative minutes": "train x --out m.safetensors --task semantic --minutes -3",
    "a share too few": "train x y z --out m.safetensors --task instances --share 4,2",
    "a share of nothing": "train x y --out m.safetensors --task instances --share 4,0",
    "held out of two folders": "train x y --out m.safetensors --task instances --val z",
    "a credit too many": "train x --out m.safetensors --task instances --data-credit a --data-credit b",
    "a diameter of frames": "train x --out m.safetensors --task semantic --frame 192 --diameter 20",
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_exits_with_2(case: str, run: Run) -> None:
    status, out, err = run(*WRONG[case].split())
    assert status == 2 and out == "" and err.startswith("error: ")
    command = WRONG[case].split()[:1] if WRONG[case].startswith(tuple(cli.COMMANDS)) else []
    pointer = " ".join(["All arguments: napari-unetpp", *command, "--help"])
    assert err.splitlines()[1:] == [pointer], "the usage of segment has 15 lines"


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_an_unknown_option_is_named_with_the_command(command: str, run: Run) -> None:
    """Also where everything else is right: argparse then says it without the command."""
    needed = {"info": "m", "import": "m", "segment": "a --out x", "evaluate": "a --model m"}
    needed |= dict.fromkeys(("calibrate", "finetune"), "a --model m --out m.safetensors")
    needed |= {"train": "a --task semantic --out m.safetensors", "export": "m --format onnx --out m.onnx"}
    status, out, err = run(command, *needed.get(command, "").split(), "--fly")
    assert (status, out) == (2, "")
    assert err.splitlines() == [
        "error: unrecognized arguments: --fly",
        f"All arguments: napari-unetpp {command} --help",
    ]


def test_an_error_is_a_sentence_and_debug_shows_the_traceback(run: Run) -> None:
    status, out, err = run("info", "nothing")
    assert (status, out) == (1, "")
    assert err.startswith("error: there is no model 'nothing'") and "Traceback" not in err
    for arguments in (("--debug", "info", "nothing"), ("info", "nothing", "--debug")):
        with pytest.raises(UnetppError):
            run(*arguments)


def test_an_unexpected_error_is_a_sentence_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(args: object) -> int:
        raise RuntimeError("a bug")

    monkeypatch.setitem(cli.COMMANDS, "models", cli.Command("", broken))
    status, _, err = run("models")
    assert status == 1 and "unexpected RuntimeError: a bug (--debug shows where)" in err


def test_a_missing_package_is_named_with_its_cure(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(args: object) -> int:
        raise ModuleNotFoundError("No module named 'monai'", name="monai.losses")

    monkeypatch.setitem(cli.COMMANDS, "models", cli.Command("", broken))
    status, _, err = run("models")
    assert status == 1 and "pip install 'napari-unetpp[train]'" in err


def test_as_a_module_and_without_torch_qt_or_napari() -> None:
    code = (
        "import sys, napari_unetpp.cli as c; c.main(['models']); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'napari', 'qtpy', 'monai')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=dict(os.environ))
    found = subprocess.run(
        [sys.executable, "-m", "napari_unetpp", "models"], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0 and found.stdout


# ------------------------------------------------------------ models, info


def test_models_lists_and_names_what_it_skips(run: Run, tiny_model: ModelInfo) -> None:
    (models_folder() / "broken.safetensors").write_bytes(b"nonsense")
    status, out, err = run("models")
    assert status == 0
    line = next(line for line in out.splitlines() if line.startswith("tiny "))
    for word in ("instances", "nucleus", "CC0", "L2"):
        assert word in line
    assert "broken.safetensors" in err


def test_info_is_a_card_and_json_holds_all_of_it(run: Run, tiny_model: ModelInfo) -> None:
    status, out, _ = run("info", "tiny")
    assert status == 0
    for text in (
        "untrained, for tests",
        "widths 4-8-8-8-8",
        "made up, 3 images",
        "0.500",
        str(tiny_model.path),
    ):
        assert text in out
    status, out, _ = run("info", tiny_model.path, "--json")
    card = json.loads(out)
    assert status == 0 and card["sha256"] == tiny_model.sha256
    assert card["net"]["widths"] == [4, 8, 8, 8, 8]
    assert card["validation"]["levels"]["1"]["ap50"] is None


# ------------------------------------------------------------ segment

KINDS: dict[str, tuple[Any, int]] = {
    "labels": (np.uint32, 2),
    "mask": (np.uint8, 2),
    "probability": (np.float32, 3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_segment_a_folder(kind: str, run: Run, pictures: Path, tiny_model: ModelInfo, tmp_path: Path) -> None:
    out_folder = tmp_path / "new" / "out"
    status, out, err = run("segment", pictures, "--out", out_folder, "--model", "tiny", "--kind", kind)
    assert status == 0, err
    assert sorted(p.name for p in out_folder.iterdir()) == [
        f"{s}_{kind}.tif" for s in ("colour", "deep", "grey")
    ]
    assert len(out.splitlines()) == 3 and "L2" in out
    dtype, dimensions = KINDS[kind]
    read = tifffile.imread(out_folder / f"colour_{kind}.tif")
    assert read.dtype == dtype and read.ndim == dimensions and read.shape[-2:] == (33, 47)
    if kind == "mask":
        assert set(np.unique(read)) <= {0, 255}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("segment a --out b --level 7", "--level: '7' was given; expected auto or a level from 1 to 4"),
        ("segment a --out b --series -1", "--series: '-1' was given; expected a whole number from 0"),
        (
            "finetune a --model b --out c",
            "--out: 'c' was given; expected a file name that ends in .safetensors",
        ),
        ("train a --out b.safetensors --seed x", "--seed: 'x' was given; expected a whole number"),
        ("train a --out b.safetensors --batch 0", "--batch: '0' was given; expected a whole number from 1"),
        ("train a --out b.safetensors --share 1,z", "--share: 'z' was given; expected a number above 0"),
        ("evaluate a --model b --foreground 1,z", "--foreground: 'z' was given; expected a whole number"),
    ],
)
def test_what_was_given_and_what_is_expected(words: str, message: str, run: Run) -> None:
    status, _, err = run(*words.split())
    assert status == 2 and message in err and "invalid" not in err


def test_a_card_says_how_scores_were_measured_or_how_to_measure_them(run: Run, tmp_path: Path) -> None:
    assert "measured 2026-11-23, at scale 1. What this version gives:" in run("info", "cells-phase")[1]
    framed = replace(find_model("cells-phase"), sampling=SamplingRule("frame", 352))
    assert "measured 2026-11-23. What" in card_text(framed), "frames have a size of their own"
    card = run("info", "polyps")[1]
    assert "scores on test data: none in this file\n  To measure it on labelled images:\n" in card
    assert "napari-unetpp evaluate FOLDER --model polyps" in card
    copy = tmp_path / "my polyps.safetensors"
    shutil.copy(SHIPPED / "polyps.safetensors", copy)
    assert f"evaluate FOLDER --model '{copy}'" in run("info", str(copy))[1], (
        "a file that is not listed has no name"
    )


@pytest.mark.parametrize("command", ["segment", "evaluate", "finetune"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--scale 2 --diameter 30", "expected one of them"),
        ("--scale auto --diameter 30", "expected one of them"),
        ("--range 7 7", "the lower one first"),
        ("--scale 100", "'100' was given; expected auto or a number from 0.0625 to 8"),
        ("--scale x", "argument --scale: 'x' was given; expected auto or a number from 0.0625 to 8"),
        ("--diameter x", "argument --diameter: 'x' was given; expected a number above 0"),
        ("--range 1 nan", "argument --range: 'nan' was given; expected a number"),
        ("--diameter 100000", "takes 2.5 to 320 px"),
        ("--model frames --diameter 30", "does not go by the size of objects"),
    ],
)
def test_contradicting_sizes_are_usage_errors(
    command: str, options: str, message: str, run: Run, labelled: Path, tiny_model: ModelInfo, tmp_path: Path
) -> None:
    """Said once, before any image is read."""
    tensors = read_tensors(tiny_model.path)
    save_model(
        models_folder() / "frames.safetensors",
        tensors,
        replace(tiny_model, name="frames", sampling=SamplingRule("frame", 40)),
    )
    places = {
        "segment": (labelled / "images", "--out", tmp_path / "out"),
        "evaluate": (labelled,),
        "finetune": (labelled, "--out", tmp_path / "new.safetensors"),
    }
    status, out, err = run(command, *places[command], "--model", "tiny", *options.split())
    assert (status, out) == (2, "") and err.count("error:") == 1 and message in err
    assert not (tmp_path / "out").exists() and not (tmp_path / "new.safetensors").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--scale 2", "scale 2: given"),
        ("--diameter 40", "scale 0.5: objects of 40 px"),
        ("--range -5 300", "scale 1: nothing is seen, so it stays 1"),
    ],
)
def test_segment_says_the_scale_and_why(
    options: str, said: str, run: Run, tiny_model: ModelInfo, tmp_path: Path
) -> None:
    Image.new("L", (60, 50)).save(tmp_path / "dark.png")
    status, out, err = run(
        "segment", tmp_path / "dark.png", "--out", tmp_path / "out", "--model", "tiny", *options.split()
    )
    assert status == 0, err
    assert out.strip().endswith(said)


def test_evaluate_takes_the_scale_for_all_images(
    run: Run, labelled: Path, tiny_model: ModelInfo, tmp_path: Path
) -> None:
    file = tmp_path / "scores.json"
    status, out, err = run(
        "evaluate", labelled, "--model", "tiny", "--diameter", 10, "--range", 0, 255, "--json", file
    )
    assert status == 0 and "scale 2" in out, err
    assert json.loads(file.read_text())["scales"] == {"lowest": 2.0, "median": 2.0, "highest": 2.0}


def test_one_bad_file_is_reported_and_the_rest_go_on(
    run: Run, pictures: Path, tiny_model: ModelInfo, tmp_path: Path
) -> None:
    (pictures / "bad.png").write_bytes(b"nonsense")
    tifffile.imwrite(pictures / "stack.tif", np.zeros((5, 20, 20), np.uint8), photometric="minisblack")
    status, out, err = run(
        "segment", pictures, tmp_path / "nowhere.png", "--out", tmp_path / "out", "--model", "tiny"
    )
    assert status == 1 and "Traceback" not in err
    for text in ("bad.png", "nowhere.png", "2 of 6 failed"):
        assert text in err
    assert len(out.splitlines()) == 4 and len(list((tmp_path / "out").iterdir())) == 4


def test_an_existing_result_is_kept_without_overwrite(
    run: Run, pictures: Path, tiny_model: ModelInfo, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    old = tmp_path / "out" / "grey_labels.tif"
    old.write_text("mine")
    arguments = ("segment", pictures, "--out", tmp_path / "out", "--model", "tiny")
    status, _, err = run(*arguments)
    assert status == 1 and "exists already" in err and old.read_text() == "mine"
    status, _, err = run(*arguments, "--overwrite")
    assert status == 0 and tifffile.imread(old).shape == (40, 50)


def test_clashing_stems_get_the_suffix_and_then_the_folder(
    run: Run, pictures: Path, tiny_model: ModelInfo, tmp_path: Path
) -> None:
    for name in ("in/grey.tif", "other/grey.png", "other/grey.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / name, np.zeros((9, 9), np.uint8)) if name.endswith("tif") else Image.new(
            "L", (9, 9)
        ).save(tmp_path / name)
    out = tmp_path / "out"
    arguments = ("--out", out, "--model", "tiny", "--level", 1)
    assert run("segment", pictures / "grey.png", pictures / "grey.tif", *arguments)[0] == 0
    assert {p.name for p in out.iterdir()} == {"grey_png_labels.tif", "grey_tif_labels.tif"}
    assert run("segment", pictures / "grey.png", tmp_path / "other/grey.png", *arguments)[0] == 0
    assert {p.name for p in out.iterdir()} >= {"in_grey_png_labels.tif", "other_grey_png_labels.tif"}


def test_an_input_is_never_a_target(run: Run, tiny_model: ModelInfo, tmp_path: Path) -> None:
    for name in ("a.tif", "a_labels.tif"):
        tifffile.imwrite(tmp_path / name, np.full((9, 9), 7, np.uint8))
    before = (tmp_path / "a_labels.tif").read_bytes()
    status, out, err = run("segment", tmp_path, "--out", tmp_path, "--model", "tiny", "--overwrite")
    assert status == 1 and "is one of the inputs" in err
    assert (tmp_path / "a_labels.tif").read_bytes() == before
    assert "a_labels_labels.tif" in out


def test_notes_about_the_input_are_visible(run: Run, tiny_model: ModelInfo, tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((20, 20)).astype(np.float32)
    image[3, 3] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", image)
    status, _, err = run("segment", tmp_path / "a.tif", "--out", tmp_path / "out", "--model", "tiny")
    assert status == 0 and "note:" in err and "NaN" in err


def test_what_is_no_zarr_is_refused_with_a_sentence(run: Run, tiny_model: ModelInfo, tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    (tmp_path / "a.zarr").mkdir()
    status, _, err = run("segment", tmp_path / "a.zarr", "--out", tmp_path / "out", "--model", "tiny")
    assert status == 1 and "a.zarr cannot be read as zarr" in err


# ------------------------------------------------------------ evaluate, train


@pytest.fixture
def labelled(pictures: Path, tmp_path: Path) -> Path:
    """The pictures with labels: one bright square each."""
    folder = tmp_path / "labelled"
    (folder / "labels").mkdir(parents=True)
    pictures.rename(folder / "images")
    for path in (folder / "images").iterdir():
        shape = tifffile.imread(path).shape if path.suffix == ".tif" else Image.open(path).size[::-1]
        labels = np.zeros(shape, np.uint8)
        labels[5:20, 5:20] = 1
        Image.fromarray(labels).save(folder / "labels" / f"{path.stem}.png")
    return folder


def test_evaluate_all_levels(run: Run, labelled: Path, tiny_model: ModelInfo, tmp_path: Path) -> None:
    file = tmp_path / "scores.json"
    status, out, err = run("evaluate", labelled, "--model", "tiny", "--json", file, "--device", "cpu")
    assert status == 0, err
    result = json.loads(file.read_text())
    known = {"model", "device", "images", "recommended_level", "best_level_here", "levels", "auto", "scales"}
    assert result.keys() == known and result["auto"] is None
    assert (result["model"], result["images"], result["recommended_level"]) == ("tiny", 3, 2)
    assert list(result["levels"]) == ["1", "2", "3", "4"]
    for scores in result["levels"].values():
        assert scores.keys() == {"dice", "iou", "ap50", "parameters", "seconds_per_megapixel"}
        assert 0 <= scores["iou"] <= scores["dice"] <= 1 and scores["seconds_per_megapixel"] > 0
    assert all(f"L{level}" in out for level in (1, 2, 3, 4))


def test_evaluate_averages_orientations(run: Run, tmp_path: Path) -> None:
    image = np.asarray(Image.open(SHIPPED.parent / "samples" / "dense_fluorescence.png"))[100:228, 100:260]
    for name, data in (("images", image), ("labels", (image > np.median(image)).astype(np.uint8))):
        (tmp_path / name).mkdir()
        Image.fromarray(data).save(tmp_path / name / "a.png")
    results = []
    for options in ((), ("--augment",)):
        file = tmp_path / "scores.json"
        arguments = (tmp_path, "--model", "nuclei", "--scale", 1, "--json", file, *options)
        status, _, err = run("evaluate", *arguments)
        assert status == 0, err
        results.append(json.loads(file.read_text()))
    plain, mean = results
    assert mean["augment"] is True and "augment" not in plain and mean["auto"] is None
    assert list(mean["levels"]) == ["1", "2", "3", "4"]
    assert all(mean["levels"][level]["dice"] != plain["levels"][level]["dice"] for level in mean["levels"])


def test_evaluate_reports_a_bad_image_and_scores_the_rest(
    run: Run, labelled: Path, tiny_model: ModelInfo, tmp_path: Path
) -> None:
    broken = sorted((labelled / "images").iterdir())[0]
    broken.write_bytes(broken.read_bytes()[:40])
    status, out, err = run("evaluate", labelled, "--model", "tiny", "--json", tmp_path / "scores.json")
    assert status == 1 and f"error: {broken}" in err and "2 images" in out
    assert json.loads((tmp_path / "scores.json").read_text())["images"] == 2


def test_evaluate_refuses_unpaired_folders(run: Run, labelled: Path, tiny_model: ModelInfo) -> None:
    (labelled / "labels" / "grey.png").unlink()
    status, _, err = run("evaluate", labelled, "--model", "tiny")
    assert status == 1 and "without labels: grey" in err


def test_benchmark_measures_every_level(
    run: Run, tiny_model: ModelInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_unetpp.engine import tiles

    monkeypatch.setattr(tiles, "WHOLE_PIXELS", tiles.CELL**2 - 1)  # a tile or four say the same here
    status, out, err = run("benchmark", "--model", "tiny", "--device", "cpu", "--json", tmp_path / "b.json")
    assert status == 0 and "measuring tiny on cpu" in err
    assert "convolution peak" in out and all(f"\nL{level} " in out for level in (1, 2, 3, 4))
    result = json.loads((tmp_path / "b.json").read_text())
    assert result["model"] == tiny_model.sha256 and set(result["levels"]) == {"1", "2", "3", "4"}
    for level, row in result["levels"].items():
        assert (row["incremental_ms"] is None) == (level == "1")
        assert row["gflops"] == pytest.approx(row["share_of_peak"] * result["peak_gflops"])
        flops = graph.flops(int(level), tiny_model.net, 512, 512)
        assert row["gflops"] == pytest.approx(flops / row["cold_ms"] / 1e6)


def test_benchmark_tells_once_why_a_device_is_missing(
    tiny_model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from napari_unetpp.engine.benchmark import every_format

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    models, missing = every_format(tiny_model)
    assert "cpu float32" in {model.choice.label for model in models}
    assert {"cuda", "mps"} <= set(missing) and not [name for name in missing if name.startswith("cuda ")]
    assert missing["mps"] == "this computer or this torch has no Metal device."


@pytest.mark.parametrize("command", ["segment", "evaluate", "finetune", "benchmark", "train"])
@pytest.mark.parametrize("content", [b"II*\0 raw", b'{"type": "FeatureCollection"}', b"notes"])
def test_json_replaces_no_other_file(
    run: Run, tiny_model: ModelInfo, labelled: Path, tmp_path: Path, command: str, content: bytes
) -> None:
    """It replaced images, models and results, without a word."""
    model = ("--model", "tiny", "--device", "cpu")
    out = tmp_path / "new.safetensors"
    arguments = {
        "segment": (labelled / "images", "--out", tmp_path / "out", *model),
        "evaluate": (labelled, *model),
        "finetune": (labelled, "--out", out, *model),
        "benchmark": model,
        "train": (labelled, "--out", out, "--task", "instances", "--megapixels", 0.1, "--device", "cpu"),
    }[command]
    file = tmp_path / "mine"
    file.write_bytes(content)
    status, _, err = run(command, *arguments, "--json", file)
    assert status in (1, 2) and str(file) in err and "--json" in err
    assert file.read_bytes() == content
    assert not out.exists() and not (tmp_path / "out").exists(), "it says so before any work"


def test_json_replaces_its_own_report(
    run: Run, tiny_model: ModelInfo, labelled: Path, tmp_path: Path
) -> None:
    file = tmp_path / "log.json"
    arguments = (labelled / "images", "--out", tmp_path / "out", "--model", "tiny", "--json", file)
    file.touch()
    assert run("segment", *arguments)[0] == 0
    assert run("segment", *arguments, "--skip-existing")[0] == 0
    assert all(entry["skipped"] for entry in json.loads(file.read_text()))
    status, _, err = run("evaluate", labelled, "--model", "tiny", "--json", file)
    assert status == 2 and "no earlier report of 'evaluate'" in err
    result = json.loads(file.read_text())[0]["outputs"][0]
    before = Path(result).read_bytes()
    assert run("segment", *arguments, "--json", result, "--skip-existing")[0] == 2
    assert Path(result).read_bytes() == before


@pytest.mark.parametrize(("milliseconds", "said"), [(70, True), (90, False)])
def test_benchmark_says_that_auto_picks_a_slow_format(
    run: Run, tiny_model: ModelInfo, monkeypatch: pytest.MonkeyPatch, milliseconds: float, said: bool
) -> None:
    """What auto measured on a busy machine stayed for ever, and nothing said so."""
    from napari_unetpp.engine import benchmark
    from napari_unetpp.engine.loaded_model import LoadedModel

    took = {"cpu float32": 100.0, "cpu bfloat16": milliseconds, "cuda float16": 1.0}
    models = [LoadedModel.load(tiny_model, "cpu", "float32") for _ in took]

    def speed(label: str) -> dict[str, Any]:
        row = {"cold_ms": took[label], "incremental_ms": 1.0, "parameters": 1, "ms_per_megapixel": 1.0}
        row |= {"tiled_ms_per_megapixel": 1.0, "gflops": 1.0, "share_of_peak": 1.0}
        return {"device": label, "side": 1, "tiled_side": 1, "peak_gflops": 1.0, "levels": {"1": row}}

    results = iter([speed(label) for label in took])
    monkeypatch.setattr(benchmark, "every_format", lambda *_: (models, {}))
    monkeypatch.setattr(benchmark, "measure_speed", lambda *_, **__: next(results))
    status, out, _ = run("benchmark", "--model", "tiny")
    assert status == 0
    assert ("cpu bfloat16 was 1.4 times as fast as cpu float32, which auto picks" in out) is said
    assert ("cache --clear" in out) is said


def test_train_hands_everything_on(run: Run, monkeypatch: pytest.MonkeyPatch, tiny_model: ModelInfo) -> None:
    from napari_unetpp.train.scratch import run as training
    from napari_unetpp.train.scratch.request import TrainRequest

    seen: list[TrainRequest] = []

    def train_model(
        request: TrainRequest, log: Callable[[str], None], should_stop: Callable[[], bool]
    ) -> ModelInfo:
        seen.append(request)
        log("a live line")
        assert not should_stop()
        return tiny_model

    monkeypatch.setattr(training, "train_model", train_model)
    status, out, err = run(
        *("train", "one", "two", "--share", "4,1.5", "--data-credit", "A, CC0", "--data-credit", "B"),
        *("--out", "new.safetensors", "--task", "instances", "--from", "tiny", "--maps", "edge_distance"),
        *("--megapixels", 600, "--minutes", 1.5, "--epochs", 3, "--foreground", "2,3", "--seed", 7),
        *("--patch", 64, "--batch", 2, "--rate", 0.001, "--resume", "--device", "cpu", "--diameter", 17),
        *("--json", "log.jsonl", "--title", "Nuclei", "--licence", "CC0"),
    )
    assert status == 0 and "a live line" in err and "tiny" in out
    assert seen[0] == TrainRequest(
        [Path("one"), Path("two")],
        Path("new.safetensors"),
        "instances",
        shares=(4, 1.5),
        credits=["A, CC0", "B"],
        start="tiny",
        maps=("edge_distance",),
        megapixels=600,
        minutes=1.5,
        epochs=3,
        foreground=(2, 3),
        seed=7,
        patch=64,
        batch=2,
        rate=0.001,
        resume=True,
        device="cpu",
        diameter=17,
        json_path=Path("log.jsonl"),
        title="Nuclei",
        licence="CC0",
    )
    status, _, _ = run(
        *("train", "data", "--out", "new.safetensors", "--task", "semantic", "--val", "held"),
        *("--frame", 192, "--classes", "polyp,tool", "--supervision", "last"),
    )
    request = seen[1]
    assert (status, request.folders, request.val) == (0, [Path("data")], Path("held"))
    assert (request.frame, request.classes, request.supervision) == (192, ("polyp", "tool"), "last")


def test_train_that_is_interrupted_says_how_to_go_on(run: Run, data_root: Path, tmp_path: Path) -> None:
    """The step in progress is finished, and its state lies beside the model to be."""
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
    for pair in read_pairs(data_root / "nuclei_dsb2018" / "train")[:40:10]:
        for path, kind in ((pair.image, "images"), (pair.label, "labels")):
            shutil.copy(path, tmp_path / kind / path.name)
    arguments = ("train", tmp_path, "--out", tmp_path / "m.safetensors", "--task", "instances")
    length = (
        "--megapixels",
        2,
        "--patch",
        32,
        "--arch",
        "unet-1",
        "--device",
        "cpu",
        "--precision",
        "float32",
    )
    command = [sys.executable, "-m", "napari_unetpp", *map(str, (*arguments, *length))]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    said = []
    for line in running.stderr:
        said.append(line)
        if line.startswith("training on"):
            running.send_signal(signal.SIGTERM)
            break
    out, rest = running.communicate(timeout=300)
    err = "".join(said) + rest
    assert running.returncode == 1 and not out and "Traceback" not in err, err
    last = err.strip().splitlines()[-1]
    assert re.match(r"stopped at step \d+, after \d+% of the training", last) and "--resume" in last
    assert (tmp_path / "m.checkpoint.safetensors").exists()
    status, out, err = run(*arguments, *length, "--resume")
    assert status == 0 and "resumed at step" in err and "edge_distance" in out
    assert not (tmp_path / "m.checkpoint.safetensors").exists()


def test_train_does_not_replace_a_model_unasked(run: Run, tiny_model: ModelInfo, labelled: Path) -> None:
    status, _, err = run("train", labelled, "--out", tiny_model.path, "--task", "instances")
    assert status == 1 and "exists already" in err


def test_finetune_gives_the_weights_of_the_button(
    run: Run, tiny_model: ModelInfo, data_root: Path, tmp_path: Path
) -> None:
    """What "Save corrections" writes, learned from on the command line and by the dock's trainer."""
    import torch

    from napari_unetpp.session.correct.work import TorchTrainer

    pair = read_pairs(data_root / "cells_phase" / "train")[0]
    window = (slice(300, 492), slice(300, 492))
    certain = np.zeros((192, 192), bool)
    certain[:, :150] = True
    labels = read_label(pair.label)[window]
    plane = LabelledPlane("cells", read_image(pair.image)[window], labels, "corrections", certain=certain)
    trainer = TorchTrainer()
    trainer.save(tmp_path / "kept", (plane,), tiny_model)
    out, log = tmp_path / "new.safetensors", tmp_path / "log.json"
    arguments = ("finetune", tmp_path / "kept", "--model", "tiny", "--out", out, "--steps", 3, "--seed", 5)
    status, text, err = run(*arguments, "--json", log)
    assert status == 0 and "3 steps" in text and "held out" in err and "dice before" in text
    request = FinetuneRequest(tiny_model, (plane,), seconds=None, steps=3, seed=5)
    *_, done = trainer.finetune(request, lambda: False)
    assert isinstance(done, FinetuneDone)
    written = read_tensors(out)
    assert all(torch.equal(tensor, written[name]) for name, tensor in done.tensors.items())
    said = json.loads(log.read_text())
    assert said["steps"] == 3 and set(said["levels"]) == {"1", "2", "3", "4"}
    status, _, err = run(*arguments)
    assert status == 1 and "exists already" in err
    status, _, err = run("finetune", tmp_path / "kept", "--model", "tiny", "--out", tiny_model.path)
    assert status == 1 and "never written to" in err


def test_demo_without_a_screen_runs_itself_under_xvfb(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    status, _, err = run("demo")
    assert status == 1 and "apt-get install xvfb" in err
    called: list[list[str]] = []
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "call", lambda command: called.append(command) or 0)
    assert run("demo", "--out", "pictures")[0] == 0
    assert called[0][0] == "/usr/bin/xvfb-run" and called[0][-3:] == ["demo", "--out", "pictures"]


# ------------------------------------------------------------ the shipped model on real images


def test_segment_finds_the_scale_of_large_nuclei(run: Run, data_root: Path, tmp_path: Path) -> None:
    """Three times larger than the model knows them; the printed line says the scale and the size."""
    pair = read_pairs(data_root / "nuclei_dsb2018" / "train")[138]
    image, truth = read_image(pair.image)[:256, :256], read_label(pair.label)[:256, :256]
    tifffile.imwrite(tmp_path / "large.tif", resample(image, 3.0))
    options = ("--out", tmp_path / "out", "--level", 2, "--device", "cpu")
    status, out, err = run("segment", tmp_path / "large.tif", *options)
    assert status == 0, err
    found = re.search(r"(\d+) objects, L2, .*, scale (\d\.\d+): objects of about (\d+) px$", out.strip())
    assert found, out
    count, scale, diameter = int(found[1]), float(found[2]), int(found[3])
    assert 0.7 < count / (len(np.unique(truth)) - 1) < 1.4
    assert 0.15 < scale < 0.4 and 16 < scale * diameter < 25


@pytest.mark.skipif(
    not (model_list.SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped yet"
)
@pytest.mark.parametrize("level", [2, 4])
def test_the_shipped_model_finds_real_nuclei(level: int, run: Run, data_root: Path, tmp_path: Path) -> None:
    pairs = read_pairs(data_root / "nuclei_dsb2018" / "test")
    pair = max(  # of the small grey images, the one with the most nuclei
        (p for p in pairs[:20] if read_image(p.image).ndim == 2), key=lambda p: int(read_label(p.label).max())
    )
    status, _, err = run("segment", pair.image, "--out", tmp_path, "--level", level, "--device", "cpu")
    assert status == 0, err
    labels, truth = tifffile.imread(tmp_path / f"{pair.stem}_labels.tif"), read_label(pair.label)
    overlap = 2 * np.count_nonzero((labels > 0) & (truth > 0))
    assert overlap / (np.count_nonzero(labels) + np.count_nonzero(truth)) > 0.75
    count = len(np.unique(truth)) - 1
    assert 0.6 * count < labels.max() < 1.6 * count
