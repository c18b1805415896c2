"""The working grid: how far an image is shrunk or magnified before the network sees it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.transform import resize

from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE, Region, SamplingRule, UnetppError

SMALLEST, LARGEST = SMALLEST_SCALE, LARGEST_SCALE

LIT = 0.1
"""Of the brightest of a frame: what is darker may be its black border."""

FILLED = 0.25
"""Share of a row or column that is lit where the picture is; text beside the picture lights less."""

CUT = 4.0
"""Standard deviations at which the Gaussian ends that smooths what is shrunk."""


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


def resample(image: Any, scale: float, region: Region | None = None) -> NDArray[Any]:
    """The image on the working grid (bilinear, smoothed when shrinking), or a region of it.

    A value depends on the pixels around it alone: a region gives what the whole would give, bit for bit.

    Parameters
    ----------
    image : array-like of shape (Y, X) or (Y, X, C)
        Only the rows and columns that are needed are read.
    scale : float
        Working grid = input grid times `scale`.
    region : Region, optional
        Of the working grid; None: all of it.

    Returns
    -------
    ndarray
        float32, or the pixels of the image as they are where nothing changes.
    """
    shape = working_shape(image.shape, scale)
    part = Region.whole(shape) if region is None else region
    if shape == image.shape[:2]:
        return np.asarray(image if region is None else image[part.slices])
    rows = _lines(part.y0, part.y1, shape[0], image.shape[0])
    columns = _lines(part.x0, part.x1, shape[1], image.shape[1])
    pixels = np.asarray(image[rows.read, columns.read])
    if pixels.dtype.kind == "f":
        pixels = np.where(np.isfinite(pixels), pixels, 0)
    pixels = pixels.astype(np.float32)
    if scale < 1:
        sigma = (rows.sigma, columns.sigma, 0.0)[: pixels.ndim]
        pixels = ndimage.gaussian_filter(pixels, sigma, mode="nearest", truncate=CUT)
    return columns.mixed(rows.mixed(pixels, 0), 1)


@dataclass(frozen=True, eq=False)
class _Lines:
    """Rows or columns of the working grid, and the lines of the image between which each lies.

    Attributes
    ----------
    read : slice
        Lines of the image that are needed.
    low, high : ndarray of int
        Counted from the first of these.
    share : ndarray of float32
        How much the higher one counts.
    sigma : float
        Of the Gaussian by which lines are smoothed before, px of the image.
    """

    read: slice
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    share: NDArray[np.float32]
    sigma: float

    def mixed(self, pixels: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
        """Interpolated along an axis."""
        share = self.share.reshape([-1 if n == axis else 1 for n in range(pixels.ndim)])
        low, high = pixels.take(self.low, axis), pixels.take(self.high, axis)
        mixed: NDArray[np.float32] = low * (np.float32(1) - share) + high * share
        return mixed


def _lines(start: int, stop: int, length: int, image: int) -> _Lines:
    """Lines [start, stop) of a working grid of `length` lines over `image` lines."""
    where = (np.arange(start, stop) + 0.5) * (image / length) - 0.5
    floor = np.floor(where).astype(np.intp)
    low, high = floor.clip(0, image - 1), (floor + 1).clip(0, image - 1)
    sigma = max(0.0, (image / length - 1) / 2)
    reach = int(CUT * sigma + 0.5)
    first, last = max(int(low[0]) - reach, 0), min(int(high[-1]) + reach, image - 1)
    share = (where - floor).astype(np.float32)
    return _Lines(slice(first, last + 1), low - first, high - first, share, sigma)


def resample_labels(labels: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Labels or a mask (Y, X) brought to another grid of `shape` (nearest neighbour)."""
    if labels.shape == shape:
        return labels
    out = resize(labels.astype(np.float64), shape, order=0, mode="edge", anti_aliasing=False)
    return out.astype(labels.dtype)  # type: ignore[no-any-return]
