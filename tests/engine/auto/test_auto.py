"""Auto: every square as deep as it needs, and exactly what its level gives."""

from dataclasses import replace

import numpy as np
import pytest
from untrained import FLOAT32, PLENTY, collect, make_evaluator, stop_after

from napari_unetpp._types import (
    AUTO,
    ENCODERS,
    LevelScores,
    PredictRequest,
    StoppingRule,
    TileDone,
    UnetppError,
)
from napari_unetpp.api import load_model, segment
from napari_unetpp.engine import tiles
from napari_unetpp.engine.auto import stopping
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.node_cache import NodeCache
from napari_unetpp.engine.predict import predict
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_file import read_tensors
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.net import graph

NOTHING = LevelScores(None, None, None, 0)


def with_limit(evaluator, limit):
    rule = StoppingRule((0.27, 0.16, 0.09), (0.0, 0.06, 0.05), limit, 0.003, 0.4, NOTHING)
    info = replace(evaluator.info, stopping=rule)
    return LoadedModel(info, read_tensors(info.path), evaluator.choice, evaluator.scales)


@pytest.fixture(scope="module")
def nuclei():
    return with_limit(load_model(SHIPPED / "nuclei.safetensors", device="cpu", precision="float32"), 0.05)


@pytest.fixture(scope="module")
def image():
    return read_image(SHIPPED.parent / "samples" / "dense_fluorescence.png")[:208, :250]


@pytest.fixture
def small_cells(monkeypatch):
    """Many tiles in a small image."""
    monkeypatch.setattr(tiles, "CELL", 64)
    monkeypatch.setattr(tiles, "WHOLE_PIXELS", 0)


def assert_exact(auto, levels):
    """Every pixel of Auto is that of its level."""
    depth = auto.depth(AUTO)
    for level in levels.levels:
        there = depth == level
        np.testing.assert_allclose(auto.maps(AUTO)[:, there], levels.maps(level)[:, there], atol=2e-5)
    assert set(np.unique(depth)) <= set(levels.levels)
    return depth


def test_every_pixel_is_that_of_its_level(nuclei, image):
    levels, _ = collect(nuclei, image, 4)
    auto, events = collect(nuclei, image, AUTO)
    depth = assert_exact(auto, levels)
    assert len(np.unique(depth)) > 2, "this image needs different depths"
    assert auto.levels == (1, AUTO)
    done = events[-1]
    height, width = (side + -side % 16 for side in image.shape[:2])
    assert done.flops < 0.9 * graph.flops(4, nuclei.info.net, height, width)


def test_in_tiles(nuclei, image, small_cells):
    """Which squares go deeper may differ at the seams; what they show may not."""
    part = image[:150, :170]
    levels, _ = collect(nuclei, part, 4)
    auto, events = collect(nuclei, part, AUTO, cache=NodeCache(PLENTY), plane="p")
    assert_exact(auto, levels)
    assert [e.level for e in events if isinstance(e, TileDone)] == [1] * 9 + [AUTO] * 9
    assert_exact(collect(nuclei, part, AUTO)[0], levels)


@pytest.mark.parametrize(("limit", "level"), [(1.0, 1), (0.0, 4)])
def test_the_loosest_and_the_strictest_rule(nuclei, image, limit, level):
    part = image[:96, :130]
    auto, _ = collect(with_limit(nuclei, limit), part, AUTO)
    assert (auto.depth(AUTO) == level).all()
    np.testing.assert_allclose(auto.maps(AUTO), collect(nuclei, part, level)[0].maps(level), atol=2e-5)


def test_known_nodes_are_used_and_kept(nuclei, image):
    cache = NodeCache(PLENTY)
    collect(nuclei, image, 4, cache=cache, plane="p")
    _, events = collect(nuclei, image, AUTO, cache=cache, plane="p")
    assert (events[-1].nodes_computed, events[-1].flops) == (0, 0)
    cache = NodeCache(PLENTY)
    collect(nuclei, image, AUTO, cache=cache, plane="p")
    store, events = collect(nuclei, image, 4, cache=cache, plane="p")
    assert events[-1].nodes_reused >= len(graph.nodes(1)), "level 1 was complete"
    np.testing.assert_allclose(store.maps(4), collect(nuclei, image, 4)[0].maps(4), atol=2e-5)


