"""Level 1 of a large live tile is shown stripe by stripe, nearest to the middle of the view first."""

import numpy as np
import pytest
from untrained import PLENTY, collect, stop_after

from napari_unetpp._types import PredictRequest, Preview, Region, TileDone
from napari_unetpp.engine import tiles
from napari_unetpp.engine.node_cache import NodeCache
from napari_unetpp.engine.predict import predict
from napari_unetpp.net import graph


@pytest.fixture
def narrow_stripes(monkeypatch):
    """32 rows of an image 170 px wide (padded: 176)."""
    monkeypatch.setattr(tiles, "STRIPE_PIXELS", 40 * 176)


@pytest.fixture
def part(phase):
    return phase[:150, :170]


def test_stripes_cover_and_begin_in_the_view():
    region, view = Region(16, 0, 1024, 800), Region(900, 0, 1000, 800)
    found = tiles.stripes(region, view, 16)
    assert sum(s.shape[0] for s in found) == 1008 and {s.shape[1] for s in found} == {800}
    assert found[0].overlaps(view) and all(s.y0 % 16 == 0 for s in found)
    assert tiles.stripes(Region(0, 0, 64, 64), view, 16) == (Region(0, 0, 64, 64),)


def test_the_stripes_are_the_tile(tiny, part, narrow_stripes):
    view = Region(100, 0, 150, 170)
    cache = NodeCache(PLENTY)
    store, events = collect(tiny, part, 3, cache=cache, plane="p", viewport=view)
    looks = [event for event in events if isinstance(event, Preview)]
    assert len(looks) == 5 and events.index(looks[-1]) < [type(e) for e in events].index(TileDone)
    assert looks[0].region.overlaps(view)
    seen = np.zeros(part.shape, int)
    for look in looks:
        seen[look.region.slices] += 1
        np.testing.assert_allclose(look.maps, store.maps(1)[:, *look.region.slices], atol=1e-5)
    assert (seen == 1).all()
    whole, _ = collect(tiny, part, 3)
    for level in (1, 2, 3):
        np.testing.assert_allclose(store.maps(level), whole.maps(level), atol=1e-5)
    assert events[-1].nodes_computed == len(graph.nodes(3))


def test_only_what_is_not_known_is_looked_at(tiny, part, narrow_stripes):
    cache = NodeCache(PLENTY)
    collect(tiny, part, 1, cache=cache, plane="p")
    _, events = collect(tiny, part, 2, cache=cache, plane="p")
    assert not any(isinstance(event, Preview) for event in events)
    assert events[-1].nodes_reused == len(graph.nodes(1))


def test_in_tiles(tiny, part, narrow_stripes, monkeypatch):
    monkeypatch.setattr(tiles, "CELL", 64)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 0)
    store, events = collect(tiny, part, 2, cache=NodeCache(PLENTY), plane="p")
    seen = np.zeros(part.shape, int)
    for event in events:
        if isinstance(event, Preview):
            seen[event.region.slices] += 1
    assert seen.max() == 1 and seen.any(), "tiles that read the same pixels are looked at once"
    whole, _ = collect(tiny, part, 2)
    np.testing.assert_allclose(store.maps(2), whole.maps(2), atol=1e-5)


@pytest.mark.parametrize("calls", [0, 1, 4, 8, 14])
def test_stopped_while_looking(tiny, part, narrow_stripes, calls):
    cache = NodeCache(PLENTY)
    events = list(predict(tiny, PredictRequest(part, "p", 2), cache, stop_after(calls)))
    assert events[-1].stopped
    store, _ = collect(tiny, part, 2, cache=cache, plane="p")
    np.testing.assert_allclose(store.maps(2), collect(tiny, part, 2)[0].maps(2), atol=1e-5)
