"""The objects of a result: areas, and numbers that stay from one result of a plane to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

Ints = NDArray[np.integer[Any]]

SMALL = 0.4
"""Objects of less than this share of the diameter that a scale fits are specks, or the scale is wrong."""

ROWS = 256
"""Rows per step: what is needed beside the results stays small, and numpy lets other threads run."""


def follow(labels: Ints, before: Ints) -> Ints:
    """Give objects the numbers of those that they overlap most in the result before.

    Each number goes to one object: pairs are taken by their overlap, as a share of what both cover (IoU).
    Objects that continue none get the lowest numbers that neither result uses.

    Parameters
    ----------
    labels, before : integer ndarray of shape (Y, X)
        0 is background, other numbers are objects.

    Returns
    -------
    ndarray of uint32, shape (Y, X)
    """
    shared = _shared(labels, before)
    size, size_before = np.bincount(labels.ravel()), np.bincount(before.ravel())
    table = np.zeros(size.size, np.uint32)
    iou = shared.data / (size[shared.row] + size_before[shared.col] - shared.data)
    taken = np.zeros(size_before.size, bool)
    for pair in np.lexsort((shared.col, shared.row, -iou)):
        new, old = shared.row[pair], shared.col[pair]
        if not table[new] and not taken[old]:
            table[new], taken[old] = old, True
    fresh = np.flatnonzero((table == 0) & (size > 0))[int(size[0] > 0) :]
    table[fresh] = _free_numbers(size_before > 0, fresh.size)
    return table[labels]


def _shared(labels: Ints, before: Ints) -> coo_array:
    """How many pixels each pair of objects has in common."""
    shape = int(labels.max(initial=0)) + 1, int(before.max(initial=0)) + 1
    bands = [slice(start, start + ROWS) for start in range(0, labels.shape[0], ROWS)]
    runs = [_runs(labels[band].ravel(), before[band].ravel()) for band in bands]
    new, old, lengths = (np.concatenate(part) for part in zip(*runs, strict=True))
    pairs = coo_array((lengths, (new.astype(np.int64), old.astype(np.int64))), shape=shape)
    pairs.sum_duplicates()
    return pairs


def _runs(new: Ints, old: Ints) -> tuple[Ints, Ints, NDArray[np.intp]]:
    """Where both are objects, as runs of equal pixels: numbers and lengths."""
    changes = np.flatnonzero((new[1:] != new[:-1]) | (old[1:] != old[:-1])) + 1
    starts = np.concatenate(([0], changes))
    lengths = np.diff(np.concatenate((starts, [new.size])))
    both = (new[starts] > 0) & (old[starts] > 0)
    return new[starts][both], old[starts][both], lengths[both]


def _free_numbers(used: NDArray[np.bool_], count: int) -> NDArray[np.intp]:
    """The lowest numbers from 1 that are not in use."""
    free = np.ones(used.size + count + 1, bool)
    free[: used.size] = ~used
    free[0] = False
    return np.flatnonzero(free)[:count]


def areas(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Pixels per object, without the background and without unused numbers."""
    if labels.size == 0:
        return np.zeros(0, np.int64)
    top = int(labels.max()) + 1
    counts = np.zeros(top, np.int64)
    for start in range(0, labels.shape[0], ROWS):
        counts += np.bincount(labels[start : start + ROWS].ravel(), minlength=top)
    inside = counts[1:]
    return inside[inside > 0]


def median_diameter(pixels: NDArray[np.int64]) -> float | None:
    """Median diameter of the discs of the same areas."""
    return float(np.median(2 * np.sqrt(pixels / np.pi))) if pixels.size else None


def size_note(pixels: NDArray[np.int64], fits: float, most: float | None) -> str | None:
    """What is worth saying where most objects are far smaller than the scale fits (px); else None.

    `most`: the largest size (px) that the user wants; then small ones are meant.
    """
    median = median_diameter(pixels)
    if median is None or most is not None or median >= SMALL * fits:
        return None
    return (
        f"half of the objects measure less than {median:.2g} px, while the scale fits objects of about"
        f" {fits:.2g} px: they may be specks. If they are what is meant, give their diameter (--diameter; in"
        " the dock the circle)"
    )


def small_dtype(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as uint16 where they fit: napari shows those without converting them first."""
    top = int(labels.max(initial=0))
    return labels.astype(np.uint16 if top < 2**16 else np.uint32, copy=False)