@pytest.mark.parametrize("calls", [0, 2, 4, 7])
@pytest.mark.parametrize("budget", [0, PLENTY])
def test_stopped_half_way(nuclei, image, calls, budget):
    part, cache = image[:96, :130], NodeCache(budget)
    events = list(predict(nuclei, PredictRequest(part, "p", AUTO), cache, stop_after(calls)))
    assert events[-1].stopped
    resumed, _ = collect(nuclei, part, AUTO, cache=cache, plane="p")
    assert_exact(resumed, collect(nuclei, part, 4)[0])


def flat_borders(labels, square=16, length=8):
    """Objects whose outer border runs along the edge of a square."""
    cut = set()
    for plane in (labels, labels.T):
        for edge in range(square, plane.shape[1], square):
            for inside, outside in ((edge - 1, edge), (edge, edge - 1)):
                line = np.where(plane[:, outside] == 0, plane[:, inside], 0)
                cut |= {n for n in np.unique(line) if n and np.count_nonzero(line == n) >= length}
    return len(cut)


def test_what_a_deeper_level_finds_is_not_cut_off_at_a_square(nuclei, data, monkeypatch):
    """Dim nuclei once ended flat at the edge beyond which level 1 had seen nothing (counted in float32)."""
    nuclei = LoadedModel(nuclei.info, read_tensors(nuclei.info.path), FLOAT32)
    image = read_image(data / "nuclei_dsb2018/train/images/610f32e2d9d2.png")
    deepest = flat_borders(predict_maps(image, nuclei, level=4, scale=1.0).labels())
    now = flat_borders(predict_maps(image, nuclei, scale=1.0).labels())
    monkeypatch.setattr(stopping, "cut_off", lambda found, active, square: np.zeros_like(active))
    before = flat_borders(predict_maps(image, nuclei, scale=1.0).labels())
    assert now < before and now <= deepest + 1


def test_auto_means_auto_where_there_is_a_rule(nuclei, image):
    result = segment(image[:100, :90], nuclei)
    assert result.level == AUTO
    assert result.depth.shape == (100, 90) and result.depth.min() >= 1 and result.depth.max() <= 4
    scaled = segment(image[:100, :90], nuclei, scale=1.5)
    assert scaled.depth.shape == (100, 90)
    tensors = read_tensors(nuclei.info.path)
    without = LoadedModel(replace(nuclei.info, stopping=None), tensors, nuclei.choice, nuclei.scales)
    fixed = segment(image[:100, :90], without)
    assert fixed.level == nuclei.info.recommended_level and (fixed.depth == fixed.level).all()
    with pytest.raises(UnetppError, match="level 5 was given"):
        segment(image[:100, :90], without, level=AUTO)


def test_the_work_is_told(nuclei, image):
    whole = predict_maps(image, nuclei, level=4)
    assert whole.share() == pytest.approx(1, abs=2e-3)
    assert 0.1 < predict_maps(image, nuclei).share() < 0.9


@pytest.mark.parametrize("encoder", ENCODERS)
def test_on_an_encoder_of_others(encoder, image):
    evaluator = make_evaluator(encoder=encoder, widths=(8, 12, 16, 24, 32))
    evaluator.info = replace(evaluator.info, task="semantic")
    part = image[:96, :130]
    levels, _ = collect(evaluator, part, 4)
    doubt = stopping.stopping_signs(levels.maps(1), None, evaluator.info, 32)[..., 0]
    rule = StoppingRule((1.0,) * 3, (0.0,) * 3, float(np.median(doubt)), 0.003, 0.4, NOTHING)
    evaluator.info = replace(evaluator.info, stopping=rule)
    depth = assert_exact(collect(evaluator, part, AUTO)[0], levels)
    assert len(np.unique(depth)) > 1
