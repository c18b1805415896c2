"""Cleaning of one plane, and its range of intensities; the same numbers in training and inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Normalisation, UnetppError
from napari_unetpp.engine.input.dim_objects import dim_objects
from napari_unetpp.engine.input.robust_range import Range, find_range

Image = NDArray[Any]

SAMPLES = 1_000_000
"""About this many pixels at most count when percentiles are measured."""

NOISE_SAMPLES = 250_000
"""The same for the noise, of which a median is taken."""

NOISE_FACTOR = 12.0
"""The range is never taken smaller than this many standard deviations of the noise."""

TOO_NARROW, TOO_WIDE = 2.5, 0.1
"""Percentiles that give so many times less, or more, than what stands out of the background have failed."""

MUCH_OUTSIDE = 0.25
"""Share of an image outside its range from which it is worth a note."""

CLIPPED = (-0.5, 2.0)
"""What lies further outside the range is cut off there; 0 and 1 are its ends."""

MUCH_BELOW, NEAR = 0.05, -0.1
"""Where more of an image than this share lies below its range, what is darker is cut off nearer to 0. Of a
measured range it is 1 %, so networks hardly know values below 0: a background there is one large object."""

UNSTRETCHED = 8
"""A measured range that is so many times as wide as the intensities of an image shows it as noise."""

RGB = 3

DEFAULT_RULE = Normalisation()


@dataclass(frozen=True, slots=True)
class NormStats:
    """Intensities that are mapped to 0 and 1, and the value to which darker ones are cut off."""

    low: float
    high: float
    lowest: float = CLIPPED[0]


def clean_plane(image: Image) -> tuple[Image, tuple[str, ...]]:
    """Check one plane and drop what the network cannot read.

    Parameters
    ----------
    image : ndarray of shape (Y, X), (Y, X, 1), (Y, X, 3) or (Y, X, 4)
        Any real or boolean dtype.

    Returns
    -------
    image : ndarray of shape (Y, X) or (Y, X, 3)
    notes : tuple of str
        What was handled specially: alpha dropped, NaN or infinite pixels, a constant image.

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
    if image.dtype.kind == "f":
        bad = int(np.count_nonzero(~np.isfinite(image)))
        if bad == image.size:
            return image, (*notes, "every pixel is NaN or infinite: nothing to segment")
        if bad:
            notes.append(f"{bad} NaN or infinite pixels: left out of the range, background in the result")
    sample = _sample(image)
    if sample.size == 0 or sample.min() == sample.max():
        notes.append("the image is constant: nothing to segment")
    return image, tuple(notes)


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


def _sample(image: Image) -> NDArray[np.float32]:
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

    By the rule ``robust`` from what stands out of the background (see `engine.robust_range`); by
    ``percentile`` between two percentiles of all pixels, unless these are far from it: next to nothing is
    to be seen then, or a few specks outshine all. The range is at least `NOISE_FACTOR` times the noise, so
    that a plane that holds nothing but noise is not stretched until the noise looks like objects.
    """
    sample = _sample(image)
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
    """As ``np.percentile`` has them; where there are few possible values these are counted, not sorted."""
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
    """A plane seen in a range that is known, which may lie anywhere."""
    sample = _sample(image)
    much_below = sample.size > 0 and float((sample < low).mean()) > MUCH_BELOW
    return NormStats(low, high, NEAR if much_below else CLIPPED[0])


NOISE = (
    "the image shows nothing but noise, which is not stretched. To look all the same give a range"
    " (--range LOW HIGH; in the dock Contrast)"
)


def range_to_tell(image: Image, stats: NormStats) -> tuple[float, float]:
    """A measured range; of noise, whose range is far wider than its intensities, the ends of these."""
    low, high = _extremes(image)
    return (low, high) if low < high and shows_nothing(image, stats) else (stats.low, stats.high)


def shows_nothing(image: Image, stats: NormStats) -> bool:
    """Whether nothing can be seen: intensities all equal, or far closer together than the range is wide."""
    low, high = _extremes(image)
    return stats.high - stats.low > UNSTRETCHED * (high - low)


def _extremes(image: Image) -> tuple[float, float]:
    sample = _sample(image)
    return (float(sample.min()), float(sample.max())) if sample.size else (0.0, 0.0)


def intensities_outside(image: Image, stats: NormStats) -> tuple[float, float] | None:
    """The lowest and highest intensity of a plane that lies wholly below or above a range; else None."""
    pixels = image if image.dtype.kind != "f" else image[np.isfinite(image)]
    if pixels.size == 0:
        return None
    low, high = float(pixels.min()), float(pixels.max())
    return (low, high) if high < stats.low or low > stats.high else None


def range_notes(image: Image, stats: NormStats, *, given: bool = False) -> tuple[str, ...]:
    """Notes on a range: intensities outside it, or contrast that hardly shows in it.

    `given`: it was not measured, so that it may be far too wide.
    """
    outside = intensities_outside(image, stats)
    if outside is not None:
        return (
            f"nothing is seen: the image has intensities from {outside[0]:.4g} to {outside[1]:.4g}, and the "
            f"range is {stats.low:.4g} to {stats.high:.4g}. Choose another one (--range LOW HIGH; in the dock"
            " Contrast), or have it measured",
        )
    low, high = _extremes(image)
    if given and low < high and shows_nothing(image, stats):
        return (
            f"next to nothing is seen: the image has intensities from {low:.4g} to {high:.4g}, a small part "
            f"of the range {stats.low:.4g} to {stats.high:.4g}. Choose a narrower one (--range LOW HIGH; in "
            "the dock Contrast), or have it measured",
        )
    sample = _sample(image)
    below = float((sample < stats.low).mean()) if sample.size else 0.0
    above = float((sample > stats.high).mean()) if sample.size else 0.0
    span = f"the range {stats.low:.4g} to {stats.high:.4g}"
    notes = [
        f"{share:.0%} of the image is {side} {span}"
        for share, side in ((below, "below"), (above, "above"))
        if share > MUCH_OUTSIDE
    ]
    dim = dim_objects(image, pixel_noise(image), Range(stats.low, stats.high))
    if dim is not None:
        low, high = dim.shown.low, dim.shown.high
        notes.append(
            f"{dim.share:.0%} of what stands out lies at the dark end of {span} and may be missed: try "
            f"--range {low:.4g} {high:.4g} (in the dock Contrast, numbers)"
        )
    return tuple(notes)


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
