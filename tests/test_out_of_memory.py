"""What the network has done is not lost where telling objects apart takes more memory than there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_unetpp.cli import main

pytest.importorskip("torch")


def test_the_mask_is_written_and_the_other_images_go_on(
    tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from napari_unetpp.engine.decode import labelling

    rng = np.random.default_rng(0)
    for name, side in (("large", 90), ("small", 40)):
        tifffile.imwrite(tmp_path / f"{name}.tif", rng.integers(0, 255, (side, side), np.uint8))
    inputs = [str(tmp_path / f"{name}.tif") for name in ("large", "small")]
    common = ["--model", "tiny", "--level", "1", "--scale", "1"]
    assert main(["segment", inputs[0], "--out", str(tmp_path / "whole"), "--kind", "mask", *common]) == 0
    real = labelling.objects

    def scarce(maps: Any, *rest: Any, **options: Any) -> Any:
        if maps[0].size > 2000:
            raise MemoryError
        return real(maps, *rest, **options)

    monkeypatch.setattr(labelling, "objects", scarce)
    monkeypatch.setattr("napari_unetpp.engine.decode.plane_result.DIVISORS", (1,))
    assert main(["segment", *inputs, "--out", str(tmp_path / "out"), *common]) == 1
    told = capsys.readouterr().err
    assert "out of memory while telling objects apart" in told and "large_mask.tif" in told
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "large_mask.tif",
        "small_labels.tif",
    ]
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "out" / "large_mask.tif"),
        tifffile.imread(tmp_path / "whole" / "large_mask.tif"),
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("labels", "while telling objects apart"),
        ("probability", "while bringing the result to the grid of the image"),
    ],
)
def test_the_python_function_tries_smaller_pieces_then_says_what_to_do(
    tiny_model: Any, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    """It raised a bare MemoryError."""
    from napari_unetpp import UnetppError, segment
    from napari_unetpp.engine.decode.plane_result import DIVISORS, PlaneResult

    image = np.random.default_rng(0).integers(0, 255, (60, 80), np.uint8)
    whole = segment(image, "tiny", level=1, scale=1.0)
    real, cuts = getattr(PlaneResult, f"_{name}"), []

    def scarce(maps: PlaneResult) -> Any:
        cuts.append(maps.divisor)
        if maps.divisor < least:
            raise MemoryError
        return real(maps)

    monkeypatch.setattr(PlaneResult, f"_{name}", scarce)
    least = DIVISORS[-1]
    np.testing.assert_array_equal(segment(image, "tiny", level=1, scale=1.0).labels, whole.labels)
    assert tuple(cuts) == DIVISORS
    least = DIVISORS[-1] + 1
    with pytest.raises(UnetppError, match=f"^Out of memory {told}: crop the image"):
        segment(image, "tiny", level=1, scale=1.0)


def test_a_network_that_runs_out_of_memory_says_so_in_python(
    tiny_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch raises a RuntimeError of its own; other ones stay what they are."""
    from napari_unetpp import UnetppError, segment
    from napari_unetpp.engine.loaded_model import LoadedModel

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError(text)

    monkeypatch.setattr(LoadedModel, "stream", fail)
    text, image = "DefaultCPUAllocator: can't allocate memory", np.ones((20, 20)) * np.arange(20)
    with pytest.raises(UnetppError, match=r"^Out of memory while the network ran: crop the image"):
        segment(image, "tiny", level=1, scale=1.0)
    text = "a bug"
    with pytest.raises(RuntimeError, match="a bug"):
        segment(image, "tiny", level=1, scale=1.0)


