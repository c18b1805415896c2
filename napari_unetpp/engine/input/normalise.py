"""Cleaning of one plane, its range of intensities, and the network's input; the same in training and use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Normalisation, UnetppError
from napari_unetpp.engine.input.robust_range import find_range

Image = NDArray[Any]

SAMPLES = 1_000_000
"""Percentiles are measured on at most about this many pixels."""

NOISE_SAMPLES = 250_000
"""The same for the noise."""

NOISE_FACTOR = 12.0
"""The range is never smaller than this many standard deviations of the noise."""

TOO_NARROW, TOO_WIDE = 2.5, 0.1
"""Percentiles have failed where the robust range is more, or less, than so many times as wide as theirs."""

CLIPPED = (-0.5, 2.0)
"""Normalised values are cut off here; 0 and 1 are the ends of the range."""

LARGEST = 1e15
"""Values beyond this, of either sign, count as no value: their squares would not fit float32. Files mark
pixels without a value by the largest number of their type."""

DIVIDE = "; if they are intensities, divide the image by a number first"

MUCH_BELOW, NEAR = 0.05, -0.1
"""Where more than this share of an image lies below the range, values are cut off nearer to 0. Below a
measured range lies 1 %, so networks hardly know values below 0, and take a background there for one large
object."""

RGB = 3

DEFAULT_RULE = Normalisation()


@dataclass(frozen=True, slots=True)
class NormStats:
    """Intensities that are mapped to 0 and 1, and the value to which darker ones are cut off."""

    low: float
    high: float
    lowest: float = CLIPPED[0]


def clean_plane(image: Image) -> tuple[Image, tuple[str, ...]]:
    """Check one plane and drop the alpha channel or a single channel axis.

    Parameters
    ----------
    image : ndarray of shape (Y, X), (Y, X, 1), (Y, X, 3) or (Y, X, 4)
        Any real or boolean dtype.

    Returns
    -------
    image : ndarray of shape (Y, X) or (Y, X, 3)
    notes : tuple of str
        What was unusual: an alpha channel, NaN or infinite pixels, a constant image.

    Raises
    ------
    UnetppError
        For empty, complex or object arrays and for shapes that are not one plane.
    """
    image = np.asarray(image)
    if image.dtype.kind not in "buif":
        raise UnetppError(
            f"the image has dtype {image.dtype}; expected integers, floats or booleans. "
            "Convert it first (for a complex image: its magnitude)."
        )
    if image.size == 0:
        raise UnetppError(f"the image is empty (shape {image.shape}); expected at least one pixel.")
    image, notes = _to_plane(image)
    if image.dtype == np.bool_:
        image = image.astype(np.uint8)
    image, far = _without_far_values(image)
    if image.dtype.kind == "f":
        bad = int(np.count_nonzero(~np.isfinite(image)))
        if bad == image.size:
            what = (
                f"every pixel is NaN, infinite or beyond ±{LARGEST:g}"
                if far
                else "every pixel is NaN or infinite"
            )
            return image, (*notes, f"{what}: nothing to segment{DIVIDE if far else ''}")
        if bad > far:
            notes.append(
                f"{bad - far} NaN or infinite pixels: left out of the range, background in the result"
            )
        if far:
            notes.append(
                f"{far} pixels beyond ±{LARGEST:g}: left out of the range, background in the result{DIVIDE}"
            )
    sample = finite_sample(image)
    if sample.size == 0 or sample.min() == sample.max():
        notes.append("the image is constant: nothing to segment")
    return image, tuple(notes)


def _without_far_values(image: Image) -> tuple[Image, int]:
    """The image with NaN for values beyond `LARGEST`, and how many these are."""
    if image.dtype.itemsize < 4 or image.dtype in (np.int32, np.uint32):
        return image, 0
    far = (image > LARGEST) | (image < -LARGEST)
    if image.dtype.kind == "f":
        far &= np.isfinite(image)
    count = int(np.count_nonzero(far))
    return (np.where(far, np.nan, image), count) if count else (image, 0)


def _to_plane(image: Image) -> tuple[Image, list[str]]:
    notes: list[str] = []
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim == 3 and image.shape[-1] == RGB + 1:
        image = image[..., :RGB]
        notes.append("RGBA: the alpha channel is ignored")
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[-1] == RGB):
        raise UnetppError(
            f"the image has shape {image.shape}; expected one plane (Y, X) or (Y, X, 3). "
            "Give one plane of a stack at a time."
        )
    return image, notes


def finite_sample(image: Image) -> NDArray[np.float32]:
    """A regular subsample of the finite pixels, flat, float32."""
    pixels = image.shape[0] * image.shape[1]
    step = max(1, int(np.sqrt(pixels / SAMPLES)))
    sample = image[::step, ::step].astype(np.float32).ravel()
    return sample[np.isfinite(sample)]


def pixel_noise(image: Image) -> float:
    """Standard deviation of the pixel noise from second differences (median, robust to structure)."""
    rows = image[:: max(1, image.shape[0] * image.shape[1] // NOISE_SAMPLES)]
    if rows.shape[1] < 3:
        return 0.0
    grey = rows.astype(np.float32) if rows.ndim == 2 else rows.astype(np.float32).mean(axis=-1)
    with np.errstate(invalid="ignore"):  # infinite minus infinite; left out in the next line
        difference = grey[:, 2:] - 2 * grey[:, 1:-1] + grey[:, :-2]
    finite = difference[np.isfinite(difference)]
    if finite.size == 0:
        return 0.0
    return float(np.median(np.abs(finite)) / 0.6745 / np.sqrt(6.0))


def measure(image: Image, rule: Normalisation = DEFAULT_RULE) -> NormStats:
    """Measure the intensity range of one plane, jointly over R, G and B.

    Rule ``robust``: from what stands out of the background (see `engine.input.robust_range`). Rule
    ``percentile``: between two percentiles of all pixels, unless the robust range is very different: then
    the plane is nearly empty, or a few specks are far brighter than everything else. The range is at least
    `NOISE_FACTOR` times the noise, so that a plane of noise is not stretched until it looks like objects.
    """
    sample = finite_sample(image)
    if sample.size == 0:
        return NormStats(0.0, 1.0)
    noise = pixel_noise(image)
    found = find_range(image, noise)
    if rule.rule == "percentile":
        low, high = _percentiles(sample, image.dtype, (rule.low, rule.high))
        high = max(high, low + max(NOISE_FACTOR * noise, 1e-6 * max(abs(low), abs(high)), 1e-12))
        if TOO_WIDE < (found.high - found.low) / (high - low) < TOO_NARROW:
            return NormStats(low, high)
    return NormStats(found.low, found.high)


def _percentiles(
    sample: NDArray[np.float32], dtype: np.dtype[Any], shares: tuple[float, float]
) -> tuple[float, ...]:
    """As of ``np.percentile``; where few values are possible they are counted instead of sorted (faster)."""
    if dtype.kind != "u" or dtype.itemsize > 2:
        return tuple(float(value) for value in np.percentile(sample, shares))
    below = np.cumsum(np.bincount(sample.astype(dtype)))
    found = []
    for share in shares:
        place = share / 100 * (sample.size - 1)
        low, high = np.searchsorted(below, (int(place), np.ceil(place)), side="right")
        found.append(float(low + (place - int(place)) * (high - low)))
    return tuple(found)


def with_range(image: Image, low: float, high: float) -> NormStats:
    """Statistics of a plane for a range that is known; it may lie anywhere."""
    sample = finite_sample(image)
    much_below = sample.size > 0 and float((sample < low).mean()) > MUCH_BELOW
    return NormStats(low, high, NEAR if much_below else CLIPPED[0])


def to_input(image: Image, stats: NormStats, channels: int = RGB) -> NDArray[np.float32]:
    """Normalise a plane or a part of it.

    Parameters
    ----------
    image : ndarray of shape (Y, X) or (Y, X, 3)
    stats : NormStats
        Measured once on the whole plane.

    Returns
    -------
    ndarray of float32, shape (channels, Y, X)
        0 and 1 at the ends of the range, cut off at ``stats.lowest`` and 2; NaN and infinite pixels are 0.
    """
    x = image.astype(np.float32)
    x = (x - np.float32(stats.low)) * np.float32(1.0 / (stats.high - stats.low))
    x = np.clip(np.where(np.isfinite(x), x, np.float32(0)), stats.lowest, CLIPPED[1])
    if x.ndim == 2:
        return np.ascontiguousarray(np.broadcast_to(x, (channels, *x.shape)))
    return np.ascontiguousarray(np.moveaxis(x, -1, 0))
