"""Which squares go deeper, and which parts of which nodes that takes: plain arrays and integers."""

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpp._types import LevelScores, ModelInfo, NetConfig, Region, StoppingRule
from napari_unetpp.engine import early_exit
from napari_unetpp.net import graph

NET = NetConfig(outputs=2)
INFO = ModelInfo("test", "instances", ("cell",), ("foreground", "boundary"), NET)
NOTHING = LevelScores(None, None, None, 0)


def rule(limit, square=16):
    return StoppingRule((1.0, 0.0, 0.0), (0.0, 1.0, 1.0), limit, 0.003, 0.5, NOTHING, square)


def test_signs_of_squares():
    before = np.zeros((2, 32, 40), np.float32)
    maps = before.copy()
    maps[0, :16, :8] = 0.9  # half of the first square
    maps[0, 16:, 32:] = 0.5  # all of the last, narrow one: as uncertain as can be
    signs = early_exit.signs(maps, before, INFO, 16)
    assert signs.shape == (2, 3, 2)
    assert signs[..., 1].tolist() == [[0.5, 0, 0], [0, 0, 1]]
    assert signs[1, 2, 0] == pytest.approx(1) and 0 < signs[0, 0, 0] < 0.5
    assert not early_exit.signs(maps, None, INFO, 16)[..., 1].any()


def test_classes_tell_which_class():
    info = replace(INFO, task="semantic", classes=("a", "b"), outputs=("background", "a", "b"))
    maps = np.array([0.2, 0.5, 0.3, 0.1, 0.2, 0.7, 0.8, 0.1, 0.1], np.float32).reshape(3, 3).T[..., None]
    assert early_exit.classes(maps, info).ravel().tolist() == [1, 2, 0]


def test_an_object_goes_deeper_as_a_whole():
    maps = np.zeros((2, 48, 80), np.float32)
    maps[0, 20:28, 4:60] = 0.99  # reaches from the first square of its row into the fourth
    maps[0, 22:26, 4:14] = 0.5  # but is doubtful in the first only
    everywhere = np.ones((3, 5), bool)
    deeper = early_exit.go_deeper(maps, None, 1, everywhere, INFO, rule(0.1))
    assert deeper.tolist() == [[False] * 5, [True] * 4 + [False], [False] * 5]
    regions = replace(INFO, task="semantic", outputs=("cell",))
    deeper = early_exit.go_deeper(maps[:1], None, 1, everywhere, regions, rule(0.1))
    assert np.argwhere(deeper).tolist() == [[1, 0]]
    some = everywhere.copy()
    some[1, 2] = False
    assert not early_exit.go_deeper(maps, None, 1, some, INFO, rule(0.1))[1, 2]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("share", [0.02, 0.2, 0.6, 1.0])
def test_rectangles_cover_and_stay_inside(seed, share):
    rng = np.random.default_rng(seed)
    allowed = rng.random((13, 17)) < 0.8
    squares = allowed & (rng.random((13, 17)) < share)
    boxes = early_exit.rectangles(squares, allowed)
    inside = early_exit.covered(boxes, squares.shape)
    assert (inside | ~squares).all(), "all are covered"
    assert (allowed | ~inside).all(), "nothing else is"
    assert len(boxes) <= squares.sum()


def test_rectangles_merge_where_that_is_cheaper():
    squares = np.zeros((6, 6), bool)
    squares[1:5, 2:6] = True
    assert early_exit.rectangles(squares, np.ones((6, 6), bool)) == [Region(1, 2, 5, 6)]
    corners = np.zeros((6, 6), bool)
    corners[0, 0] = corners[5, 5] = True
    assert len(early_exit.rectangles(corners, np.ones((6, 6), bool))) == 2
    assert early_exit.rectangles(np.zeros((6, 6), bool), squares) == []


@pytest.mark.parametrize("node", graph.nodes(4))
def test_parts_lie_inside_and_on_the_grid_of_the_row_below(node):
    boxes = [Region(0, 0, 1, 2), Region(2, 3, 3, 4)]
    plane = (80, 112)
    found = early_exit.parts(node, boxes, NET, plane, 32)
    if found is None:
        whole = graph.node_flops(node, NET, *plane)
        assert early_exit.step_flops(4, boxes, NET, plane, 32) > 0 and whole > 0
        return
    grid = plane[0] >> node[0], plane[1] >> node[0]
    margin = graph.margins(4)[node]
    for box, part in zip(boxes, found, strict=True):
        assert 0 <= part.read.y0 <= part.write.y0 and part.write.y1 <= part.read.y1 <= grid[0]
        assert 0 <= part.read.x0 <= part.write.x0 and part.write.x1 <= part.read.x1 <= grid[1]
        assert part.write.y0 == max(0, box.y0 * (32 >> node[0]) - margin)
        edges = (part.read.y0, part.read.x0, part.read.y1, part.read.x1)
        assert all(edge % 2 == 0 or edge in grid for edge in edges) or node[0] == 4


def test_deepening_everything_costs_what_the_levels_cost():
    plane = (64, 96)
    everything = [Region(0, 0, 2, 3)]
    total = graph.flops(1, NET, *plane) + sum(
        early_exit.step_flops(level, everything, NET, plane, 32) for level in (2, 3, 4)
    )
    assert total == graph.flops(4, NET, *plane)


def test_one_square_of_many_costs_little():
    plane = (1024, 1024)
    one = early_exit.step_flops(2, [Region(5, 5, 6, 6)], NET, plane, 32)
    assert one < 0.02 * early_exit.step_flops(2, [Region(0, 0, 32, 32)], NET, plane, 32)
