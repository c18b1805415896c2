"""Which scale an image is segmented at: what the user says, else the model's rule, else a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo, ScaleChoice, ShouldStop, UsageError, never_stop
from napari_unetpp.engine.input.normalise import NormStats
from napari_unetpp.engine.input.sampling import LARGEST, SMALLEST, choose_scale, scale_for, working_shape
from napari_unetpp.engine.input.scale_search import search_scale

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel

GIVEN = "given"


def scale_number(scale: float | Literal["auto"]) -> float | None:
    """The scale that was given; None for "auto"."""
    if isinstance(scale, str) and scale != "auto":
        raise UsageError(f"scale {scale!r} was given; expected a number or 'auto'.")
    return None if isinstance(scale, str) else float(scale)


def check_size(info: ModelInfo, *, scale: float | None, diameter: float | None) -> None:
    """Refuse a scale or a diameter (px) that contradict each other or mean nothing to the model."""
    if scale is not None and diameter is not None:
        raise UsageError(
            f"scale {scale} and diameter {diameter} were given; expected one of them: the diameter of the "
            "objects gives a scale."
        )
    if scale is not None and not SMALLEST <= scale <= LARGEST:
        raise UsageError(f"scale {scale} was given; expected a number from {SMALLEST} to {LARGEST}.")
    if diameter is None:
        return
    if info.sampling.kind != "object":
        raise UsageError(
            f"a diameter was given, but {info.name!r} does not go by the size of objects. Leave it out, or "
            "give a scale."
        )
    least, most = info.sampling.value / LARGEST, info.sampling.value / SMALLEST
    if not least <= diameter <= most:
        raise UsageError(f"diameter {diameter} was given; {info.name!r} takes {least:g} to {most:g} px.")


def check_range(given: tuple[float, float] | None) -> tuple[float, float] | None:
    """A range that somebody gave, as two finite numbers, the lower one first, or an error."""
    if given is None:
        return None
    low, high = given
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise UsageError(f"range {low} {high} was given; expected two finite numbers, the lower one first.")
    return float(low), float(high)


def given_scale(
    info: ModelInfo,
    plane: NDArray[Any],
    *,
    scale: float | None = None,
    diameter: float | None = None,
    pixel_size: float | None = None,
) -> ScaleChoice | None:
    """What is known without a search: by the user, or by the model's rule; None: nobody knows.

    A lazy plane is read for models of frames only.
    """
    check_size(info, scale=scale, diameter=diameter)
    rule = info.sampling
    if scale is not None:
        working_shape(plane.shape, scale)  # refuses what is out of range
        return ScaleChoice(float(scale), GIVEN)
    if diameter is not None:
        return ScaleChoice(choose_scale(rule, plane.shape, diameter=diameter), f"objects of {diameter:g} px")
    if rule.kind == "frame":
        return ScaleChoice(scale_for(rule, plane), f"a frame of {max(plane.shape[:2])} px")
    if rule.kind == "pixel" and pixel_size:
        return ScaleChoice(scale_for(rule, plane, pixel_size=pixel_size), f"{pixel_size:.3g} um a pixel")
    if rule.kind == "pixel":
        return ScaleChoice(1.0, "pixel size unknown")
    if info.task == "semantic":
        return ScaleChoice(1.0, "this model knows no size of things")
    return None


def decide_scale(
    evaluator: LoadedModel,
    plane: NDArray[Any],
    stats: NormStats,
    *,
    scale: float | None = None,
    diameter: float | None = None,
    pixel_size: float | None = None,
    should_stop: ShouldStop = never_stop,
) -> ScaleChoice:
    """The scale of one image; the only place that decides.

    In this order: `scale`, `diameter` (px of the input grid), the pixel size (micrometres) or the frame
    where the model goes by them, and the search.

    Raises
    ------
    UsageError
        Both are given, or a diameter to a model that does not go by the size of objects.
    UnetppError
        A scale that is out of range.
    """
    known = given_scale(evaluator.info, plane, scale=scale, diameter=diameter, pixel_size=pixel_size)
    return known or search_scale(evaluator, plane, stats, should_stop)
