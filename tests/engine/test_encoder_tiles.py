"""Networks on the encoder of others, on real images: how much context their tiles need, and where they begin.

What they have in common with all networks stands in ``tests/test_architectures.py``.
"""

import numpy as np
import pytest
from untrained import BFLOAT16, PLENTY, collect, largest_difference, make_evaluator

from napari_unetpp._types import ENCODERS, Preview
from napari_unetpp.engine import tiles
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.node_cache import NodeCache
from napari_unetpp.net import graph

NARROW = (8, 12, 16, 24, 32)


@pytest.fixture(scope="module", params=ENCODERS)
def on_encoder(request):
    return make_evaluator(encoder=request.param, widths=NARROW)


@pytest.mark.parametrize("level", [3, 4])
def test_the_halo_of_the_plain_network_would_not_do(on_encoder, phase, monkeypatch, level):
    """Tiles of every level equal the whole, and those of a smaller halo do not."""
    part = phase[:500, :420]
    whole, _ = collect(on_encoder, part, level, all_levels=False)
    monkeypatch.setattr(tiles, "CELL", 256)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 0)
    tiled, events = collect(on_encoder, part, level, all_levels=False)
    assert events[0].tiles == 4 and whole.maps(level).std() > 0.01
    assert largest_difference(whole, tiled) <= 1e-4
    monkeypatch.setattr(graph, "aligned_halo", lambda level, config: graph.halo(level) // 16 * 16)
    short, _ = collect(on_encoder, part, level, all_levels=False)
    assert largest_difference(whole, short) > 1e-4


def test_the_first_look_in_stripes_is_level_1(on_encoder, phase, monkeypatch):
    part = phase[:150, :170]
    whole, _ = collect(on_encoder, part, 2)
    monkeypatch.setattr(tiles, "STRIPE_PIXELS", 40 * 176)
    store, events = collect(on_encoder, part, 2, cache=NodeCache(PLENTY), plane="p")
    looks = [event for event in events if isinstance(event, Preview)]
    assert len(looks) == 5
    for look in looks:
        np.testing.assert_allclose(look.maps, whole.maps(1)[:, *look.region.slices], atol=1e-4)
    assert largest_difference(whole, store) <= 1e-4


def test_a_run_that_was_stopped_early_goes_on(on_encoder, phase):
    """The first stage reads the image, too: it must be there although X^{0,0} is cached already."""
    image = on_encoder.tensor(np.random.default_rng(0).random((3, 64, 80), dtype=np.float32))
    known = {}
    asked = iter([False, True])
    assert not on_encoder.nodes(image, 4, known, lambda: next(asked))
    assert set(known) == {(0, 0)} and graph.needs_image(4, known, on_encoder.info.net)
    part, cache = phase[:96, :128], NodeCache(PLENTY)
    cold, _ = collect(on_encoder, part, 4, cache=cache, plane="p")
    for key in list(cache._tiles):
        cache.put(key, {(0, 0): cache.get(key)[0, 0]})
    again, events = collect(on_encoder, part, 4, cache=cache, plane="p")
    assert events[-1].nodes_reused == 1
    assert largest_difference(cold, again) == 0


def test_bf16_gives_nearly_the_same_mask(on_encoder, phase):
    half = make_evaluator(BFLOAT16, encoder=on_encoder.info.net.encoder, widths=NARROW)
    part = phase[:320, :352]
    full, low = collect(on_encoder, part)[0], collect(half, part)[0]
    for level in (1, 2, 3, 4):
        a, b = (labelling.mask(store.maps(level), half.info) for store in (full, low))
        assert (a == b).mean() >= 0.97
