"""Dice, IoU and AP50 as this project defines them; ignored pixels count nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array

MATCH_IOU = 0.5

Bools = NDArray[np.bool_]


def dice_iou(predicted: Bools, truth: Bools, ignore: Bools | None = None) -> tuple[float, float]:
    """Dice and IoU of two masks (Y, X); two empty masks agree: 1."""
    if ignore is not None:
        predicted, truth = predicted & ~ignore, truth & ~ignore
    both = int(np.count_nonzero(predicted & truth))
    size = int(np.count_nonzero(predicted)) + int(np.count_nonzero(truth))
    if size == 0:
        return 1.0, 1.0
    return 2 * both / size, both / (size - both)


def class_dice_iou(
    predicted: NDArray[Any], truth: NDArray[Any], ignore: Bools | None = None
) -> tuple[float, float]:
    """Mean Dice and IoU over the classes (values > 0) present in truth or prediction; none: 1."""
    keep = np.ones(truth.shape, bool) if ignore is None else ~ignore
    present = np.union1d(np.unique(predicted[keep]), np.unique(truth[keep]))
    present = present[present > 0]
    if present.size == 0:
        return 1.0, 1.0
    pairs = [dice_iou(predicted == c, truth == c, ignore) for c in present]
    return float(np.mean([p[0] for p in pairs])), float(np.mean([p[1] for p in pairs]))


@dataclass(frozen=True, slots=True)
class Matches:
    """Counts of matched and unmatched objects; they add up over images."""

    true_positive: int = 0
    false_positive: int = 0
    false_negative: int = 0

    def __add__(self, other: Matches) -> Matches:
        return Matches(
            self.true_positive + other.true_positive,
            self.false_positive + other.false_positive,
            self.false_negative + other.false_negative,
        )

    @property
    def ap50(self) -> float | None:
        """TP / (TP + FP + FN); None when there are no objects at all."""
        total = self.true_positive + self.false_positive + self.false_negative
        return self.true_positive / total if total else None


def match_objects(predicted: NDArray[Any], truth: NDArray[Any], ignore: Bools | None = None) -> Matches:
    """One-to-one matches at IoU > 0.5 (Schmidt et al., StarDist, MICCAI 2018, section 3)."""
    if ignore is not None:
        predicted, truth = np.where(ignore, 0, predicted), np.where(ignore, 0, truth)
    p, predicted_size = sized(predicted)
    t, truth_size = sized(truth)
    return count_matches(*common_pixels(p, t), predicted_size, truth_size)


def common_pixels(
    found: NDArray[np.integer[Any]], true: NDArray[np.integer[Any]], pixels: NDArray[np.intp] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Which numbers meet, and in how many pixels: three arrays of one length.

    Parameters
    ----------
    found, true : ndarray of int, shape (N,)
        Numbers at the same places.
    pixels : ndarray of int, shape (N,), optional
        How many pixels a place stands for; one each.
    """
    pixels = np.ones(found.size, np.intp) if pixels is None else pixels
    shape = int(found.max(initial=0)) + 1, int(true.max(initial=0)) + 1
    met = coo_array((pixels, (found, true)), shape=shape).tocsr().tocoo()  # sums what lies at one place
    return met.row.astype(np.intp), met.col.astype(np.intp), met.data


def count_matches(
    found: NDArray[np.intp],
    true: NDArray[np.intp],
    pixels: NDArray[np.intp],
    found_size: NDArray[np.intp],
    true_size: NDArray[np.intp],
) -> Matches:
    """Matches from the pixels that objects share, and those of each number; 0 is background.

    With an IoU of more than one half no object has two partners, so nothing has to be assigned.
    """
    union = found_size[found] + true_size[true] - pixels
    hits = int(np.count_nonzero((found > 0) & (true > 0) & (pixels > MATCH_IOU * union)))
    objects = [int(np.count_nonzero(size[1:])) for size in (found_size, true_size)]
    return Matches(hits, objects[0] - hits, objects[1] - hits)


def sized(labels: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers (N,) of flat labels and the pixels of each; huge numbers become small ones, 0 stays 0."""
    flat = labels.ravel()
    if flat.max(initial=0) > flat.size:
        flat = np.unique(np.append(flat, 0), return_inverse=True)[1][:-1]
    numbers = flat.astype(np.intp)
    return numbers, np.bincount(numbers, minlength=1)
