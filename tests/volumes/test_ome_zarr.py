"""Labels on disk, part by part, as the format has them."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes import ome_zarr
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.inputs.source import open_image
from napari_unetpp.volumes.metadata import axes_of_ome_zarr
from napari_unetpp.volumes.ome_zarr import create_labels, level_shapes, open_labels

LABELS = np.random.default_rng(0).integers(0, 90_000, (3, 130, 97)).astype(np.uint32)
AXES = Axes("ZYX", LABELS.shape, "OME metadata", spacing=(2.0, 0.25, 0.25))


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(ome_zarr, "CHUNK", 32)
    monkeypatch.setattr(ome_zarr, "SMALLEST", 40)


def written(path):
    made = create_labels(path, AXES)
    for z, plane in enumerate(LABELS):
        made.write((z, slice(None), slice(None)), plane)
    return made


def test_levels(small_chunks, tmp_path):
    made = written(tmp_path / "a.ome.zarr")
    assert not made.complete
    *_, last = made.write_coarser()
    assert made.complete and last == (last[1], last[1])
    assert [level.shape for level in made.levels] == [(3, 130, 97), (3, 65, 49), (3, 33, 25)]
    for n, level in enumerate(made.levels):
        np.testing.assert_array_equal(level[:], LABELS[:, :: 2**n, :: 2**n])


def test_what_the_format_says(small_chunks, tmp_path):
    written(tmp_path / "a.ome.zarr")
    folder = tmp_path / "a.ome.zarr/labels"
    assert json.loads((folder / ".zattrs").read_text())["labels"] == ["objects"]
    said = json.loads((folder / "objects/.zattrs").read_text())
    assert said["image-label"]["version"] == said["multiscales"][0]["version"] == "0.4"
    assert (folder / "objects/0/2/4/3").is_file(), "chunks lie in nested folders"
    axes = axes_of_ome_zarr(said, (3, 65, 49), level=1)
    assert axes.names == "ZYX" and axes.spacing == (2.0, 0.5, 0.5)


def test_readers_of_images_find_the_same_pixels(small_chunks, tmp_path):
    """Without an image at the top napari-ome-zarr 0.10 opens nothing of a zarr with labels."""
    list(written(tmp_path / "a.ome.zarr").write_coarser())
    with open_image(tmp_path / "a.ome.zarr") as image:
        assert image.axes.names == "ZYX" and image.axes.spacing == AXES.spacing
        np.testing.assert_array_equal(image.array[:], LABELS)
    said = json.loads((tmp_path / "a.ome.zarr/.zattrs").read_text())["multiscales"][0]
    assert [level["path"] for level in said["datasets"]] == [f"labels/objects/{n}" for n in range(3)]


def test_go_on_after_an_interruption(small_chunks, tmp_path):
    made = create_labels(tmp_path / "a.ome.zarr", AXES)
    made.write((0, slice(None), slice(None)), LABELS[0])
    again = open_labels(tmp_path / "a.ome.zarr")
    again.write((slice(1, 3), slice(0, 130), slice(0, 97)), LABELS[1:])
    assert len(list(again.write_coarser(iter([False, True]).__next__))) == 1
    assert not open_labels(tmp_path / "a.ome.zarr").complete
    list(again.write_coarser())
    assert open_labels(tmp_path / "a.ome.zarr").complete
    np.testing.assert_array_equal(open_labels(tmp_path / "a.ome.zarr").levels[0][:], LABELS)


def test_shapes_of_levels():
    assert level_shapes((512, 512)) == ((512, 512),)
    assert level_shapes((5, 1025, 3)) == ((5, 1025, 3), (5, 513, 2), (5, 257, 1))


def test_nothing_is_overwritten(small_chunks, tmp_path):
    (tmp_path / "a.ome.zarr").mkdir()
    with pytest.raises(UnetppError, match="exists already"):
        create_labels(tmp_path / "a.ome.zarr", AXES)


def test_what_is_no_zarr_of_ours(small_chunks, tmp_path):
    (tmp_path / "b.ome.zarr").mkdir()
    for name in ("b.ome.zarr", "none.ome.zarr"):
        with pytest.raises(UnetppError, match="holds no labels"):
            open_labels(tmp_path / name)


def test_colour_labels_are_refused(tmp_path):
    with pytest.raises(UnetppError, match="letters of TCZYX"):
        create_labels(tmp_path / "a.ome.zarr", Axes("YXS", (8, 8, 3)))


def test_a_full_disk_keeps_what_was_written(small_chunks, tmp_path):
    made = written(tmp_path / "a.ome.zarr")

    class Full:
        def __setitem__(self, *_):
            raise OSError(28, "No space left on device")

    full = replace(made, levels=(Full(),))
    with pytest.raises(UnetppError, match=r"No space left on device\. What was written before is kept"):
        full.write((0, slice(0, 8), slice(0, 8)), np.ones((8, 8)))
    np.testing.assert_array_equal(open_labels(tmp_path / "a.ome.zarr").levels[0][:], LABELS)


def test_without_zarr(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(UnetppError, match=r"pip install .napari-unetpp\[zarr\]"):
        create_labels(tmp_path / "a.ome.zarr", AXES)
