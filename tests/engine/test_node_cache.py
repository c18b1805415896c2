"""The node cache: budget, order of eviction, forgetting."""

import pytest
import torch

from napari_unetpp._types import Normalisation, Region
from napari_unetpp.engine.input.normalise import NormStats
from napari_unetpp.engine.node_cache import NodeCache, TileKey, node_bytes


def key(plane="a", x=0, version="v"):
    return TileKey(plane, (64, 64), Region(0, x, 16, x + 16), version)


def nodes(floats=25):
    return {(0, 0): torch.zeros(floats)}  # 100 bytes


def test_unknown_tile_has_no_nodes():
    assert NodeCache(1000).get(key()) == {}


@pytest.mark.parametrize("other", [key(plane="b"), key(x=16), key(version="w")])
def test_plane_tile_and_version_are_told_apart(other):
    cache = NodeCache(1000)
    cache.put(key(), nodes())
    assert cache.get(other) == {}
    assert set(cache.get(key())) == {(0, 0)}


def test_budget_is_kept_by_dropping_the_oldest():
    cache = NodeCache(250)
    cache.put(key(x=0), nodes())
    cache.put(key(x=16), nodes())
    cache.get(key(x=0))
    cache.put(key(x=32), nodes())
    assert cache.nbytes == 200
    assert cache.get(key(x=16)) == {}
    assert cache.get(key(x=0))


def test_a_tile_larger_than_the_budget_is_not_kept():
    cache = NodeCache(50)
    cache.put(key(), nodes())
    assert (len(cache), cache.nbytes) == (0, 0)


def test_a_tile_that_grows_replaces_itself():
    cache = NodeCache(1000)
    cache.put(key(), nodes(25))
    cache.put(key(), nodes(50))
    assert (len(cache), cache.nbytes) == (1, 200)


def test_touched_tiles_survive_a_scan_that_grows_them():
    """The tile done first last time is the oldest, and the one needed next."""
    cache = NodeCache(600)
    order = [key(x=16 * n) for n in range(4)]
    for k in order:
        cache.put(k, nodes())
    cache.touch(order[:2])
    cache.put(order[0], nodes(100))  # 400 bytes: two of the others have to go
    assert cache.get(order[1])
    assert cache.nbytes <= 600


def test_what_is_taken_out_is_a_copy():
    cache = NodeCache(1000)
    cache.put(key(), nodes())
    cache.get(key())[0, 1] = torch.zeros(1)
    assert set(cache.get(key())) == {(0, 0)}


def test_forget_and_clear():
    cache = NodeCache(1000)
    for plane in "abc":
        cache.put(key(plane), nodes())
    cache.forget("b")
    assert [bool(cache.get(key(plane))) for plane in "abc"] == [True, False, True]
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


def test_intensity_range_is_measured_once_per_plane():
    cache = NodeCache(0)
    measured = iter([NormStats(0, n) for n in range(1, 9)])

    def high(plane):
        return cache.stats(plane, Normalisation(), lambda: next(measured)).high

    assert [high("a"), high("b"), high("a")] == [1, 2, 1]
    assert [high(None), high(None)] == [3, 4]
    cache.forget("a")
    assert [high("a"), high("b")] == [5, 2]
    cache.clear()
    assert high("b") == 6


def test_bytes_of_nodes():
    assert node_bytes({(0, 0): torch.zeros(3), (1, 0): torch.zeros(4, dtype=torch.bfloat16)}) == 20
