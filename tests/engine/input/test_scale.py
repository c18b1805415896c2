"""Which scale an image is segmented at: the order of what is known, and what contradicts it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from napari_unetpp._types import ModelInfo, NetConfig, SamplingRule, ScaleChoice, UnetppError, UsageError
from napari_unetpp.engine.input import scale as deciding
from napari_unetpp.engine.input.normalise import NormStats
from napari_unetpp.engine.input.scale import check_range, decide_scale, given_scale, scale_number

OBJECTS = ModelInfo(
    "nuclei", "instances", ("nucleus",), ("foreground",), NetConfig(), sampling=SamplingRule("object", 20)
)
MICROMETRES = replace(OBJECTS, name="axons", sampling=SamplingRule("pixel", 0.1))
FRAMES = replace(OBJECTS, name="polyps", task="semantic", sampling=SamplingRule("frame", 96))
CLASSES = replace(OBJECTS, name="vessels", task="semantic")
TUNED = replace(OBJECTS, sampling=SamplingRule("object", 20, usual=0.5))
PLANE = np.full((120, 192), 100, np.uint8)
STATS = NormStats(0.0, 1.0)
FOUND = ScaleChoice(0.35, "found")


@pytest.fixture
def searched(monkeypatch):
    """Planes that were searched; the answer is always `FOUND`."""
    planes = []

    def search(evaluator, plane, stats, should_stop):
        planes.append(plane)
        return FOUND

    monkeypatch.setattr(deciding, "search_scale", search)
    return planes


@pytest.mark.parametrize(
    ("info", "known", "scale", "reason", "searches"),
    [
        (OBJECTS, {}, 0.35, "found", 1),
        (OBJECTS, {"pixel_size": 0.3}, 0.35, "found", 1),
        (OBJECTS, {"diameter": 58}, 20 / 58, "objects of 58 px", 0),
        (OBJECTS, {"scale": 2.0, "pixel_size": 0.3}, 2.0, "given", 0),
        (OBJECTS, {"scale": 1}, 1.0, "given", 0),
        (OBJECTS, {"diameter": 320}, 1 / 16, "objects of 320 px", 0),
        (MICROMETRES, {"pixel_size": 0.05}, 0.5, "0.05 um a pixel", 0),
        (MICROMETRES, {"pixel_size": 0.05, "scale": 1.5}, 1.5, "given", 0),
        (MICROMETRES, {}, 1.0, "pixel size unknown", 0),
        (FRAMES, {}, 0.5, "a frame of 192 px", 0),
        (FRAMES, {"pixel_size": 0.05}, 0.5, "a frame of 192 px", 0),
        (FRAMES, {"scale": 1.5}, 1.5, "given", 0),
        (CLASSES, {}, 1.0, "this model does not go by object size", 0),
        (CLASSES, {"scale": 0.5}, 0.5, "given", 0),
        (TUNED, {}, 0.5, "as the images of the fine-tuning", 0),
        (TUNED, {"diameter": 58}, 20 / 58, "objects of 58 px", 0),
        (TUNED, {"scale": 2.0}, 2.0, "given", 0),
    ],
)
def test_order_of_what_is_known(searched, info, known, scale, reason, searches):
    choice = decide_scale(SimpleNamespace(info=info), PLANE, STATS, **known)
    assert choice.scale == pytest.approx(scale)
    assert choice.reason == reason
    assert len(searched) == searches
    assert given_scale(info, PLANE, **known) == (None if searches else choice)


@pytest.mark.parametrize(
    ("info", "known", "message"),
    [
        (OBJECTS, {"scale": 1.0, "diameter": 30.0}, "one of them"),
        (FRAMES, {"diameter": 30.0}, "'polyps' does not go by the size of objects"),
        (MICROMETRES, {"diameter": 30.0}, "'axons' does not go by the size of objects"),
        (OBJECTS, {"diameter": 1e6}, "takes 2.5 to 320 px"),
        (OBJECTS, {"diameter": 0.0}, "diameter 0.0"),
        (OBJECTS, {"diameter": float("nan")}, "diameter nan"),
        (OBJECTS, {"diameter": float("inf")}, "diameter inf"),
    ],
)
def test_contradictions_are_usage_errors(searched, info, known, message):
    with pytest.raises(UsageError, match=message):
        decide_scale(SimpleNamespace(info=info), PLANE, STATS, **known)
    assert not searched


@pytest.mark.parametrize("scale", [0, -1, 1e9, float("nan")])
def test_scale_out_of_range_is_refused(scale):
    with pytest.raises(UnetppError, match="scale"):
        given_scale(OBJECTS, PLANE, scale=scale)


def test_scale_as_a_word():
    assert scale_number("auto") is None
    assert scale_number(2) == 2.0
    with pytest.raises(UsageError, match="'large'"):
        scale_number("large")


@pytest.mark.parametrize("given", [(1, 1), (2, 1), (float("nan"), 1), (0, float("inf"))])
def test_range_that_is_none(given):
    with pytest.raises(UsageError, match="the lower one first"):
        check_range(given)


def test_range_that_is_one():
    assert check_range(None) is None
    assert check_range((-5, 2)) == (-5.0, 2.0)
