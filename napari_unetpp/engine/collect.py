"""From an image to its maps in one call, for those who do not watch tiles arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    AUTO,
    ModelInfo,
    PredictDone,
    PredictEvent,
    PredictRequest,
    PredictStarted,
    ShouldStop,
    TileDone,
    UnetppError,
    never_stop,
)
from napari_unetpp.engine.evaluator import Evaluator
from napari_unetpp.engine.maps import MapStore
from napari_unetpp.engine.normalise import clean_plane
from napari_unetpp.engine.plane_maps import PlaneMaps
from napari_unetpp.engine.predict import predict
from napari_unetpp.engine.sampling import scale_for, working_shape

Auto = Literal["auto"]

LARGE_PIXELS = 4096 * 4096
"""Larger planes are collected in steps of 1/255, a quarter of the memory."""


def predict_maps(
    image: NDArray[Any],
    evaluator: Evaluator,
    *,
    level: int | Auto = "auto",
    scale: float | Auto = "auto",
    all_levels: bool = False,
    should_stop: ShouldStop = never_stop,
    on_event: Callable[[PredictEvent], None] | None = None,
) -> PlaneMaps:
    """Run the network and leave the decoding to the caller, who may want one result only.

    Parameters
    ----------
    image : ndarray of shape (Y, X), (Y, X, 3) or (Y, X, 4)
    evaluator : Evaluator
    level, scale
        Numbers, or "auto": each square as deep as it needs, or the recommended level of a model that has
        no rule for that; the model's sampling rule.
    all_levels : bool
        Also keep the shallower levels (more memory).
    should_stop, on_event : callable
        Asked between network nodes; told every event.

    Returns
    -------
    PlaneMaps
        Gives ``mask()``, ``labels()``, ``probability()``, ``uncertainty()`` when asked.
    """
    plane, notes = clean_plane(image)
    info = evaluator.info
    chosen = check_level(info, level)
    request = PredictRequest(
        plane, None, chosen, scale=check_scale(info, plane, scale), all_levels=all_levels
    )
    store: MapStore | None = None
    flops = 0
    for event in predict(evaluator, request, should_stop=should_stop):
        if isinstance(event, PredictStarted):
            large = event.shape[0] * event.shape[1] > LARGE_PIXELS
            store = MapStore(event.shape, len(info.outputs), dtype="uint8" if large else "float32")
            notes = (*notes, *event.notes)
        elif isinstance(event, TileDone) and store is not None:
            store.add(event)
        elif isinstance(event, PredictDone):
            flops = event.flops
        if on_event is not None:
            on_event(event)
    if store is None or not store.complete(chosen):
        raise UnetppError("the prediction was stopped before it was complete.")
    shape = (plane.shape[0], plane.shape[1])
    return PlaneMaps(store, info, chosen, shape, invalid_pixels(plane), notes, flops=flops)


def check_level(info: ModelInfo, level: int | Auto) -> int:
    """The level to use, or an error that names the ones there are.

    "auto" is `AUTO` where the model has a stopping rule, else its recommended level.
    """
    if level == "auto" or (level == AUTO and info.stopping):
        return AUTO if info.stopping else info.recommended_level
    if level not in info.net.levels:
        levels = info.net.levels
        has = f"levels 1 to {levels[-1]}" if len(levels) > 1 else f"level {levels[0]} only"
        raise UnetppError(f"level {level!r} was given; {info.name!r} has {has}, or use 'auto'.")
    return int(level)


def check_scale(info: ModelInfo, plane: NDArray[Any], scale: float | Auto) -> float:
    """The scale to use; `sampling.working_shape` refuses what is out of range."""
    if isinstance(scale, str):
        if scale != "auto":
            raise UnetppError(f"scale {scale!r} was given; expected a number or 'auto'.")
        return scale_for(info.sampling, plane)
    working_shape(plane.shape, scale)
    return float(scale)


def invalid_pixels(plane: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Pixels without a value (all of them in a constant image), or None where there are none."""
    if (plane == plane.flat[0]).all():
        return np.ones(plane.shape[:2], np.bool_)
    if plane.dtype.kind != "f":
        return None
    bad: NDArray[np.bool_] = np.logical_not(np.isfinite(plane))
    if bad.ndim == 3:
        bad = np.any(bad, axis=-1)
    return bad if bad.any() else None
