"""Damaged and hostile files end in a sentence; `tests/benchmarks/fuzz_readers.py` reads many more of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fuzzing import TARGETS, fuzz

from napari_unetpp._types import UnetppError
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.images.pixel_size import read_pixel_size
from napari_unetpp.files.labels.session_file import read_session
from napari_unetpp.files.models.header import read_header
from napari_unetpp.volumes.inputs.source import is_stack, open_image

COUNT = 40
NEEDS = {"NIfTI": "nibabel", "DICOM": "pydicom", "OME-Zarr": "zarr"}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """tifffile and others report what is wrong with a file."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", TARGETS)
def test_readers_say_what_is_wrong(name: str, tmp_path: Path) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    assert [str(fault) for fault in fuzz(name, COUNT, tmp_path)] == []


@pytest.mark.parametrize("name", ["OME-TIFF, a stack", "ImageJ TIFF", "OME-Zarr"])
def test_seeds_that_once_failed(name: str, tmp_path: Path) -> None:
    """Errors of tifffile, of its XML and of zarr reached the user."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    assert [str(fault) for fault in fuzz(name, 12, tmp_path, first_seed=36)] == []


def test_a_zarr_that_claims_to_be_huge(tmp_path: Path) -> None:
    """Its chunks were counted, which would have taken years."""
    pytest.importorskip("zarr")
    path = TARGETS["OME-Zarr"].make(tmp_path)
    file = path / "s0" / "zarr.json"
    content = json.loads(file.read_text())
    content["shape"][-1] = 2**62
    file.write_text(json.dumps(content))
    notes: list[str] = []
    with open_image(path, note=notes.append) as image:
        assert image.axes.size("X") == 2**62 and notes == []


@pytest.mark.parametrize("big", [False, True])
def test_pages_that_form_a_circle(big: bool, tmp_path: Path) -> None:
    """tifffile would go round and round: found by seed 155 of TIFF."""
    path = tmp_path / "a.tif"
    planes = np.zeros((3, 8, 8), np.uint8)
    with tifffile.TiffWriter(path, bigtiff=big) as file:
        for plane in planes:
            file.write(plane, contiguous=False)
    assert read_image(path).shape == (8, 8)
    with tifffile.TiffFile(path) as file:
        first, last = file.pages[0], file.pages[2]
        size = 8 if big else 4
        end = last.offset + (8 + 20 * len(last.tags) if big else 2 + 12 * len(last.tags))
        target = first.offset.to_bytes(size, "little" if file.byteorder == "<" else "big")
    data = bytearray(path.read_bytes())
    assert data[end : end + size] == bytes(size)
    data[end : end + size] = target
    path.write_bytes(data)
    with pytest.raises(UnetppError, match="its pages lead back"):
        read_image(path)
    with pytest.raises(UnetppError, match="its pages lead back"), open_image(path):
        pass
    assert not is_stack(path) and read_pixel_size(path) is None


@pytest.mark.parametrize(
    "plane",
    [
        {"range": [9]},
        {"range": [0, 1e999]},
        {"range": [9, 0]},
        {"scale": 0},
        {"scale": float("nan")},
        {"background": float("inf")},
        {"regions": [[]]},
    ],
    ids=str,
)
def test_a_session_with_values_that_cannot_be(plane: dict[str, object], tmp_path: Path) -> None:
    sound = {"name": "a", "labels_as": "sparse", "background": None, "scale": None, "objects": True}
    content = {"format_version": 1, "planes": {"a": sound | plane}}
    (tmp_path / "session.json").write_text(json.dumps(content))
    with pytest.raises(UnetppError, match="is damaged"):
        read_session(tmp_path / "session.json")


def test_a_session_that_is_nested_too_deeply(tmp_path: Path) -> None:
    (tmp_path / "session.json").write_text("[" * 100_000)
    with pytest.raises(UnetppError, match="is damaged"):
        read_session(tmp_path / "session.json")


@pytest.mark.parametrize("shape", [[2] * 300_000, [10**400] * 9, [2**63, 2**63]], ids=len)
def test_tensors_that_claim_to_be_huge(shape: list[int], tmp_path: Path) -> None:
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}
    text = json.dumps({"a": entry}).encode()
    (tmp_path / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(4))
    with pytest.raises(UnetppError, match="its header is not that of safetensors"):
        read_header(tmp_path / "a.safetensors")
