"""Images and labels brought to the working grid, which the network sees, and to other grids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE, Region, UnetppError

CUT = 4.0
"""Standard deviations at which the Gaussian is cut off that smooths an image before it is shrunk."""


def working_shape(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Height and width of the working grid, at least 1 px each."""
    if not (np.isfinite(scale) and SMALLEST_SCALE <= scale <= LARGEST_SCALE):
        raise UnetppError(
            f"scale {scale} was given; expected a number from {SMALLEST_SCALE} to {LARGEST_SCALE}."
        )
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def resample(image: Any, scale: float, region: Region | None = None) -> NDArray[Any]:
    """The image on the working grid (bilinear, smoothed when shrinking), or a region of it.

    A value depends on the pixels around it alone: a region equals that part of the whole, bit for bit.

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
        float32, or the unchanged pixels of the image where both grids are the same.
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


def line_weights(image: int, length: int) -> NDArray[np.float32]:
    """Weight of each of `image` lines in each of `length` lines of a working grid: (length, image).

    The same interpolation and smoothing as in `resample`, along one axis.
    """
    lines = _lines(0, length, length, image)
    each = np.eye(image, dtype=np.float32)
    if lines.sigma:
        each = ndimage.gaussian_filter1d(each, lines.sigma, axis=0, mode="nearest", truncate=CUT)
    return lines.mixed(each, 0)


@dataclass(frozen=True, eq=False)
class _Lines:
    """Rows or columns of the working grid, and the lines of the image between which each lies.

    Attributes
    ----------
    read : slice
        Lines of the image that are needed.
    low, high : ndarray of int
        The two lines, counted from the first of `read`.
    share : ndarray of float32
        Weight of the higher one.
    sigma : float
        Of the Gaussian that smooths the image first, px of the image.
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
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * (old / new)).astype(np.intp), old - 1)
        for new, old in zip(shape, labels.shape, strict=True)
    )
    resampled: NDArray[Any] = labels[rows[:, None], columns]
    return resampled
