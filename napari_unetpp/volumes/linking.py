"""Objects of successive planes or frames that are the same, by overlap: one number through all of them.

Two objects of neighbouring planes are linked if their intersection over union (IoU) reaches a threshold. Each
is linked to one other at most: of all pairs the one with the largest IoU comes first, and of equal ones that
with the lower number. An object that is not there for one plane gets a new number when it comes again. Only
two planes are in memory. Planes may have any number of axes: stacks are linked over time as planes are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

from napari_unetpp._types import UnetppError

Labels = NDArray[np.integer[Any]]
Linked = NDArray[np.uint32]
Numbers = NDArray[np.intp]

IOU = 0.3
"""The usual threshold."""


class Linker:
    """Links planes as they come.

    Parameters
    ----------
    threshold : float
        Intersection over union from which objects are the same, in (0, 1].
    """

    def __init__(self, threshold: float = IOU) -> None:
        if not 0 < threshold <= 1:
            raise UnetppError(
                f"an overlap of {threshold} was given; expected an intersection over union above 0 and at "
                "most 1, such as 0.3."
            )
        self._threshold = threshold
        self._before: Linked | None = None
        self._called: Linked = np.zeros(1, np.uint32)
        self.count = 0
        """Objects that were met so far."""

    def add(self, labels: Labels) -> Linked:
        """The next plane with the numbers of the objects of the one before."""
        own, count = _without_gaps(labels)
        called = np.zeros(count + 1, np.uint32)
        if self._before is not None:
            if self._before.shape != own.shape:
                raise UnetppError(
                    f"a plane of shape {own.shape} was given after one of {self._before.shape}; expected "
                    "planes of one shape."
                )
            before, after = match(self._before, own, self._threshold)
            called[after] = self._called[before]
        new = np.flatnonzero(called[1:] == 0) + 1
        called[new] = np.arange(self.count + 1, self.count + 1 + new.size)
        self.count += int(new.size)
        self._before, self._called = own, called
        return called[own]


def match(before: Labels, after: Labels, threshold: float) -> tuple[Numbers, Numbers]:
    """Pairs of objects of two label images that are the same: the numbers in one and in the other.

    Parameters
    ----------
    before, after : ndarray of int of one shape
        0 is background. Memory grows with the largest number.
    threshold : float
        The least intersection over union.
    """
    sizes = np.bincount(before.ravel()), np.bincount(after.ravel())
    return match_counts(*common_pixels(before, after), *sizes, threshold)


def match_counts(
    one: Numbers, other: Numbers, common: Numbers, before: Numbers, after: Numbers, threshold: float
) -> tuple[Numbers, Numbers]:
    """The same from counted pixels.

    Parameters
    ----------
    one, other, common : ndarray of int of one shape
        Objects that overlap, each pair once, and the pixels that they share.
    before, after : ndarray of int
        Pixels of each number in the one and in the other label image.
    threshold : float
    """
    iou = common / (before[one] + after[other] - common)
    order = np.lexsort((other, one, -iou))
    order = order[: np.count_nonzero(iou >= threshold)]
    return _one_to_one(one[order], other[order])


def common_pixels(before: Labels, after: Labels) -> tuple[Numbers, Numbers, Numbers]:
    """Objects of two label images that overlap: their numbers in one and in the other, and common pixels."""
    both = (before != 0) & (after != 0)
    one, other = before[both].astype(np.intp), after[both].astype(np.intp)
    shape = (int(one.max(initial=0)) + 1, int(other.max(initial=0)) + 1)
    table = coo_array((np.ones(one.size, np.intp), (one, other)), shape=shape).tocsr().tocoo()
    return table.row.astype(np.intp), table.col.astype(np.intp), table.data


def _one_to_one(one: Numbers, other: Numbers) -> tuple[Numbers, Numbers]:
    """Of pairs in the order of preference those of which neither side is in an earlier chosen pair.

    Pairs that come first for both their sides cannot lose to another; they are taken together, until none is
    left. This gives what taking pair after pair gives.
    """
    taken = []
    left = np.arange(one.size)
    while left.size:
        first_of_one, first_of_other = (np.unique(n[left], return_index=True)[1] for n in (one, other))
        chosen = left[np.intersect1d(first_of_one, first_of_other, assume_unique=True)]
        taken.append(chosen)
        left = left[~np.isin(one[left], one[chosen]) & ~np.isin(other[left], other[chosen])]
    pairs = np.concatenate(taken) if taken else left
    return one[pairs], other[pairs]


def _without_gaps(labels: Labels) -> tuple[Linked, int]:
    """Labels numbered from 1 without gaps, in the same order, and how many there are."""
    largest = int(labels.max(initial=0))
    if largest > 4 * labels.size:  # a table of all numbers would be larger than the plane
        numbers, own = np.unique(labels, return_inverse=True)
        starts = int(numbers[0] != 0)
        return (own.reshape(labels.shape) + starts).astype(np.uint32), len(numbers) - 1 + starts
    there = np.zeros(largest + 1, np.uint32)
    there[labels.ravel()] = 1
    there[0] = 0
    return np.cumsum(there, dtype=np.uint32)[labels], int(there.sum())
