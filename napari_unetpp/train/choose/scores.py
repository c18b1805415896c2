"""Dice, IoU and AP50 as this project defines them; ignored pixels count nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from skimage.segmentation import relabel_sequential

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
    p, predicted_size = sizes(predicted)
    t, truth_size = sizes(truth)
    return count_matches(*common_pixels(p, t), predicted_size, truth_size)


def common_pixels(
    found: NDArray[np.integer[Any]], true: NDArray[np.integer[Any]], pixels: NDArray[np.intp] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of numbers that share pixels, and how many: three arrays of one length.

    Parameters
    ----------
    found, true : ndarray of int, shape (N,)
        Numbers at the same places.
    pixels : ndarray of int, shape (N,), optional
        Pixels of each place; None: one each.
    """
    pixels = np.ones(found.size, np.intp) if pixels is None else pixels
    shape = int(found.max(initial=0)) + 1, int(true.max(initial=0)) + 1
    met = coo_array((pixels, (found, true)), shape=shape).tocsr().tocoo()  # adds up equal pairs
    return met.row.astype(np.intp), met.col.astype(np.intp), met.data


def count_matches(
    found: NDArray[np.intp],
    true: NDArray[np.intp],
    pixels: NDArray[np.intp],
    found_size: NDArray[np.intp],
    true_size: NDArray[np.intp],
) -> Matches:
    """Matches from the pixels that objects share, and the pixels of each number; 0 is background.

    With an IoU of more than one half no object has two partners, so no assignment is needed.
    """
    union = found_size[found] + true_size[true] - pixels
    hits = int(np.count_nonzero((found > 0) & (true > 0) & (pixels > MATCH_IOU * union)))
    objects = [int(np.count_nonzero(size[1:])) for size in (found_size, true_size)]
    return Matches(hits, objects[0] - hits, objects[1] - hits)


def sizes(labels: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Flat labels (N,) and the pixels of each number; large numbers are renumbered, 0 stays 0."""
    flat = labels.ravel()
    if flat.max(initial=0) > flat.size:
        flat = relabel_sequential(flat)[0]
    numbers = flat.astype(np.intp)
    return numbers, np.bincount(numbers, minlength=1)


# ------------------------------------------------------------------------ by area


def matches_by_area(
    predicted: NDArray[Any],
    truth: NDArray[Any],
    ignore: Bools | None = None,
    *,
    edges: Sequence[float],
) -> list[Matches]:
    """Matches at IoU > 0.5 of the objects of each range of areas.

    A true object, found or missed, counts in the range of its area. A found object that matches none counts
    in the range of its own area, one that matches in that of its partner. So a range tells about objects of
    that area alone (like the area ranges of Lin et al., *Microsoft COCO*, ECCV 2014). Ignored pixels are left
    out.

    Parameters
    ----------
    predicted, truth : integer ndarray of shape (Y, X)
        0 is background.
    edges : sequence of float
        Areas (px), rising: range n holds those of at least ``edges[n]`` and less than ``edges[n + 1]``.
    """
    if ignore is not None:
        predicted, truth = np.where(ignore, 0, predicted), np.where(ignore, 0, truth)
    found, found_size = sizes(predicted)
    true, true_size = sizes(truth)
    a, b, pixels = common_pixels(found, true)
    good = (a > 0) & (b > 0) & (pixels > MATCH_IOU * (found_size[a] + true_size[b] - pixels))
    alone = np.delete(found_size, [0, *a[good]])
    missed = np.delete(true_size, [0, *b[good]])
    areas = true_size[b[good]], alone[alone > 0], missed[missed > 0]
    hits, surplus, misses = (np.histogram(each, edges)[0] for each in areas)
    return [Matches(*map(int, counts)) for counts in zip(hits, surplus, misses, strict=True)]


def matches_from(
    predicted: NDArray[Any], truth: NDArray[Any], ignore: Bools | None = None, *, least: float
) -> Matches:
    """Matches with objects of less than `least` px left out, true and found ones."""
    return matches_by_area(predicted, truth, ignore, edges=(least, np.inf))[0]
