"""The dock and the command line give one result, whatever the size of the image and the scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_unetpp._types import (
    ObjectOptions,
    PredictDone,
    PredictRequest,
    PredictStarted,
    Region,
    ScaleChoice,
    TileDone,
    never_stop,
)
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.session.events import Paint
from napari_unetpp.session.segment import work
from napari_unetpp.session.segment.cache import WorkerCache
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.values import DeviceRequest, Plane, ResultKind, Rule

pytest.importorskip("torch")

RANGE = (0.0, 200.0)
CPU = DeviceRequest("cpu")
SAMPLE = Path(__file__).parents[3] / "napari_unetpp" / "samples" / "dense_fluorescence.png"


@pytest.fixture(scope="module")
def nuclei() -> Any:
    """The shipped model, in fp32 so that no machine decides otherwise."""
    from napari_unetpp.engine.device import DeviceChoice
    from napari_unetpp.engine.loaded_model import LoadedModel
    from napari_unetpp.files.models.model_file import read_tensors
    from napari_unetpp.files.models.model_list import find_model

    info = find_model("nuclei")
    assert info.path is not None
    return LoadedModel(replace(info, stopping=None), read_tensors(info.path), DeviceChoice("cpu", "float32"))


@pytest.fixture(scope="module")
def maps(nuclei: Any) -> NDArray[np.float32]:
    """What the network gives for a sample."""
    from napari_unetpp.engine.predict import predict

    request = PredictRequest(read_image(SAMPLE)[:256, :320], None, 1, range=RANGE)
    (tile,) = [event for event in predict(nuclei, request) if isinstance(event, TileDone)]
    assert 0.1 < (tile.maps[0] > 0.5).mean() < 0.9
    return tile.maps


def repeated(array: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Laid side by side until the shape is filled: along the last two axes."""
    counts = [-(-side // own) for side, own in zip(shape, array.shape[-2:], strict=True)]
    return np.tile(array, counts)[..., : shape[0], : shape[1]]


def in_dock(image: NDArray[Any], evaluator: Any, scale: float, rule: Rule) -> NDArray[Any]:
    """What the dock paints in the end."""
    cache = WorkerCache()
    cache.loaded = lambda model, device: evaluator  # type: ignore[method-assign]
    plane = Plane("p", "i", "cells", image)
    request = SegmentRequest(plane, evaluator.info, CPU, 1, rule, ScaleChoice(scale, "given"), RANGE)
    result = np.zeros(image.shape, np.uint32)
    for event in work.show(cache, request, never_stop):
        if isinstance(event, Paint) and event.final:
            result[event.region.slices] = event.values
    return result


def in_shell(
    image: NDArray[Any], evaluator: Any, scale: float, kind: ResultKind, **options: Any
) -> NDArray[Any]:
    """What `segment` writes."""
    from napari_unetpp.engine.collect import predict_maps

    objects = ObjectOptions(**options)
    found = predict_maps(image, evaluator, level=1, scale=scale, range=RANGE, objects=objects)
    return found.mask() if kind == "mask" else found.labels()


def own(evaluator: Any, kind: ResultKind, **options: Any) -> Rule:
    """The model's own rule, as the dock has it, with these changes."""
    return Rule(kind, **{"threshold": evaluator.info.decode.threshold, **options})


def stand_in(monkeypatch: pytest.MonkeyPatch, maps: NDArray[np.float32]) -> None:
    """The network gives these maps, repeated."""
    from napari_unetpp.engine import collect
    from napari_unetpp.engine import predict as predicting
    from napari_unetpp.engine.input.sampling import working_shape

    def predict(_evaluator: Any, request: PredictRequest, *_: Any, **__: Any) -> Iterator[Any]:
        shape = working_shape(request.image.shape, request.scale)
        yield PredictStarted(request.generation, shape, (1,), 1)
        yield TileDone(request.generation, 1, Region(0, 0, *shape), repeated(maps, shape), 1, 1)
        yield PredictDone(request.generation, 1, 1.0, 1, 0, stopped=False)

    for module in (collect, predicting):
        monkeypatch.setattr(module, "predict", predict)


@pytest.mark.parametrize("scale", [1.0, 0.7])
@pytest.mark.parametrize(("side", "kind"), [(1000, "labels"), (2236, "labels"), (4472, "mask")])
def test_whatever_the_size(
    nuclei: Any, maps: Any, monkeypatch: pytest.MonkeyPatch, side: int, kind: ResultKind, scale: float
) -> None:
    """1, 5 and 20 megapixels; maps that are there, for the network would take most of a minute.

    Above 4 megapixels the dock once kept maps as bytes, the command line above 16.8: hundreds of pixels of
    the mask were different.
    """
    stand_in(monkeypatch, maps)
    known = SimpleNamespace(info=nuclei.info, version="1", choice=nuclei.choice)
    image = repeated(read_image(SAMPLE), (side, side))
    found = in_dock(image, known, scale, own(known, kind))
    assert 0.1 < (found > 0).mean() < 0.9
    np.testing.assert_array_equal(found, in_shell(image, known, scale, kind))


@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_through_the_network(nuclei: Any, scale: float) -> None:
    """The dock goes deeper tile by tile and keeps nodes; the command line does not."""
    image = read_image(SAMPLE)
    found = in_dock(image, nuclei, scale, own(nuclei, "labels"))
    assert found.max() > 50
    np.testing.assert_array_equal(found, in_shell(image, nuclei, scale, "labels"))


OPTIONS = (
    {"max_size": 400},
    {"min_size": 150, "max_size": 600},
    {"fill_holes": True},
    {"drop_border": True},
    {"split": False, "threshold": 0.3},
    {"threshold": 0.8, "min_size": 90, "max_size": 500, "fill_holes": True, "drop_border": True},
)


@pytest.mark.parametrize("scale", [1.0, 0.7])
@pytest.mark.parametrize("options", OPTIONS)
def test_whatever_is_asked_of_the_objects(
    nuclei: Any, maps: Any, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], scale: float
) -> None:
    stand_in(monkeypatch, maps)
    known = SimpleNamespace(info=nuclei.info, version="1", choice=nuclei.choice)
    image = repeated(read_image(SAMPLE), (300, 400))
    plain = in_dock(image, known, scale, own(known, "labels"))
    found = in_dock(image, known, scale, own(known, "labels", **options))
    assert found.any() and (found != plain).any()
    np.testing.assert_array_equal(found, in_shell(image, known, scale, "labels", **options))


def test_masks_have_their_holes_filled(nuclei: Any, maps: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, maps)
    known = SimpleNamespace(info=nuclei.info, version="1", choice=nuclei.choice)
    image = repeated(read_image(SAMPLE), (300, 400))
    plain = in_dock(image, known, 1.0, own(known, "mask"))
    rule = own(known, "mask", fill_holes=True, min_size=300, drop_border=True)  # the last two: of objects
    found = in_dock(image, known, 1.0, rule)
    assert (found > 0).sum() > (plain > 0).sum()
    np.testing.assert_array_equal(found, in_shell(image, known, 1.0, "mask", fill_holes=True))
