"""Maps averaged over the orientations of a plane."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from untrained import make_evaluator

import napari_unetpp
from napari_unetpp import segment
from napari_unetpp._types import PredictDone, PredictEvent, PredictStarted, TileDone, UnetppError
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.input.orientations import COUNT, orient, orient_back


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_all_orientations_differ_and_each_can_be_undone(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(0).random(shape)
    turned = [orient(image, number) for number in range(COUNT)]
    assert np.array_equal(turned[0], image)
    assert len({(one.shape, one.tobytes()) for one in turned}) == 8
    for number, one in enumerate(turned):
        maps = one[None] if one.ndim == 2 else np.moveaxis(one, -1, 0)
        expected = image[None] if image.ndim == 2 else np.moveaxis(image, -1, 0)
        assert np.array_equal(orient_back(maps, number), expected)


def test_the_average_turns_with_the_image() -> None:
    """What one orientation says depends on it; the mean of all does not."""
    model = make_evaluator()
    image = np.random.default_rng(0).integers(0, 255, (70, 100), np.uint8)
    how = {"level": 2, "scale": 1.0, "range": (0.0, 255.0)}
    plain = [predict_maps(each, model, **how).probability() for each in (image, np.rot90(image))]
    mean = [predict_maps(each, model, **how, augment=True).probability() for each in (image, np.rot90(image))]
    assert np.abs(np.rot90(plain[0], axes=(1, 2)) - plain[1]).max() > 1e-2
    assert np.abs(np.rot90(mean[0], axes=(1, 2)) - mean[1]).max() < 1e-3


def test_the_events_are_those_of_one_run() -> None:
    events: list[PredictEvent] = []
    image = np.random.default_rng(0).integers(0, 255, (70, 100), np.uint8)
    model = make_evaluator()
    found = predict_maps(image, model, level=1, scale=1.0, augment=True, on_event=events.append)
    tiles = [event for event in events if isinstance(event, TileDone)]
    assert [event.done for event in tiles] == list(range(1, COUNT + 1))
    assert {event.total for event in tiles} == {COUNT}
    assert sum(isinstance(event, PredictStarted) for event in events) == 1
    assert isinstance(events[-1], PredictDone) and sum(isinstance(e, PredictDone) for e in events) == 1
    assert found.share() == pytest.approx(COUNT * predict_maps(image, model, level=1, scale=1.0).share())


def test_auto_is_the_recommended_level() -> None:
    model = make_evaluator()
    model.info = replace(model.info, recommended_level=3)
    image = np.random.default_rng(0).integers(0, 255, (70, 100), np.uint8)
    assert predict_maps(image, model, augment=True).level == 3


def test_a_stack_is_refused() -> None:
    with pytest.raises(UnetppError, match=r"expected one plane \(Y, X\)"):
        segment(np.zeros((2, 64, 64), np.uint8), make_evaluator(), axes="ZYX", augment=True)


def test_the_shipped_model_says_much_the_same_of_its_sample() -> None:
    from skimage.io import imread

    image = imread(Path(napari_unetpp.__file__).parent / "samples" / "sparse_fluorescence.png")
    plain, mean = (segment(image, "nuclei", level=2, scale=1.0, augment=augment) for augment in (False, True))
    both = (plain.mask & mean.mask).sum() / (plain.mask | mean.mask).sum()
    assert 0.9 < both < 1.0
