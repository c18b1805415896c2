"""Dice, IoU and AP50 as this project defines them; ignored pixels count nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

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
    p, predicted_size = _consecutive(predicted)
    t, truth_size = _consecutive(truth)
    overlap = np.zeros((predicted_size.size, truth_size.size), np.int64)
    np.add.at(overlap, (p.ravel(), t.ravel()), 1)
    inside = overlap[1:, 1:]
    union = predicted_size[1:, None] + truth_size[None, 1:] - inside
    good = inside > MATCH_IOU * union
    rows, columns = linear_sum_assignment(good, maximize=True)
    hits = int(good[rows, columns].sum())
    return Matches(hits, predicted_size.size - 1 - hits, truth_size.size - 1 - hits)


def _consecutive(labels: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Labels renumbered 0..n with 0 kept as background, and the pixels of each."""
    values, inverse = np.unique(np.append(labels.ravel(), 0), return_inverse=True)
    assert values[0] == 0, "labels are not negative"
    numbered = inverse[:-1].reshape(labels.shape)
    return numbered, np.bincount(numbered.ravel(), minlength=values.size)
