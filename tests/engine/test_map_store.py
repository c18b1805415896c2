"""Collecting tiles."""

import numpy as np
import pytest

from napari_unetpp._types import Region, TileDone
from napari_unetpp.engine.maps import MapStore


def tile(region, level=1, value=0.5):
    return TileDone(0, level, region, np.full((2, *region.shape), value, np.float32), 1, 1)


LEFT, RIGHT = Region(0, 0, 4, 3), Region(0, 3, 4, 6)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_complete_when_all_tiles_arrived(dtype):
    store = MapStore((4, 6), 2, dtype=dtype)
    assert store.levels == ()
    store.add(tile(LEFT))
    store.add(tile(LEFT))
    assert not store.complete(1)
    store.add(tile(RIGHT, value=1.0))
    assert store.complete(1)
    assert not store.complete(2)
    maps = store.maps(1)
    assert (maps.shape, maps.dtype) == ((2, 4, 6), np.float32)
    np.testing.assert_allclose(maps[:, :, 3:], 1.0)
    np.testing.assert_allclose(store.maps(1, RIGHT), 1.0)


def test_uint8_is_within_half_a_step():
    store = MapStore((1, 256), 1, dtype="uint8")
    values = np.linspace(0, 1, 256, dtype=np.float32)[None, None]
    store.add(TileDone(0, 1, Region(0, 0, 1, 256), values**2, 1, 1))
    assert np.abs(store.maps(1) - values**2).max() <= 0.5 / 255 + 1e-6


def test_bytes_and_drop():
    small, large = (MapStore((4, 6), 2, dtype=dtype) for dtype in ("uint8", "float32"))
    for store in (small, large):
        store.add(tile(LEFT, level=1))
        store.add(tile(LEFT, level=3))
    assert (small.nbytes, large.nbytes) == (96, 384)
    assert small.levels == (1, 3)
    small.drop(1)
    assert (small.levels, small.nbytes) == ((3,), 48)
