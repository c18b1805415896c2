"""Whether a range hides objects that are much dimmer than others, and which range would show them.

Slopes of large bright things, haze and uneven illumination are dim, too, but are no objects: only what is
brighter than its surroundings on all sides counts.
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
"""An object that does not reach this share of the range is dim; networks still find one of twice as much."""

CLEAR_OF_NOISE = 12.0
"""An object is brighter than its surroundings by at least this many standard deviations of the noise."""

CLEAR = 0.01
"""And by at least this share of the range."""

STEP = 0.6
"""Least standard deviation assumed for the noise of an integer image: weaker noise is lost in rounding."""

MANY = 0.25
"""Least share of dim objects among all for a note."""

FEWEST = 3
"""Least number of dim objects for a note: fewer may be dust, or one object."""

ABOVE = 1.2
"""The suggested range reaches this many times as far as the dim objects do."""


@dataclass(frozen=True, slots=True)
class DimObjects:
    """Share of dim objects among all, and the range that shows them."""

    share: float
    shown: Range


def dim_objects(plane: NDArray[np.generic], noise: float, shown: Range) -> DimObjects | None:
    """The objects of a plane that are too dim in a range; None where there are none, or few.

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
    """Heights (N,) of the tops of an image (Y, X) that rise by `least` above the way to any higher one."""
    from skimage.morphology import reconstruction

    lowered = reconstruction(heights - least, heights)
    tops, count = ndimage.label(heights - lowered >= 0.999 * least, structure=np.ones((3, 3)))
    if not count:
        return np.zeros(0, np.float32)
    return np.asarray(ndimage.maximum(heights, tops, np.arange(1, count + 1)), np.float32)
