"""Whether a range hides objects that are much dimmer than others, and which range would show them.

Slopes of large bright things, haze and unevenness are dim, too, but are no objects: what counts is what rises
out of its surroundings on all sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp.engine.input.robust_range import Range, averaged, shows_noise

CELL = 4
"""Side (px) of the squares whose means are compared."""

DIM = 0.07
"""What does not reach this share of the range is dim: networks still find twice as much."""

CLEAR_OF_NOISE = 12.0
"""An object rises by at least this many standard deviations of the noise from pixel to pixel."""

CLEAR = 0.01
"""And by at least this share of the range."""

STEP = 0.6
"""Standard deviation that the noise of whole numbers has at least: below it steps are all there is."""

MANY = 0.25
"""So many dim ones among all are worth a note."""

FEWEST = 3
"""Fewer of them are dust, or one object."""

ABOVE = 1.2
"""The range that shows them reaches so many times as far as they do."""


@dataclass(frozen=True, slots=True)
class DimObjects:
    """Share of dim ones among what rises out of its surroundings, and the range that shows them."""

    share: float
    shown: Range


def dim_objects(plane: NDArray[np.generic], noise: float, shown: Range) -> DimObjects | None:
    """What a range hides of a plane; None: nothing, or not much.

    Parameters
    ----------
    plane : ndarray of shape (Y, X) or (Y, X, C)
    noise : float
        Standard deviation from pixel to pixel.
    shown : Range
        Intensities that become 0 and 1.
    """
    width = shown.high - shown.low
    least = max(CLEAR_OF_NOISE * (noise if plane.dtype.kind == "f" else max(noise, STEP)), CLEAR * width)
    if least > DIM * width or shows_noise(plane, width):
        return None
    tops = summits(averaged(plane, CELL), least)
    dim = tops[(tops < shown.low + DIM * width) & (tops > shown.low)]
    share = dim.size / max(1, tops.size)
    if share < MANY or dim.size < FEWEST:
        return None
    highest = float(np.percentile(dim, 95))
    return DimObjects(share, Range(shown.low, shown.low + ABOVE * (highest - shown.low)))


def summits(heights: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    """Heights (N,) of the tops of an image (Y, X) that rise by `least` above every way to a higher one."""
    from skimage.morphology import reconstruction

    lowered = reconstruction(heights - least, heights)
    tops, count = ndimage.label(heights - lowered >= 0.999 * least, structure=np.ones((3, 3)))
    if not count:
        return np.zeros(0, np.float32)
    return np.asarray(ndimage.maximum(heights, tops, np.arange(1, count + 1)), np.float32)
