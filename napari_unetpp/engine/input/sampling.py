"""The working grid: how far an image is shrunk or magnified before the network sees it."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.transform import resize

from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE, SamplingRule, UnetppError

SMALLEST, LARGEST = SMALLEST_SCALE, LARGEST_SCALE

LIT = 0.1
"""Of the brightest of a frame: what is darker may be its black border."""

FILLED = 0.25
"""Share of a row or column that is lit where the picture is; text beside the picture lights less."""


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
    return float(np.clip(scale, SMALLEST, LARGEST))


def scale_for(rule: SamplingRule, plane: NDArray[Any], *, pixel_size: float | None = None) -> float:
    """What the rule gives for a plane (Y, X[, C]); of a frame its picture counts, not its black border.

    A lazy plane is read for frames only.
    """
    picture = picture_side(np.asarray(plane)) if rule.kind == "frame" else None
    return choose_scale(rule, plane.shape, pixel_size=pixel_size, picture=picture)


def picture_side(frame: NDArray[Any]) -> int:
    """Longer side (px) of the lit part of a camera's frame (Y, X[, C]), alpha apart; at least half of it.

    Endoscopes show their picture on black, with text beside it, and how much black there is depends on
    the recorder alone.
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


def working_shape(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Height and width of the working grid, at least 1 px each."""
    if not (np.isfinite(scale) and SMALLEST <= scale <= LARGEST):
        raise UnetppError(f"scale {scale} was given; expected a number from {SMALLEST} to {LARGEST}.")
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def resample(image: NDArray[Any], scale: float) -> NDArray[Any]:
    """The image on the working grid (bilinear, smoothed when shrinking); itself when nothing changes."""
    shape = working_shape(image.shape, scale)
    if shape == image.shape[:2]:
        return image
    finite = np.where(np.isfinite(image), image, 0) if image.dtype.kind == "f" else image
    out = resize(
        finite.astype(np.float32), (*shape, *image.shape[2:]), order=1, mode="edge", anti_aliasing=scale < 1
    )
    return out.astype(np.float32)  # type: ignore[no-any-return]


def resample_labels(labels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Labels or a mask (Y, X) brought to another grid of `shape` (nearest neighbour)."""
    if labels.shape == shape:
        return labels
    out = resize(labels.astype(np.float64), shape, order=0, mode="edge", anti_aliasing=False)
    return out.astype(labels.dtype)  # type: ignore[no-any-return]
