"""Which squares go deeper, and which parts of which nodes that takes: plain arrays and integers."""

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpp._types import LevelScores, ModelInfo, NetConfig, Region, StoppingRule
from napari_unetpp.engine.auto import packing, stopping
from napari_unetpp.engine.auto.node_plan import NodePlan
from napari_unetpp.engine.auto.squares import rectangles, runs
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
    signs = stopping.stopping_signs(maps, before, INFO, 16)
    assert signs.shape == (2, 3, 2)
    assert signs[..., 1].tolist() == [[0.5, 0, 0], [0, 0, 1]]
    assert signs[1, 2, 0] == pytest.approx(1) and 0 < signs[0, 0, 0] < 0.5
    assert not stopping.stopping_signs(maps, None, INFO, 16)[..., 1].any()


def test_classes_tell_which_class():
    info = replace(INFO, task="semantic", classes=("a", "b"), outputs=("background", "a", "b"))
    maps = np.array([0.2, 0.5, 0.3, 0.1, 0.2, 0.7, 0.8, 0.1, 0.1], np.float32).reshape(3, 3).T[..., None]
    assert stopping.class_map(maps, info).ravel().tolist() == [1, 2, 0]


def test_an_object_goes_deeper_as_a_whole():
    maps = np.zeros((2, 48, 80), np.float32)
    maps[0, 20:28, 4:60] = 0.99  # reaches from the first square of its row into the fourth
    maps[0, 22:26, 4:14] = 0.5  # but is doubtful in the first only
    everywhere = np.ones((3, 5), bool)
    deeper = stopping.go_deeper(maps, None, 1, everywhere, INFO, rule(0.1))
    assert deeper.tolist() == [[False] * 5, [True] * 4 + [False], [False] * 5]
    regions = replace(INFO, task="semantic", outputs=("cell",))
    deeper = stopping.go_deeper(maps[:1], None, 1, everywhere, regions, rule(0.1))
    assert np.argwhere(deeper).tolist() == [[1, 0]]
    some = everywhere.copy()
    some[1, 2] = False
    assert not stopping.go_deeper(maps, None, 1, some, INFO, rule(0.1))[1, 2]


@pytest.mark.parametrize("gap, whole", [(4, True), (8, False)])
def test_pieces_and_rims_of_an_object_go_deeper_as_a_whole(gap, whole):
    """Level 1 often sees a large object in pieces, or only its rim; it was split at a seam."""
    maps = np.zeros((2, 48, 80), np.float32)
    maps[0, 20:28, 4:30] = maps[0, 20:28, 30 + gap : 60] = 0.99
    maps[0, 22:26, 4:14] = 0.5
    everywhere = np.ones((3, 5), bool)
    assert stopping.go_deeper(maps, None, 1, everywhere, INFO, rule(0.1))[1, 3] == whole
    maps[0] = 0.01
    maps[0, 2:46, 2:78] = 0.99
    maps[0, 6:42, 6:74] = 0.01
    maps[0, 2:6, 2:30] = 0.6
    assert stopping.go_deeper(maps, None, 1, everywhere, INFO, rule(0.1)).all(), "its inside, too"


def filled(boxes, shape):
    squares = np.zeros(shape, bool)
    for box in boxes:
        squares[box.slices] = True
    return squares


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.6, 1.0])
def test_runs_hold_the_squares_and_no_others(seed, share):
    squares = np.random.default_rng(seed).random((13, 17)) < share
    assert (filled(runs(squares), squares.shape) == squares).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("share", [0.0, 0.02, 0.2, 0.6, 1.0])
@pytest.mark.parametrize("growth", [0.0, 0.2, 2.0])
def test_rectangles_cover_and_never_cost_more_than_runs(seed, share, growth):
    squares = np.random.default_rng(seed).random((13, 17)) < share

    def cost(boxes):
        return sum((b.shape[0] + 2 * growth) * (b.shape[1] + 2 * growth) for b in boxes)

    boxes = rectangles(squares, growth)
    assert (filled(boxes, squares.shape) | ~squares).all(), "all are covered"
    assert cost(boxes) <= cost(runs(squares)) + 1e-9
    assert len(boxes) <= len(runs(squares))


def test_rectangles_merge_where_that_is_cheaper():
    squares = np.zeros((6, 6), bool)
    squares[1:5, 2:6] = True
    assert rectangles(squares, 0.25) == [Region(1, 2, 5, 6)]
    squares[2, 3] = False
    assert rectangles(squares, 1.0) == [Region(1, 2, 5, 6)], "a hole is filled"
    corners = np.zeros((6, 6), bool)
    corners[0, 0] = corners[5, 5] = True
    assert len(rectangles(corners, 0.25)) == 2
    assert len(rectangles(corners, 20.0)) == 1


