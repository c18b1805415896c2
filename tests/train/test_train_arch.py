"""``train --arch`` on real nuclei: every architecture becomes a model that is scored and segments."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("monai")

from napari_unetpp._types import UnetppError
from napari_unetpp.api import load_model, segment
from napari_unetpp.files.folders import read_pairs
from napari_unetpp.files.images import read_image
from napari_unetpp.net.baselines import BASELINES
from napari_unetpp.train import run
from napari_unetpp.train.run import TrainRequest, train_folder

SMALL = ("unet-1", "unet-2")


@pytest.fixture(scope="module")
def folder(data_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small images."""
    folder = tmp_path_factory.mktemp("nuclei")
    pairs = [p for p in read_pairs(data_root / "nuclei_dsb2018" / "train") if p.image.stat().st_size < 60_000]
    for pair in pairs[:60:10]:
        for path, kind in ((pair.image, "images"), (pair.label, "labels")):
            (folder / kind).mkdir(exist_ok=True)
            shutil.copy(path, folder / kind / path.name)
    return folder


@pytest.mark.parametrize("arch", SMALL)
def test_a_baseline_is_trained_scored_and_used(folder: Path, tmp_path: Path, arch: str) -> None:
    out = tmp_path / f"{arch}.safetensors"
    lines: list[str] = []
    info = train_folder(
        TrainRequest(folder, out, "instances", arch=arch, epochs=1, patch=32, batch=2, seed=0), lines.append
    )
    level = BASELINES[arch]().depth
    assert info.net.arch == "unet" and info.net.levels == (level,) and info.recommended_level == level
    assert info.validation is not None and set(info.validation.levels) == {level}
    image = read_image(sorted((folder / "images").iterdir())[0])
    found = segment(image, load_model(out))
    assert found.level == level and found.labels.shape == image.shape[:2]
    assert np.isfinite(found.uncertainty).all()
    with pytest.raises(UnetppError, match=f"level {level} only"):
        segment(image, load_model(out), level=level + 1)


def test_training_the_last_head_alone(folder: Path, tmp_path: Path, tiny_model) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "last.safetensors"
    request = TrainRequest(folder, out, "instances", supervision="last", epochs=1, patch=32, batch=2)
    info = train_folder(request, lambda _line: None)
    assert info.net.levels == (4,) and info.recommended_level == 4
    assert info.validation is not None and set(info.validation.levels) == {4}
    again = replace(request, out=tmp_path / "again.safetensors")
    on = train_folder(replace(again, start=str(info.path)), lambda _line: None)
    assert on.net == info.net, "a model is trained on as it is"
    with pytest.raises(UnetppError, match="head for every level"):
        train_folder(replace(again, start=str(tiny_model.path)), lambda _line: None)


def test_an_architecture_that_the_parent_is_not_is_refused(folder: Path, tmp_path: Path, tiny_model) -> None:  # type: ignore[no-untyped-def]
    request = TrainRequest(
        folder, tmp_path / "m.safetensors", "instances", arch="unet", start=str(tiny_model.path), epochs=1
    )
    with pytest.raises(UnetppError, match="is a unetpp"):
        train_folder(request, lambda _line: None)


def test_what_is_held_out_does_not_depend_on_the_seed(folder: Path, tmp_path: Path) -> None:
    def told(seed: int) -> list[str]:
        lines: list[str] = []
        request = TrainRequest(folder, tmp_path / f"{seed}.safetensors", "instances", seed=seed)
        _, _, held = run._prepare(request, None, lines.append)
        return [sample.stem for sample in held]

    assert told(0) == told(1)
