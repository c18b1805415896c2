"""The grid as integers, against the paper's figures; `tests/test_architectures.py` counts forward passes."""

import pytest

from napari_unetpp._types import NetConfig
from napari_unetpp.net import graph

FULL = NetConfig()


@pytest.mark.parametrize(
    ("level", "parameters_m", "gflop", "nodes", "halo"),
    [(1, 0.10, 7.0, 3, 9), (2, 0.51, 17.8, 6, 23), (3, 2.21, 34.9, 10, 51), (4, 9.04, 59.6, 15, 107)],
)
def test_table_of_levels(level, parameters_m, gflop, nodes, halo):
    assert graph.parameters(level, FULL) / 1e6 == pytest.approx(parameters_m, rel=0.01, abs=0.005)
    assert graph.flops(level, FULL, 256, 256) / 1e9 == pytest.approx(gflop, rel=0.01)
    assert len(graph.nodes(level)) == nodes
    assert graph.halo(level) == halo


def test_aligned_halo():
    assert [graph.aligned_halo(level, FULL) for level in (1, 2, 3, 4)] == [16, 32, 64, 112]


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_every_order_evaluates_inputs_first(level):
    for order in (graph.nodes(level), graph.lean_order(level)):
        assert sorted(order) == sorted(graph.nodes(level))
        for step, node in enumerate(order):
            assert set(graph.inputs(node)) <= set(order[:step])


@pytest.mark.parametrize("level", [2, 3, 4])
def test_levels_are_nested(level):
    shallow = graph.nodes(level - 1)
    assert graph.nodes(level)[: len(shallow)] == shallow
    assert graph.missing(level, set(shallow)) == tuple((level - j, j) for j in range(level + 1))


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_released_nodes_are_never_read_again(level):
    order = graph.lean_order(level)
    gone = set()
    for node, released in zip(order, graph.releases(order), strict=True):
        assert not gone & set(graph.inputs(node))
        gone |= set(released)
    assert gone == set(order) - {(0, level)}


@pytest.mark.parametrize("level", [0, 5, -1])
def test_wrong_level_is_refused(level):
    with pytest.raises(ValueError, match="levels 1 to 4"):
        graph.check_level(level, 4)


def test_margins() -> None:
    """What reads a node reads it two pixels further; worked out by hand from the wiring."""
    found = graph.margins(4)
    assert [found[0, j] for j in (4, 3, 2)] == [0, 2, 4]
    assert [found[1, j] for j in (3, 2, 1)] == [1, 3, 5]
    assert [found[2, j] for j in (2, 1)] == [2, 4]
    assert found[3, 1] == found[4, 0] == 2
    for node in graph.nodes(4):
        for read in graph.inputs(node):
            step = {0: 1.0, 1: 0.5, -1: 2.0}[read[0] - node[0]]
            assert found[read] >= step * (found[node] + 2)
