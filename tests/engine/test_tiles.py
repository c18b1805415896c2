"""The plan of tiles as a table of cases: integers only."""

from itertools import pairwise

import numpy as np
import pytest

from napari_unetpp._types import NetConfig, Region
from napari_unetpp.engine import tiles
from napari_unetpp.net import graph

CONFIG = NetConfig()
PLENTY = 10**12

SHAPES = [(1, 1), (16, 16), (17, 431), (1000, 1000), (1022, 1024), (2048, 2048), (3000, 700), (64, 40000)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", [1, 4])
@pytest.mark.parametrize("budget", [0, 3 * 10**9, PLENTY])
def test_tiles_cover_every_pixel_once(shape, level, budget):
    plan = tiles.plan(shape, CONFIG, level, budget=budget)
    seen = np.zeros((plan.padded[0] // 16, plan.padded[1] // 16), int)
    for tile in (*plan.live, *plan.batch):
        core, read = tile.core, tile.read
        assert all(v % 16 == 0 for r in (core, read) for v in (r.y0, r.x0, r.y1, r.x1))
        assert read.y0 <= core.y0 < core.y1 <= read.y1 <= plan.padded[0]
        assert read.x0 <= core.x0 < core.x1 <= read.x1 <= plan.padded[1]
        seen[core.y0 // 16 : core.y1 // 16, core.x0 // 16 : core.x1 // 16] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_halo_is_enough_and_depends_on_the_kind_of_tile(level):
    shape = (4096, 4096)
    for tile in tiles.plan(shape, CONFIG, level, budget=3 * 10**9).live:
        assert tile.read == tile.core.grown(112, shape)
    for tile in tiles.plan(shape, CONFIG, level).batch:
        assert tile.read == tile.core.grown(graph.aligned_halo(level, CONFIG), shape)


def test_small_plane_is_one_tile_without_halo():
    plan = tiles.plan((1022, 1024), CONFIG, 4, budget=PLENTY)
    assert plan.live == (tiles.Tile(Region(0, 0, 1024, 1024), Region(0, 0, 1024, 1024), live=True),)
    assert plan.batch == ()


@pytest.mark.parametrize("budget", [0, 10**9, 3 * 10**9, 10**10])
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_live_tiles_stay_within_the_budget(budget, level):
    plan = tiles.plan((4096, 4096), CONFIG, level, budget=budget)
    held = sum(graph.cached_bytes(level, CONFIG, *tile.read.shape, 4) for tile in plan.live)
    assert held <= budget
    assert bool(plan.live) == (budget > 0)


def test_grid_does_not_depend_on_level_or_viewport():
    """Otherwise a deeper level would not find the nodes of the shallower one."""
    view = Region(1000, 1000, 1500, 1600)
    first = {tile.read for tile in tiles.plan((4096, 4096), CONFIG, 1, viewport=view, budget=PLENTY).live}
    second = {tile.read for tile in tiles.plan((4096, 4096), CONFIG, 4, viewport=view, budget=PLENTY).live}
    assert first == second
    everything = {tile.read for tile in tiles.plan((4096, 4096), CONFIG, 2, budget=PLENTY).live}
    assert first < everything


def test_viewport_comes_first_nearest_its_centre_first():
    view = Region(2900, 2900, 4000, 4000)
    plan = tiles.plan((4096, 4096), CONFIG, 4, viewport=view, budget=PLENTY)
    assert all(tile.core.overlaps(view) for tile in plan.live)
    assert not any(tile.core.overlaps(view) for tile in plan.batch)
    centre = plan.live[0].core
    assert centre.y0 <= 3450 < centre.y1
    assert centre.x0 <= 3450 < centre.x1


def test_viewport_that_misses_the_plane():
    plan = tiles.plan((2048, 2048), CONFIG, 2, viewport=Region(5000, 5000, 6000, 6000), budget=PLENTY)
    assert plan.live == ()
    assert len(plan.batch) == 9


@pytest.mark.parametrize(
    ("region", "scale", "expected"),
    [
        (Region(0, 0, 10, 20), 1.0, Region(0, 0, 11, 21)),
        (Region(10, 10, 20, 20), 0.5, Region(5, 5, 11, 11)),
        (Region(-5, -5, 500, 500), 2.0, Region(0, 0, 100, 100)),
    ],
)
def test_viewport_on_the_working_grid(region, scale, expected):
    assert region.scaled(scale, (100, 100)) == expected


@pytest.mark.parametrize("length", [16, 32, 768, 784, 1536, 8192, 10000])
def test_split_is_even(length):
    parts = tiles.split(length, 768, 16)
    assert parts[0][0] == 0
    assert parts[-1][1] == length
    assert all(a[1] == b[0] for a, b in pairwise(parts))
    assert max(stop - start for start, stop in parts) <= 768