@pytest.mark.parametrize("node", graph.nodes(4))
def test_parts_lie_inside_and_on_the_grid_of_the_row_below(node):
    squares = np.zeros((33, 35), bool)
    squares[0, :2] = squares[20, 30] = squares[32, 34] = True
    plane = (32 * 33 - 16, 32 * 35 - 16)
    found = packing.pack_node(node, squares, NET, plane, 32)
    grid = plane[0] >> node[0], plane[1] >> node[0]
    margin = graph.margins(4)[node]
    if node in ((0, 0), (1, 0)):
        return  # level 1 is evaluated everywhere
    assert found is not None, "so few squares are less work than all"
    corners = {(part.write.y0, part.write.x0) for part in found.parts}
    side = 32 >> node[0]
    assert (max(0, 20 * side - margin), max(0, 30 * side - margin)) in corners or len(found.parts) < 3
    for part in found.parts:
        assert 0 <= part.read.y0 <= part.write.y0 < part.write.y1 <= part.read.y1 <= grid[0]
        assert 0 <= part.read.x0 <= part.write.x0 < part.write.x1 <= part.read.x1 <= grid[1]
        edges = ((part.read.y0, 0), (part.read.x0, 0), (part.read.y1, grid[0]), (part.read.x1, grid[1]))
        assert all(edge % 2 == 0 or edge == border for edge, border in edges)
        assert part.place.shape == part.read.shape
        assert node[0] == 4 or part.place.y0 % 2 == part.place.x0 % 2 == 0


@pytest.mark.parametrize("seed", range(10))
def test_parts_are_packed_apart(seed):
    rng = np.random.default_rng(seed)
    sizes = [(int(h), int(w)) for h, w in 2 * rng.integers(1, 40, (rng.integers(1, 40), 2))]
    (height, width), places = packing.pack_rectangles(sizes, 64)
    assert height % 64 == width % 64 == 0
    used = np.zeros((height, width), int)
    for size, place in zip(sizes, places, strict=True):
        assert place.shape == size and place.y1 < height and place.x1 < width
        used[place.y0 : place.y1 + packing.GAP, place.x0 : place.x1 + packing.GAP] += 1
    assert used.max() == 1, "with a gap below and to the right of each"


def spent(level, squares, plane, complete, plan=None):
    plan = plan or NodePlan(NET, plane, 32, complete)
    return sum(map(plan.flops, plan.steps(level, squares)))


def test_deepening_everything_costs_what_the_levels_cost():
    plane = (64, 96)
    plan = NodePlan(NET, plane, 32, ())
    steps = sum(spent(level, np.ones((2, 3), bool), plane, (), plan) for level in (1, 2, 3, 4))
    assert steps + graph.head_flops(NET, *plane) == graph.flops(4, NET, *plane)
    assert plan.complete == set(graph.nodes(4))


def test_one_square_of_many_costs_little():
    one = np.zeros((32, 32), bool)
    one[5, 5] = True
    plane, everything, first = (1024, 1024), np.ones((32, 32), bool), graph.nodes(1)
    assert spent(2, one, plane, first) < 0.02 * spent(2, everything, plane, first)


def test_what_was_evaluated_is_not_evaluated_again():
    """A square that comes later brings the nodes of all levels that it lacks, and no others."""
    plane = (512, 512)
    one, both = np.zeros((16, 16), bool), np.zeros((16, 16), bool)
    one[3, 3] = both[3, 3] = both[12, 11] = True
    plan = NodePlan(NET, plane, 32, graph.nodes(1))
    for level in (2, 3):
        added = graph.nodes(level)[len(graph.nodes(level - 1)) :]
        assert [node for node, _ in plan.steps(level, one)] == list(added)
    assert [node for node, _ in plan.steps(3, one)] == []
    later = list(plan.steps(3, both & ~one))
    assert {node for node, _ in later} == set(graph.nodes(3)) - set(graph.nodes(1))
    assert all(len(found.parts) == 1 for _, found in later)


def test_what_ends_at_the_edge_of_a_square_is_cut_off():
    active = np.zeros((4, 5), bool)
    active[1, 1:3] = True
    found = np.zeros((64, 75), bool)
    assert not stopping.cut_off(found, active, 16).any()
    found[20:30, 40:48] = True  # up to the right edge of square (1, 2)
    found[32:40, 16:19] = True  # below the lower edge of (1, 1), of a square that is not active
    found[16:19, 20:30] = True  # up to the upper edge of (1, 1)
    found[20:30, 30:34] = True  # across an edge between active ones
    expected = np.zeros_like(active)
    expected[1, 3] = expected[0, 1] = True
    np.testing.assert_array_equal(stopping.cut_off(found, active, 16), expected)
    found[20:30, 48:50] = True  # now it goes on
    expected[1, 3] = False
    np.testing.assert_array_equal(stopping.cut_off(found, active, 16), expected)
    few = np.zeros_like(found)
    few[20:23, 40:48] = True
    assert not stopping.cut_off(few, active, 16).any(), "a border may touch an edge by chance"
