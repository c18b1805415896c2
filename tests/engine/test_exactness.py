"""Tiled equals whole, incremental equals cold, on real images."""

import numpy as np
import pytest
from untrained import BFLOAT16, collect, make_evaluator

from napari_unetpp.engine import predict, tiles
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.node_cache import NodeCache
from napari_unetpp.net import graph

PLENTY = 2**33


def tiled(monkeypatch, cell, *args, **kwargs):
    with monkeypatch.context() as patch:
        patch.setattr(tiles, "CELL", cell)
        patch.setattr(tiles, "WHOLE_PIXELS", 0)
        patch.setattr(predict, "streams", lambda config: False)
        return collect(*args, **kwargs)[0]


def assert_equal_levels(a, b, tolerance=1e-4):
    assert a.levels == b.levels
    for level in a.levels:
        assert a.complete(level)
        assert b.complete(level)
        assert a.maps(level).std() > 0.01, "a flat map would hide a difference"
        np.testing.assert_allclose(a.maps(level), b.maps(level), rtol=0, atol=tolerance)


def test_live_and_batch_tiles_equal_the_whole_image(evaluator, phase, monkeypatch):
    part = phase[-606:, -608:]  # the height is no multiple of 16
    whole, events = collect(evaluator, part)
    assert events[0].tiles == 1
    assert_equal_levels(whole, tiled(monkeypatch, 256, evaluator, part))
    live = tiled(monkeypatch, 256, evaluator, part, cache=NodeCache(PLENTY), plane="p")
    assert_equal_levels(whole, live)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_batch_tiles_of_a_shallow_level_have_halo_enough(evaluator, phase, monkeypatch, level):
    part = phase[:400, :420]
    whole, _ = collect(evaluator, part, level, all_levels=False)
    assert_equal_levels(whole, tiled(monkeypatch, 192, evaluator, part, level, all_levels=False))


def test_less_halo_would_show(evaluator, phase, monkeypatch):
    """The tests above can fail: without a halo the tiles do not fit together."""
    part = phase[:400, :420]
    whole, _ = collect(evaluator, part, 3, all_levels=False)
    monkeypatch.setattr(graph, "aligned_halo", lambda level, config: 0)
    short = tiled(monkeypatch, 192, evaluator, part, 3, all_levels=False)
    assert np.abs(whole.maps(3) - short.maps(3)).max() > 1e-4


def test_tiled_nuclei(evaluator, nuclei, monkeypatch):
    for image in nuclei:
        part = image[:320, :352]
        assert_equal_levels(collect(evaluator, part)[0], tiled(monkeypatch, 128, evaluator, part))


@pytest.mark.parametrize("shape", [(1, 1), (17, 431), (500, 500)])
def test_awkward_sizes(evaluator, phase, monkeypatch, shape):
    part = np.resize(phase, shape) if shape == (1, 1) else phase[: shape[0], : shape[1]]
    whole, _ = collect(evaluator, part)
    split = tiled(monkeypatch, 320, evaluator, part)
    for level in (1, 2, 3, 4):
        assert whole.maps(level).shape == (2, *shape)
        np.testing.assert_allclose(whole.maps(level), split.maps(level), rtol=0, atol=1e-4)


def test_bf16_tiles_give_the_same_mask(phase, monkeypatch):
    evaluator = make_evaluator(BFLOAT16)
    part = phase[:480, :500]
    whole, _ = collect(evaluator, part)
    split = tiled(monkeypatch, 256, evaluator, part)
    for level in (1, 2, 3, 4):
        a, b = (labelling.mask(store.maps(level), evaluator.info) for store in (whole, split))
        assert (a == b).mean() >= 0.9999


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_incremental_equals_cold_bit_for_bit(phase, dtype, evaluator):
    evaluator = evaluator if dtype == "float32" else make_evaluator(BFLOAT16)
    part = phase[:250, :310]
    cache = NodeCache(PLENTY)
    for level in (1, 2, 3, 4):
        step, _ = collect(evaluator, part, level, cache=cache, plane="p")
        cold, _ = collect(evaluator, part, level, cache=NodeCache(PLENTY), plane="p")
        np.testing.assert_array_equal(step.maps(level), cold.maps(level))


def test_cold_levels_equal_the_levels_of_a_deep_run(evaluator, phase):
    part = phase[:250, :310]
    deep, _ = collect(evaluator, part, 4)
    for level in (1, 2, 3):
        alone, _ = collect(evaluator, part, level, all_levels=False)
        np.testing.assert_array_equal(alone.maps(level), deep.maps(level))
