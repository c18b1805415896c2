"""From an image to its result in one call; no events have to be handled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    ObjectOptions,
    PredictDone,
    PredictEvent,
    PredictRequest,
    PredictStarted,
    ScaleChoice,
    ShouldStop,
    TileDone,
    UnetppError,
    never_stop,
)
from napari_unetpp.engine.decode.map_store import MapStore
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.input.normalise import NormStats, clean_plane, measure, with_range
from napari_unetpp.engine.input.orientations import average
from napari_unetpp.engine.input.range_notes import NOISE, intensities_outside, range_notes, reported_range
from napari_unetpp.engine.input.scale import check_range, decide_scale, diameter_notes, scale_number
from napari_unetpp.engine.level import Auto, resolve_level
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.memory import is_out_of_memory, release_free_memory
from napari_unetpp.engine.predict import predict
from napari_unetpp.engine.tiles import SMALL_CELL

AS_THE_MODEL = ObjectOptions()


@dataclass(frozen=True, slots=True)
class Reading:
    """How an image is brought to the network: its scale, and the intensities that become 0 and 1."""

    scale: ScaleChoice
    range: tuple[float, float]


def predict_maps(
    image: NDArray[Any],
    model: LoadedModel,
    *,
    level: int | Auto = "auto",
    scale: float | Auto = "auto",
    diameter: float | None = None,
    pixel_size: float | None = None,
    range: tuple[float, float] | None = None,
    objects: ObjectOptions = AS_THE_MODEL,
    all_levels: bool = False,
    augment: bool = False,
    should_stop: ShouldStop = never_stop,
    on_event: Callable[[PredictEvent], None] | None = None,
) -> PlaneResult:
    """Run the network over a plane; the caller decodes what it wants of the result.

    Parameters
    ----------
    image : ndarray of shape (Y, X), (Y, X, 3) or (Y, X, 4)
    model : LoadedModel
    level : int or "auto"
        "auto": level Auto where the model has a stopping rule, else its recommended level.
    scale, diameter, pixel_size
        What is known of the size of objects (see `engine.input.scale.decide_scale`).
    range : (float, float), optional
        Intensities that become 0 and 1; None: measured.
    objects : ObjectOptions
        What is asked of the objects.
    all_levels : bool
        Also keep the shallower levels (more memory).
    augment : bool
        Average the maps over the eight orientations of the plane, which takes eight times as long; "auto" is
        the recommended level then, and only that level is kept.
    should_stop, on_event : callable
        `should_stop` is asked before every network node, `on_event` is given every event.

    Returns
    -------
    PlaneResult
        Gives ``mask()``, ``labels()``, ``probability()``, ``uncertainty()`` when asked.

    Raises
    ------
    UnetppError
        The image or an option cannot be used (options: its subclass UsageError), or the run was stopped.
    """
    plane, notes = clean_plane(image)
    info = model.info
    chosen = resolve_level(info, level, augment=augment)
    reading = decide_reading(
        plane,
        model,
        scale=scale,
        diameter=diameter,
        pixel_size=pixel_size,
        range=range,
        should_stop=should_stop,
    )
    decided, limits = reading.scale, reading.range
    request = PredictRequest(plane, None, chosen, scale=decided.scale, all_levels=all_levels, range=limits)
    stats = NormStats(*limits)
    reported = limits if range else reported_range(plane, stats)
    notes = (*notes, *range_notes(plane, stats, given=range is not None))
    notes = (*notes, *diameter_notes(plane.shape, diameter), *((NOISE,) if reported != limits else ()))
    try:
        store, flops = _maps(model, request, None, augment, should_stop, on_event)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        release_free_memory()
        notes = (*notes, "memory did not suffice for the usual tiles: smaller ones were used")
        store, flops = _maps(model, request, SMALL_CELL, augment, should_stop, on_event)
    shape = (plane.shape[0], plane.shape[1])
    invalid = invalid_pixels(plane, stats)
    rule = objects.rule(info.decode, decided.scale)
    return PlaneResult(
        store, info, chosen, shape, rule, invalid, notes, flops=flops, scale=decided, range=reported
    )


def _maps(
    model: LoadedModel,
    request: PredictRequest,
    cell: int | None,
    augment: bool,
    should_stop: ShouldStop,
    on_event: Callable[[PredictEvent], None] | None,
) -> tuple[MapStore, int]:
    """All maps of a plane, and the FLOPs that they took; `cell`: see `engine.predict.predict`."""

    def evaluate(
        request: PredictRequest, on_event: Callable[[PredictEvent], None] | None
    ) -> tuple[MapStore, int]:
        return _collected(model, request, cell, should_stop, on_event)

    return average(request, evaluate, on_event) if augment else evaluate(request, on_event)


def _collected(
    model: LoadedModel,
    request: PredictRequest,
    cell: int | None,
    should_stop: ShouldStop,
    on_event: Callable[[PredictEvent], None] | None,
) -> tuple[MapStore, int]:
    store: MapStore | None = None
    flops = 0
    for event in predict(model, request, should_stop=should_stop, cell=cell):
        if isinstance(event, PredictStarted):
            store = MapStore(event.shape, len(model.info.outputs))
        elif isinstance(event, TileDone) and store is not None:
            store.add(event)
        elif isinstance(event, PredictDone):
            flops = event.flops
        if on_event is not None:
            on_event(event)
    if store is None or not store.complete(request.level):
        raise UnetppError("the prediction was stopped before it was complete.")
    return store, flops


def decide_reading(
    plane: NDArray[Any],
    model: LoadedModel,
    *,
    scale: float | Auto = "auto",
    diameter: float | None = None,
    pixel_size: float | None = None,
    range: tuple[float, float] | None = None,
    should_stop: ShouldStop = never_stop,
) -> Reading:
    """The scale and range of a clean plane, measured where not given; options as of `predict_maps`."""
    known = check_range(range)
    stats = with_range(plane, *known) if known else measure(plane, model.info.normalisation)
    decided = decide_scale(
        model,
        plane,
        stats,
        scale=scale_number(scale),
        diameter=diameter,
        pixel_size=pixel_size,
        should_stop=should_stop,
    )
    return Reading(decided, (stats.low, stats.high))


def invalid_pixels(plane: NDArray[Any], stats: NormStats) -> NDArray[np.bool_] | None:
    """Pixels without a value, or None where there are none.

    In a constant image, and where no intensity lies in the range, these are all pixels.
    """
    if (plane == plane.flat[0]).all() or intensities_outside(plane, stats):
        return np.ones(plane.shape[:2], np.bool_)
    if plane.dtype.kind != "f":
        return None
    bad: NDArray[np.bool_] = np.logical_not(np.isfinite(plane))
    if bad.ndim == 3:
        bad = np.any(bad, axis=-1)
    return bad if bad.any() else None
