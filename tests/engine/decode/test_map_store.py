"""Collecting tiles."""

import numpy as np
import pytest

from napari_unetpp._types import Region, TileDone
from napari_unetpp.engine.decode.map_store import MAP_DTYPE, MapStore, as_stored


def tile(region, level=1, value=0.5):
    return TileDone(0, level, region, np.full((2, *region.shape), value, np.float32), 1, 1)


LEFT, RIGHT = Region(0, 0, 4, 3), Region(0, 3, 4, 6)


@pytest.mark.parametrize("dtype", [np.float32, MAP_DTYPE])
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


def test_maps_are_kept_as_half_floats_at_every_size():
    store = MapStore((1, 256), 1)
    values = np.linspace(0, 1, 256, dtype=np.float32)[None, None]
    store.add(TileDone(0, 1, Region(0, 0, 1, 256), values**2, 1, 1))
    assert store.dtype == np.float16
    assert np.abs(store.maps(1) - values**2).max() <= 0.00025
    np.testing.assert_array_equal(store.maps(1), as_stored(values**2))


def test_bytes_and_drop():
    store = MapStore((4, 6), 2)
    store.add(tile(LEFT, level=1))
    store.add(tile(LEFT, level=3))
    assert (store.levels, store.nbytes) == ((1, 3), 192)
    store.drop(1)
    assert (store.levels, store.nbytes) == ((3,), 96)


def test_some_channels_of_a_part():
    values = np.random.default_rng(0).random((3, 6, 8), np.float32)
    store = MapStore((6, 8), 3, dtype=np.float32)
    store.add(TileDone(0, 1, Region.whole((6, 8)), values, 1, 1))
    np.testing.assert_array_equal(store.maps(1, Region(1, 2, 4, 8), slice(1, None)), values[1:, 1:4, 2:8])
