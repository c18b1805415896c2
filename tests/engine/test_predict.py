"""The generator of events: order, levels, cache, stopping."""

import numpy as np
import pytest
from untrained import PLENTY, collect, largest_difference, make_evaluator, stop_after

from napari_unetpp._types import PredictDone, PredictRequest, PredictStarted, Region, TileDone
from napari_unetpp.engine import predict as prediction
from napari_unetpp.engine import tiles
from napari_unetpp.engine.input.normalise import measure
from napari_unetpp.engine.node_cache import NodeCache
from napari_unetpp.engine.predict import predict


@pytest.fixture
def small_cells(monkeypatch):
    """Many tiles in a small image."""
    monkeypatch.setattr(tiles, "CELL", 64)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(prediction, "streams", lambda config: False)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 4000, (150, 170)).astype(np.uint16)


def test_events_in_order(tiny, image):
    _, events = collect(tiny, image, 3, generation=7)
    assert isinstance(events[0], PredictStarted)
    assert isinstance(events[-1], PredictDone)
    assert [event.level for event in events[1:-1]] == [1, 2, 3]
    assert {event.generation for event in events} == {7}
    started, done = events[0], events[-1]
    assert (started.shape, started.levels, started.tiles) == ((150, 170), (1, 2, 3), 1)
    assert (done.level, done.stopped, done.nodes_computed, done.nodes_reused) == (3, False, 10, 0)
    assert done.seconds > 0


def test_maps_are_probabilities_without_padding(tiny, image):
    _, events = collect(tiny, image, 1)
    tile = events[1]
    assert tile.region == Region(0, 0, 150, 170)
    assert (tile.maps.shape, tile.maps.dtype) == ((2, 150, 170), np.float32)
    assert 0 <= tile.maps.min() <= tile.maps.max() <= 1


@pytest.mark.parametrize("budget", [0, PLENTY])
def test_asked_level_only(tiny, image, small_cells, budget):
    store, events = collect(tiny, image, 3, all_levels=False, cache=NodeCache(budget), plane="p")
    assert events[0].levels == (3,)
    assert store.levels == (3,)
    assert store.complete(3)


def test_preview_of_all_live_tiles_comes_first(tiny, image, small_cells):
    _, events = collect(tiny, image, 2, cache=NodeCache(PLENTY), plane="p")
    levels = [event.level for event in events if isinstance(event, TileDone)]
    assert levels == [1] * 9 + [2] * 9
    assert [event.done for event in events[1:-1]] == list(range(1, 19))
    assert {event.total for event in events[1:-1]} == {18}


def test_visible_tiles_come_first(tiny, image, small_cells):
    view = Region(130, 150, 150, 170)
    _, events = collect(tiny, image, 2, cache=NodeCache(PLENTY), plane="p", viewport=view)
    visible = [event for event in events[1:-1] if event.region.overlaps(view)]
    assert visible == events[1 : 1 + len(visible)]
    assert len(events[1:-1]) == 18


def test_deeper_level_computes_only_what_it_adds(tiny, image):
    cache = NodeCache(PLENTY)
    cold, _ = collect(tiny, image, 4)
    for level, added, reused in ((1, 3, 0), (2, 3, 3), (3, 4, 6), (4, 5, 10), (2, 0, 6)):
        store, events = collect(tiny, image, level, cache=cache, plane="p")
        assert (events[-1].nodes_computed, events[-1].nodes_reused) == (added, reused)
        for shown in store.levels:
            np.testing.assert_array_equal(store.maps(shown), cold.maps(shown))


def test_without_a_plane_nothing_is_kept(tiny, image):
    cache = NodeCache(PLENTY)
    collect(tiny, image, 2, cache=cache, plane=None)
    assert len(cache) == 0


def test_a_given_range_is_what_the_network_sees(tiny, image):
    """The measured one changes nothing; another one does, as if the image were brighter."""
    stats = measure(image, tiny.info.normalisation)
    measured, _ = collect(tiny, image, 2)
    same, _ = collect(tiny, image, 2, range=(stats.low, stats.high))
    wider, _ = collect(tiny, image, 2, range=(0.0, 8000.0))
    brighter, _ = collect(tiny, (image * 2).astype(np.uint16), 2, range=(0.0, 16000.0))
    np.testing.assert_array_equal(same.maps(2), measured.maps(2))
    assert np.abs(wider.maps(2) - measured.maps(2)).max() > 0.002
    np.testing.assert_allclose(brighter.maps(2), wider.maps(2), atol=1e-5)


