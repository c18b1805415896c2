"""Holes in objects: background that one object, and nothing else, encloses."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

T = TypeVar("T", bound=np.integer)


def without_holes(numbers: NDArray[T]) -> NDArray[T]:
    """Numbers (Y, X) with the holes of every object filled.

    A hole is a part of the background (pixels that share a side) that does not reach the border of the plane,
    and whose neighbours all belong to one object. What lies between two objects stays.

    Parameters
    ----------
    numbers : integer ndarray of shape (Y, X)
        0 is background, other numbers are objects or classes.
    """
    parts, count = ndimage.label(numbers == 0)
    lowest = np.full(count + 1, np.iinfo(numbers.dtype).max, numbers.dtype)
    highest = np.zeros(count + 1, numbers.dtype)
    for axis in (0, 1):
        for part, number in _neighbours(parts, numbers, axis):
            np.minimum.at(lowest, part, number)
            np.maximum.at(highest, part, number)
    fill = np.where(lowest == highest, highest, np.zeros((), numbers.dtype))
    fill[0] = 0
    for edge in (parts[0], parts[-1], parts[:, 0], parts[:, -1]):
        fill[edge] = 0
    return np.where(parts > 0, fill[parts], numbers)


def mask_without_holes(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask (Y, X) with all its holes filled."""
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(mask)
    return filled


def _neighbours(
    parts: NDArray[np.int32], numbers: NDArray[T], axis: int
) -> list[tuple[NDArray[np.int32], NDArray[T]]]:
    """Parts of the background, and the numbers of pixels beside them along an axis."""
    before, after = [slice(None)] * 2, [slice(None)] * 2
    before[axis], after[axis] = slice(None, -1), slice(1, None)
    pairs = []
    for here, there in ((before, after), (after, before)):
        part, number = parts[tuple(here)], numbers[tuple(there)]
        meet = (part > 0) & (number > 0)
        pairs.append((part[meet], number[meet]))
    return pairs
