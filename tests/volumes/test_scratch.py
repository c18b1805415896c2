"""Planes on disk: what was written is read, and a full disk is an error."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_unetpp._types import DecodeRule, ModelInfo, NetConfig, Region, TileDone, UnetppError
from napari_unetpp.engine.decode.map_store import MapStore
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.volumes.scratch import MapFile, ScratchArray
from napari_unetpp.volumes.stitching.stitch import stitch


@pytest.mark.parametrize("leading", [(), (3,)])
def test_rectangles(leading, tmp_path):
    rng = np.random.default_rng(0)
    expected = np.zeros((*leading, 40, 31), np.int32)
    kept = ScratchArray(tmp_path / "a", expected.shape, np.int32)
    for _ in range(20):
        (y0, y1), (x0, x1) = (sorted(rng.integers(0, n + 1, 2)) for n in expected.shape[-2:])
        where = slice(int(y0), int(y1)), slice(int(x0), int(x1))
        expected[(..., *where)] = rng.integers(0, 9, (*leading, y1 - y0, x1 - x0))
        kept[where] = expected[(..., *where)]
        np.testing.assert_array_equal(kept[where], expected[(..., *where)])
    np.testing.assert_array_equal(kept[:, :], expected)


def test_objects_of_maps_on_disk(tmp_path):
    """As of a plane in memory, of which maps are kept alike."""
    rng = np.random.default_rng(0)
    maps = rng.random((2, 12, 10), np.float32).repeat(6, 1).repeat(6, 2)
    rule = DecodeRule(seeds="distance", seed_threshold=0.2, min_size=5, prominence=0.05)
    info = ModelInfo("test", "instances", ("cell",), ("foreground", "distance"), NetConfig(outputs=2))
    info = replace(info, decode=rule)
    store = MapStore(maps.shape[1:], 2)
    file = MapFile(tmp_path / "maps", maps.shape[1:], 2)
    for region in (Region(0, 0, 40, 60), Region(40, 0, 72, 60)):
        store.add(TileDone(0, 4, region, maps[:, *region.slices], 1, 1))
        file.write(region, maps[:, *region.slices])
        np.testing.assert_array_equal(file.read(region), store.maps(4, region))
    numbers = ScratchArray(tmp_path / "numbers", maps.shape[1:], np.int32)
    *_, last = stitch(file.read, maps.shape[1:], info, numbers, side=25)
    found, expected = (
        last.labels(DecodeRule(min_size=5))[numbers[:, :]],
        PlaneResult(store, info, 4, maps.shape[1:], info.decode).labels(),
    )
    np.testing.assert_array_equal(found > 0, expected > 0)
    assert found.max() == expected.max() > 5
    assert np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1).shape[1] == expected.max() + 1


def test_a_file_that_is_there_is_not_overwritten(tmp_path):
    (tmp_path / "a").write_text("mine")
    with pytest.raises(UnetppError, match="could not be written"):
        ScratchArray(tmp_path / "a", (4, 4), np.uint8)
    assert (tmp_path / "a").read_text() == "mine"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error(tmp_path):
    kept = ScratchArray(tmp_path / "a", (4, 4), np.uint8)
    (tmp_path / "a").unlink()
    (tmp_path / "a").symlink_to("/dev/full")
    with pytest.raises(UnetppError, match=r"No space left on device\. Check that the disk has room"):
        kept[0:2, 0:2] = np.ones((2, 2))