def test_nodes_of_another_range_are_not_reused(tiny, image):
    cache = NodeCache(PLENTY)
    for limits in (None, (0.0, 8000.0), (0.0, 4000.0)):
        store, events = collect(tiny, image, 2, cache=cache, plane="p", range=limits)
        assert events[-1].nodes_reused == 0
        cold, _ = collect(tiny, image, 2, range=limits)
        np.testing.assert_array_equal(store.maps(2), cold.maps(2))
    _, events = collect(tiny, image, 2, cache=cache, plane="p", range=(0.0, 8000.0))
    assert events[-1].nodes_computed == 0


def test_cache_does_not_outlive_new_weights(image):
    cache = NodeCache(PLENTY)
    old, new = (make_evaluator(widths=(4, 4, 6, 6, 8), seed=seed) for seed in (0, 1))
    assert old.version != new.version
    collect(old, image, 2, cache=cache, plane="p")
    store, events = collect(new, image, 2, cache=cache, plane="p")
    assert events[-1].nodes_reused == 0
    assert largest_difference(store, collect(new, image, 2)[0]) == 0


def test_other_planes_and_scales_share_no_nodes(tiny, image):
    cache = NodeCache(PLENTY)
    collect(tiny, image, 1, cache=cache, plane="p")
    for plane, scale in (("q", 1.0), ("p", 0.5)):
        assert collect(tiny, image, 1, cache=cache, plane=plane, scale=scale)[1][-1].nodes_reused == 0


@pytest.mark.parametrize("calls", [0, 1, 2, 5, 9, 23, 40])
@pytest.mark.parametrize("budget", [0, PLENTY])
def test_stop_then_resume_equals_cold(tiny, image, small_cells, calls, budget):
    cold, _ = collect(tiny, image, 4, cache=NodeCache(budget), plane="p")
    cache = NodeCache(budget)
    events = list(predict(tiny, PredictRequest(image, "p", 4), cache, stop_after(calls)))
    assert isinstance(events[-1], PredictDone)
    assert events[-1].stopped
    resumed, after = collect(tiny, image, 4, cache=cache, plane="p")
    assert largest_difference(resumed, cold) == 0
    assert not after[-1].stopped
    # Near the border of a small plane several tiles read the same region and share its nodes.
    assert after[-1].nodes_reused >= (events[-1].nodes_computed if budget else 0)


def test_stop_takes_effect_within_a_tile(tiny, image):
    """One node after the flag, not one tile."""
    flag = []
    computed = []
    evaluate = tiny._net.evaluate_node

    def spy(node, *rest):
        computed.append(node)
        if len(computed) == 5:
            flag.append(True)
        return evaluate(node, *rest)

    tiny._net.evaluate_node = spy
    try:
        events = list(predict(tiny, PredictRequest(image, None, 4), None, lambda: bool(flag)))
    finally:
        del tiny._net.evaluate_node
    assert events[-1].stopped
    assert len(computed) == 5


@pytest.mark.parametrize("level", [0, 5])
def test_wrong_level(tiny, image, level):
    with pytest.raises(ValueError, match=r"levels \(1, 2, 3, 4\)"):
        list(predict(tiny, PredictRequest(image, None, level)))


def test_scale_gives_the_working_grid(tiny, image):
    store, events = collect(tiny, image, 1, scale=0.5)
    assert events[0].shape == (75, 85)
    assert store.complete(1)


def test_closing_early_leaves_the_cache_sound(tiny, image):
    cache = NodeCache(PLENTY)
    run = predict(tiny, PredictRequest(image, "p", 4), cache)
    for event in run:
        if isinstance(event, TileDone) and event.level == 2:
            run.close()
    assert largest_difference(*(collect(tiny, image, 4, cache=c, plane="p")[0] for c in (cache, None))) == 0


def test_a_plane_of_cached_nodes_is_not_resampled(tiny, image, monkeypatch):
    cache = NodeCache(PLENTY)
    first, _ = collect(tiny, image, 3, cache=cache, plane="p", scale=0.8)
    monkeypatch.setattr("napari_unetpp.engine.input.plane.resample", None)
    again, events = collect(tiny, image, 2, cache=cache, plane="p", scale=0.8)
    assert events[-1].nodes_computed == 0
    np.testing.assert_array_equal(again.maps(2), first.maps(2))


def test_the_end_says_which_level_was_kept_of_the_whole_plane(tiny, image):
    """A run compares with others only where all of the plane was in one state."""
    cache = NodeCache(1 << 28)

    def known(level, **options):
        request = PredictRequest(image=image, plane="p", level=level, **options)
        *_, done = predict(tiny, request, cache)
        return done.known_level

    assert [known(2), known(4), known(4)] == [0, 2, 4]
    small = NodeCache(0)
    *_, done = predict(tiny, PredictRequest(image=image, plane="p", level=3), small)
    assert done.known_level == 0
