"""The scale of an image: given by the user, else by the model's sampling rule, else found by a search.

`decide_scale` is the whole decision, `given_scale` the part without network.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    LARGEST_SCALE,
    SMALLEST_SCALE,
    ModelInfo,
    SamplingRule,
    ScaleChoice,
    ShouldStop,
    UsageError,
    never_stop,
)
from napari_unetpp.engine.input.normalise import LARGEST, NormStats
from napari_unetpp.engine.input.sampling import working_shape
from napari_unetpp.engine.input.scale_search import search_scale

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel

GIVEN = "given"

USUAL = "as the images of the fine-tuning"

LIT = 0.1
"""Share of a frame's brightness below which a pixel is dark: it may belong to the black border."""

FILLED = 0.25
"""Least share of lit pixels in a row or column of the picture; text beside the picture has less."""


def scale_number(scale: float | Literal["auto"]) -> float | None:
    """A given scale as a number; None for "auto"."""
    if isinstance(scale, str) and scale != "auto":
        raise UsageError(f"scale {scale!r} was given; expected a number or 'auto'.")
    return None if isinstance(scale, str) else float(scale)


def check_size(info: ModelInfo, *, scale: float | None, diameter: float | None) -> None:
    """Raise UsageError for a scale or diameter (px) that is out of range or has no meaning for the model."""
    if scale is not None and diameter is not None:
        raise UsageError(
            f"scale {scale} and diameter {diameter} were given; expected one of them: the diameter of the "
            "objects gives a scale."
        )
    if scale is not None and not SMALLEST_SCALE <= scale <= LARGEST_SCALE:
        raise UsageError(
            f"scale {scale} was given; expected a number from {SMALLEST_SCALE} to {LARGEST_SCALE}."
        )
    if diameter is None:
        return
    if info.sampling.kind != "object":
        raise UsageError(
            f"a diameter was given, but {info.name!r} does not go by the size of objects. Leave it out, or "
            "give a scale."
        )
    least, most = info.sampling.value / LARGEST_SCALE, info.sampling.value / SMALLEST_SCALE
    if not least <= diameter <= most:
        raise UsageError(f"diameter {diameter} was given; {info.name!r} takes {least:g} to {most:g} px.")


def check_range(given: tuple[float, float] | None) -> tuple[float, float] | None:
    """A given range as two numbers, the lower one first; UsageError if it is not a range."""
    if given is None:
        return None
    low, high = given
    if not -LARGEST <= low < high <= LARGEST:
        raise UsageError(
            f"range {low} {high} was given; expected two numbers within ±{LARGEST:g}, the lower one first."
        )
    return float(low), float(high)


def diameter_notes(shape: tuple[int, ...], diameter: float | None) -> tuple[str, ...]:
    """Notes on a given diameter (px) for a plane of shape (Y, X[, C])."""
    height, width = shape[:2]
    if diameter is None or diameter <= max(height, width):
        return ()
    return (
        f"objects of {diameter:g} px do not fit into an image of {width} x {height} px: check --diameter, "
        "which counts pixels of the image",
    )


def given_scale(
    info: ModelInfo,
    plane: NDArray[Any],
    *,
    scale: float | None = None,
    diameter: float | None = None,
    pixel_size: float | None = None,
) -> ScaleChoice | None:
    """The scale that the user or the model's rule gives; None: it has to be searched for.

    A lazy plane is read only for a model of frames.
    """
    check_size(info, scale=scale, diameter=diameter)
    rule = info.sampling
    if scale is not None:
        working_shape(plane.shape, scale)  # raises an error for a scale out of range
        return ScaleChoice(float(scale), GIVEN)
    if diameter is not None:
        return ScaleChoice(choose_scale(rule, plane.shape, diameter=diameter), f"objects of {diameter:g} px")
    if rule.kind == "frame":
        return ScaleChoice(plane_scale(rule, plane), f"a frame of {max(plane.shape[:2])} px")
    if rule.kind == "pixel" and pixel_size:
        return ScaleChoice(plane_scale(rule, plane, pixel_size=pixel_size), f"{pixel_size:.3g} um a pixel")
    if rule.kind == "pixel":
        return ScaleChoice(1.0, "pixel size unknown")
    if rule.usual is not None:
        return ScaleChoice(rule.usual, USUAL, searched=True)
    if info.task == "semantic":
        return ScaleChoice(1.0, "this model does not go by object size")
    return None


def decide_scale(
    model: LoadedModel,
    plane: NDArray[Any],
    stats: NormStats,
    *,
    scale: float | None = None,
    diameter: float | None = None,
    pixel_size: float | None = None,
    should_stop: ShouldStop = never_stop,
) -> ScaleChoice:
    """The scale of one image.

    In this order: `scale`, `diameter` (px of the input grid), the pixel size (micrometres) or the frame
    where the model goes by them, and the search.

    Raises
    ------
    UsageError
        Both are given, or a diameter to a model that does not go by the size of objects.
    UnetppError
        A scale that is out of range.
    """
    known = given_scale(model.info, plane, scale=scale, diameter=diameter, pixel_size=pixel_size)
    return known or search_scale(model, plane, stats, should_stop)


def choose_scale(
    rule: SamplingRule,
    shape: tuple[int, ...],
    *,
    diameter: float | None = None,
    pixel_size: float | None = None,
    picture: int | None = None,
) -> float:
    """Scale factor from the input grid to the working grid.

    Parameters
    ----------
    rule : SamplingRule
    shape : tuple
        (Y, X[, C]) of the image.
    diameter : float, optional
        Typical object diameter in px of the input grid (rule ``object``); unknown: 1.0.
    pixel_size : float, optional
        Micrometres per px (rule ``pixel``); unknown: 1.0.
    picture : int, optional
        Longer side, px, of the picture in the frame (rule ``frame``); unknown: that of the frame.
    """
    if rule.kind == "frame":
        scale = rule.value / (picture or max(shape[0], shape[1]))
    elif rule.kind == "pixel":
        scale = pixel_size / rule.value if pixel_size else 1.0
    else:
        scale = rule.value / diameter if diameter else 1.0
    return float(np.clip(scale, SMALLEST_SCALE, LARGEST_SCALE))


def plane_scale(rule: SamplingRule, plane: NDArray[Any], *, pixel_size: float | None = None) -> float:
    """Scale factor of a plane (Y, X[, C]); the size of a frame is that of its picture without black border.

    A lazy plane is read only for the rule ``frame``.
    """
    picture = picture_side(np.asarray(plane)) if rule.kind == "frame" else None
    return choose_scale(rule, plane.shape, pixel_size=pixel_size, picture=picture)


def picture_side(frame: NDArray[Any]) -> int:
    """Longer side (px) of the lit part of a frame (Y, X[, C]) of a camera; at least half of the frame's.

    Endoscopes show their picture on black, with text beside it; how much black depends on the recorder.
    """
    brightest = functools.reduce(np.maximum, np.moveaxis(frame, -1, 0)[:3]) if frame.ndim == 3 else frame
    light = brightest.astype(np.float32)
    lit = light > LIT * np.nanpercentile(light, 99)
    longer = int(max(light.shape))
    sides = [1, longer // 2]
    for axis in (0, 1):
        filled = np.flatnonzero(lit.mean(axis=axis) > FILLED)
        sides.append(int(filled[-1] - filled[0]) + 1 if filled.size else longer)
    return max(sides)