def test_without_memory_for_the_usual_tiles_smaller_ones_are_used(
    tiny_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same result, and a note; where that does not help either, a shallower level is offered."""
    from napari_unetpp import UnetppError, segment
    from napari_unetpp.engine import collect
    from napari_unetpp.engine.loaded_model import LoadedModel

    image = np.random.default_rng(0).integers(0, 255, (200, 240), np.uint8)
    whole = segment(image, "tiny", level=2, scale=1.0)
    real, sides = LoadedModel.stream, []

    def scarce(self: LoadedModel, x: Any, *rest: Any, **options: Any) -> Any:
        sides.append(max(x.shape[-2:]))
        if sides[-1] > largest:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried")
        return real(self, x, *rest, **options)

    monkeypatch.setattr(LoadedModel, "stream", scarce)
    monkeypatch.setattr(collect, "SMALL_CELL", 64)
    largest = 150
    found = segment(image, "tiny", level=2, scale=1.0)
    np.testing.assert_array_equal(found.labels, whole.labels)
    assert len(sides) > 5 and any("smaller ones were used" in note for note in found.notes)
    largest = 20
    with pytest.raises(UnetppError, match=r"shallower level \(--level 1\)"):
        segment(image, "tiny", level=2, scale=1.0)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Two images with labels, ``large`` and ``small``."""
    rng = np.random.default_rng(0)
    for kind in ("images", "labels"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    for name, side in (("large", 90), ("small", 40)):
        labels = np.zeros((side, side), np.uint8)
        labels[8:24, 8:24] = 1
        tifffile.imwrite(tmp_path / "data" / "labels" / f"{name}.tif", labels)
        image = 100 * labels + rng.integers(0, 50, labels.shape, np.uint8)
        tifffile.imwrite(tmp_path / "data" / "images" / f"{name}.tif", image)
    return tmp_path / "data"


def scarce(whole: Any, least: int) -> Any:
    """The network as it is on a machine whose memory does not take images of so many pixels."""

    def run(self: Any, image: Any, *rest: Any, **options: Any) -> Any:
        if image.shape[-1] * image.shape[-2] >= least:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return whole(self, image, *rest, **options)

    return run


def test_evaluate_names_the_image_and_goes_on(
    labelled: Path, tiny_model: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole command ended with "not enough memory"."""
    from napari_unetpp import UnetppError, evaluate
    from napari_unetpp.engine.loaded_model import LoadedModel

    monkeypatch.setattr(LoadedModel, "stream", scarce(LoadedModel.stream, 80 * 80))
    assert main(["evaluate", str(labelled), "--model", "tiny", "--scale", "1"]) == 1
    told = capsys.readouterr()
    assert "on " in told.out and ": 1 image, " in told.out
    assert f"error: Out of memory while scoring {labelled / 'images' / 'large.tif'}: crop the" in told.err
    with pytest.raises(UnetppError, match=r"^Out of memory while scoring .*large\.tif: crop the image"):
        evaluate(labelled, "tiny", scale=1.0)


def test_learning_says_what_it_was_doing(
    labelled: Path, tiny_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_unetpp import UnetppError, finetune
    from napari_unetpp.net.unetpp import UNetPlusPlus

    pytest.importorskip("monai")
    image, labels = (tifffile.imread(labelled / kind / "large.tif") for kind in ("images", "labels"))
    monkeypatch.setattr(UNetPlusPlus, "all_heads", scarce(UNetPlusPlus.all_heads, 1))
    with pytest.raises(UnetppError, match=r"^(Out of memory while preparing|not enough memory to learn)"):
        finetune("tiny", [image], [labels], scale=1.0, steps=1)


@pytest.mark.parametrize(
    ("command", "doing"),
    [
        (
            "train {} --task instances --epochs 1 --precision float32 --out {}",
            "training: give a smaller --batch or --patch",
        ),
        (
            "calibrate {} --model tiny --out {}",
            "all levels of an image of 90 x 90 px were computed in one piece",
        ),
    ],
)
def test_commands_say_what_they_were_doing(
    command: str,
    doing: str,
    labelled: Path,
    tiny_model: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from napari_unetpp.net.unetpp import UNetPlusPlus

    pytest.importorskip("monai")
    monkeypatch.setattr(UNetPlusPlus, "all_heads", scarce(UNetPlusPlus.all_heads, 1))
    out = tmp_path / "new.safetensors"
    assert main(command.format(labelled, out).split()) == 1
    assert f"Out of memory while {doing}" in capsys.readouterr().err and not out.exists()
