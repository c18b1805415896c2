"""Whoever pans or zooms while a plane is predicted is followed: what is visible now comes next."""

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from untrained import PLENTY, collect

from napari_unetpp._types import (
    AUTO,
    LevelScores,
    PredictDone,
    PredictRequest,
    PredictStarted,
    Preview,
    Region,
    StoppingRule,
    TileDone,
)
from napari_unetpp.engine import tiles
from napari_unetpp.engine.decode.map_store import MapStore
from napari_unetpp.engine.node_cache import NodeCache
from napari_unetpp.engine.predict import predict

HERE, THERE = Region(0, 0, 40, 40), Region(130, 150, 150, 170)


@pytest.fixture(autouse=True)
def small_cells(monkeypatch):
    """Nine tiles in the part."""
    monkeypatch.setattr(tiles, "CELL", 64)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 0)


@pytest.fixture(scope="module")
def stopping(tiny):
    """With a rule of when to stop."""
    rule = StoppingRule((0.4, 0.4, 0.4), (0.0, 0.4, 0.4), 0.05, 0.003, 0.4, LevelScores(None, None, None, 0))
    found = copy(tiny)
    found.info = replace(tiny.info, stopping=rule)
    return found


@pytest.fixture
def part(phase):
    return phase[:150, :170]


class Viewer:
    """Looks here, and elsewhere from the given question on."""

    def __init__(self, moves):
        self.asked, self.moves = 0, moves

    def __call__(self):
        self.asked += 1
        return [view for question, view in self.moves if question <= self.asked][-1]


def run(evaluator, image, viewer, level=3, budget=PLENTY):
    request = PredictRequest(image, "p", level, viewport=HERE, preview=True)
    store, events = None, []
    for event in predict(evaluator, request, NodeCache(budget), current_view=viewer):
        events.append(event)
        if isinstance(event, PredictStarted):
            store = MapStore(event.shape, len(evaluator.info.outputs), dtype=np.float32)
        elif isinstance(event, TileDone):
            store.add(event)
    return store, events


def in_view(event, view):
    return isinstance(event, TileDone | Preview) and event.region.overlaps(view)


@pytest.mark.parametrize("budget", [0, PLENTY])
def test_what_came_into_view_is_next(tiny, part, budget):
    viewer = Viewer([(0, HERE), (30, THERE)])
    _, events = run(tiny, part, viewer, budget=budget)
    numbers = [viewer_at for viewer_at, event in enumerate(events) if in_view(event, THERE)]
    rest = [n for n, e in enumerate(events) if isinstance(e, TileDone) and not in_view(e, THERE)]
    assert isinstance(events[numbers[0]], Preview), "level 1 first"
    after_move = [n for n in rest if n > numbers[0]]
    assert len(after_move) > 5, "it moved early"
    assert max(numbers) < min(after_move), "nothing that is out of view comes between"


@pytest.mark.parametrize("question", [12, 25, 40, 60, 90])
def test_a_plane_is_the_same_wherever_one_looks(tiny, part, question):
    whole, _ = collect(tiny, part, 3)
    moves = [(0, HERE), (question, THERE), (question + 15, HERE), (question + 22, Region(60, 60, 90, 90))]
    store, events = run(tiny, part, Viewer(moves))
    assert isinstance(events[-1], PredictDone) and not events[-1].stopped
    tiles_done = [(event.level, event.region) for event in events if isinstance(event, TileDone)]
    assert len(tiles_done) == len(set(tiles_done)) == 3 * 9, "no tile is given twice"
    assert [event.done for event in events if isinstance(event, TileDone)] == list(range(1, 28))
    for level in (1, 2, 3):
        assert store.complete(level)
        np.testing.assert_allclose(store.maps(level), whole.maps(level), atol=1e-5)


@pytest.mark.parametrize("budget", [0, PLENTY])
def test_what_left_the_view_gives_way_within_a_node(tiny, part, budget, monkeypatch):
    """The tile under way is left, not finished first."""
    evaluate, nodes = tiny._net.evaluate_node, []

    def counted(node, *args):
        nodes.append(node)
        return evaluate(node, *args)

    monkeypatch.setattr(tiny._net, "evaluate_node", counted)

    def nodes_between(move):
        """From the moment the view moves until it is served."""
        nodes.clear()
        request = PredictRequest(part, "p", 4, viewport=HERE, preview=True)
        events = predict(
            *(tiny, request, NodeCache(budget)), current_view=lambda: THERE if len(nodes) >= move else HERE
        )
        next(event for event in events if in_view(event, THERE))
        return len(nodes) - move

    assert {nodes_between(move) for move in range(5, 25)} == {3}, "the three nodes of level 1"


def test_auto_follows_too(stopping, part):
    viewer = Viewer([(0, HERE), (40, THERE)])
    store, events = run(stopping, part, viewer, level=AUTO)
    assert store.complete(AUTO) and not events[-1].stopped
    first = next(n for n, event in enumerate(events) if in_view(event, THERE))
    assert first < len(events) // 2


def test_all_that_is_visible_is_seen_at_level_1_first(tiny, part):
    """Also what the cache has no room for."""
    request = PredictRequest(part, "p", 3, viewport=Region(0, 0, 150, 170), preview=True)
    events = list(predict(tiny, request, NodeCache(0)))
    kinds = [type(event) for event in events[1:-1]]
    assert kinds[:9] == [Preview] * 9 and Preview not in kinds[9:]
    seen = np.zeros(part.shape, int)
    for event in events[1:10]:
        seen[event.region.slices] += 1
    assert (seen == 1).all()


def test_where_nobody_waits_nothing_is_done_twice(tiny, part):
    _, events = collect(tiny, part, 3)
    assert not any(isinstance(event, Preview) for event in events)
