"""Folders of pairs, and how labels are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_unetpp._types import UnetppError
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs

LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def _make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_pairs_by_stem_whatever_the_suffix(tmp_path: Path) -> None:
    _make(tmp_path, "images/b.png", "images/a.ome.tif", "images/.hidden.png", "images/Thumbs.db")
    _make(tmp_path, "labels/a.png", "labels/b.TIF", "ignore/b.png")
    pairs = read_pairs(tmp_path)
    assert [pair.stem for pair in pairs] == ["a", "b"]
    assert pairs[0].ignore is None and pairs[1].ignore == tmp_path / "ignore/b.png"
    assert pairs[1].label == tmp_path / "labels/b.TIF"


def test_two_files_with_one_stem_are_refused(tmp_path: Path) -> None:
    _make(tmp_path, "images/a.png", "images/a.tif", "labels/a.png")
    with pytest.raises(UnetppError, match=r"both a.png and a.tif"):
        read_pairs(tmp_path)


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    _make(tmp_path, "images/a.png")
    with pytest.raises(UnetppError, match="no folder labels/"):
        read_pairs(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    with pytest.raises(UnetppError, match="holds no images"):
        read_pairs(tmp_path)


READABLE: dict[str, NDArray[Any]] = {
    "uint8": LABELS,
    "uint16": LABELS.astype(np.uint16) * 1000,
    "signed": LABELS.astype(np.int32),
    "whole floats": LABELS.astype(np.float32),
    "bool": LABELS > 3,
    "grey as RGB": np.stack([LABELS] * 3, axis=-1),
}


@pytest.mark.parametrize("case", READABLE)
def test_labels_are_whole_numbers(case: str, tmp_path: Path) -> None:
    labels = READABLE[case]
    tifffile.imwrite(tmp_path / "a.tif", labels)
    read = read_label(tmp_path / "a.tif")
    assert read.dtype.kind == "u"
    np.testing.assert_array_equal(read, labels if labels.ndim == 2 else labels[..., 0])


def test_indexed_colours_are_the_labels(tmp_path: Path) -> None:
    image = Image.new("P", (4, 3))
    image.putdata(LABELS.ravel().tolist())
    image.putpalette([0, 0, 0, 255, 0, 0] + [9] * 750)
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_label(tmp_path / "a.png"), LABELS)


REFUSED: dict[str, tuple[str, NDArray[Any], str]] = {
    "colours": ("a.png", np.random.default_rng(0).integers(0, 255, (3, 4, 3)).astype(np.uint8), "shape"),
    "negative": ("a.tif", LABELS.astype(np.int16) - 3, "negative"),
    "fractions": ("a.tif", LABELS / np.float32(7), "not whole"),
    "NaN": ("a.tif", np.full((3, 4), np.nan, np.float32), "not whole"),
    "JPEG": ("a.jpg", LABELS, "JPEG changes label values"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_labels_refused(case: str, tmp_path: Path) -> None:
    name, labels, message = REFUSED[case]
    tifffile.imwrite(tmp_path / name, labels) if name.endswith(".tif") else Image.fromarray(labels).save(
        tmp_path / name
    )
    with pytest.raises(UnetppError, match=message):
        read_label(tmp_path / name)


@pytest.mark.parametrize("name", ["nuclei_dsb2018", "polyps_kvasir", "cells_phase", "axons_sem"])
def test_real_sets(name: str, data_root: Path) -> None:
    pairs = read_pairs(data_root / name / "test")
    for pair in pairs[:3]:
        assert read_image(pair.image).shape[:2] == read_label(pair.label).shape
