"""Networks on a foreign encoder, on real images: tiles that are exact, and tiles that are told of."""

import numpy as np
import pytest
from conftest import BFLOAT16, collect, largest_difference, make_evaluator

from napari_unetpp._types import ENCODERS, NetConfig, Region
from napari_unetpp.engine import decode, tiles
from napari_unetpp.engine.benchmark import run_benchmark, tiled_side
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.node_cache import NodeCache
from napari_unetpp.engine.normalise import measure
from napari_unetpp.engine.window import predict_window
from napari_unetpp.net import graph

PLENTY = 2**33
NARROW = (8, 12, 16, 24, 32)
POOLING = NetConfig(encoder="efficientnet-b0")


@pytest.fixture(scope="module", params=ENCODERS)
def on_encoder(request):
    return make_evaluator(encoder=request.param, widths=NARROW)


@pytest.fixture(scope="module")
def exact():
    return make_evaluator(encoder="resnet18", widths=NARROW)


@pytest.fixture(scope="module")
def pooling():
    return make_evaluator(encoder="efficientnet-b0", widths=NARROW)


@pytest.fixture
def small_cells(monkeypatch):
    """Every plane is cut, whatever its size."""
    monkeypatch.setattr(tiles, "CELL", 192)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 0)
    monkeypatch.setattr(tiles, "POOLING_WHOLE_PIXELS", 0)


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_tiles_on_a_resnet_equal_the_whole(exact, phase, monkeypatch, level):
    part = phase[:500, :420]
    whole, _ = collect(exact, part, level, all_levels=False)
    monkeypatch.setattr(tiles, "CELL", 192)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 0)
    for kept in ({}, {"cache": NodeCache(PLENTY), "plane": "p"}):
        tiled, events = collect(exact, part, level, all_levels=False, **kept)
        assert events[0].tiles > 4 and events[0].notes == ()
        assert whole.maps(level).std() > 0.01
        assert largest_difference(whole, tiled) <= 1e-4


@pytest.mark.parametrize("level", [3, 4])
def test_the_halo_of_the_plain_network_would_not_do(exact, phase, small_cells, monkeypatch, level):
    part = phase[:500, :420]
    right, _ = collect(exact, part, level, all_levels=False)
    monkeypatch.setattr(graph, "aligned_halo", lambda level, config: graph.halo(level) // 16 * 16)
    short, _ = collect(exact, part, level, all_levels=False)
    assert largest_difference(right, short) > 1e-5


def test_incremental_equals_cold_bit_for_bit(on_encoder, phase):
    part, cache = phase[:250, :310], NodeCache(PLENTY)
    for level in (1, 2, 3, 4):
        step, events = collect(on_encoder, part, level, cache=cache, plane="p")
        cold, _ = collect(on_encoder, part, level, cache=NodeCache(PLENTY), plane="p")
        batch, _ = collect(on_encoder, part, level)
        assert events[-1].nodes_reused == (len(graph.nodes(level - 1)) if level > 1 else 0)
        assert largest_difference(step, cold) == 0
        assert largest_difference(step, batch) == 0


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
        a, b = (decode.mask(store.maps(level), half.info) for store in (full, low))
        assert (a == b).mean() >= 0.97


def test_the_benchmark_measures_every_level(on_encoder, monkeypatch):
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", tiles.CELL**2 - 1)
    monkeypatch.setattr(tiles, "POOLING_WHOLE_PIXELS", tiles.CELL**2 - 1)
    result = run_benchmark(on_encoder, side=64, turns=1)
    for level, row in result["levels"].items():
        assert row["parameters"] == graph.parameters(int(level), on_encoder.info.net)
        assert (row["incremental_ms"] is None) == (level == "1") and row["gflops"] > 0


def test_the_benchmark_takes_a_plane_that_needs_tiles():
    for config in (NetConfig(), NetConfig(encoder="resnet18"), POOLING):
        side = tiled_side(config)
        assert len(tiles.plan((side, side), config, 4).batch) > 1


# -------------------------------------------------- means over the whole input


def test_a_plane_of_a_pooling_network_is_one_piece_up_to_a_larger_size():
    side = 2048
    assert len(tiles.plan((side, side), POOLING, 4).batch) == 1
    assert len(tiles.plan((side, side), NetConfig(), 4).batch) > 1
    assert len(tiles.plan((side, side + 16), POOLING, 4).batch) > 1


def test_tiles_of_a_pooling_network_differ_and_the_user_is_told(pooling, phase, small_cells, monkeypatch):
    part = phase[:400, :420]
    tiled = predict_maps(part, pooling, level=4, scale=1.0)
    (note,) = tiled.notes
    assert "done in 9 tiles" in note and "efficientnet-b0" in note and "seams may show" in note
    monkeypatch.setattr(tiles, "POOLING_WHOLE_PIXELS", 2048**2)
    whole = predict_maps(part, pooling, level=4, scale=1.0)
    assert whole.notes == ()
    assert np.abs(whole.store.maps(4) - tiled.store.maps(4)).max() > 1e-3


@pytest.mark.parametrize("window", [Region(0, 0, 50, 40), Region(200, 250, 301, 309)])
def test_a_clicked_window_equals_the_whole_plane(on_encoder, phase, window):
    part = phase[:301, :309]
    stats = measure(part, on_encoder.info.normalisation)
    alone = predict_window(on_encoder, part, window, 2, 1.0, stats)
    whole = collect(on_encoder, part, 2)[0].maps(2)[(slice(None), *alone.part.slices)]
    assert whole.std() > 0.01
    np.testing.assert_allclose(alone.maps, whole, rtol=0, atol=1e-4)
