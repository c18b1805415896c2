"""Boundary Dice, and recall by the size of objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 2.0
"""Px by which a boundary may be off."""

FOUND = 0.5
"""An object is found when more than this share of its pixels is predicted as foreground."""

Bools = NDArray[np.bool_]


def boundary_dice(predicted: Bools, truth: Bools, tolerance: float = TOLERANCE) -> float:
    """Share of both boundaries that lies within `tolerance` px of the other one.

    The normalised surface Dice of Nikolov et al., *Clinically Applicable Segmentation of Head and Neck
    Anatomy*, J. Med. Internet Res. 2021, as MONAI computes it.

    Parameters
    ----------
    predicted, truth : ndarray of bool, shape (Y, X)
    tolerance : float
        In px.

    Returns
    -------
    float
        In [0, 1]; two empty masks agree: 1; one empty mask: 0.
    """
    import torch
    from monai.metrics import compute_surface_dice

    if not predicted.any() or not truth.any():
        return float(predicted.any() == truth.any())
    masks = [torch.from_numpy(np.pad(mask, 1)[None, None].astype(np.float32)) for mask in (predicted, truth)]
    score = compute_surface_dice(*masks, class_thresholds=[tolerance], include_background=True)
    return float(score)


def areas_and_found(objects: NDArray[Any], predicted: Bools) -> tuple[NDArray[np.int64], Bools]:
    """Area (px) of every object of one image, and whether it was found.

    Parameters
    ----------
    objects : ndarray of int, shape (Y, X)
        0 is background, every other value one object.
    predicted : ndarray of bool, shape (Y, X)

    Returns
    -------
    areas : ndarray of int64, shape (n,)
    found : ndarray of bool, shape (n,)
    """
    areas = np.bincount(objects.ravel())
    covered = np.bincount(objects.ravel(), weights=predicted.ravel(), minlength=areas.size)
    present = np.flatnonzero(areas[1:]) + 1
    return areas[present], covered[present] > FOUND * areas[present]


def terciles(areas: NDArray[Any]) -> tuple[float, float]:
    """The two areas that split objects into small, medium and large ones, a third of them each."""
    low, high = np.quantile(areas, [1 / 3, 2 / 3])
    return float(low), float(high)


def recall_by_size(
    areas: NDArray[Any], found: Bools, limits: tuple[float, float]
) -> tuple[float | None, float | None, float | None]:
    """Share of the small, medium and large objects that were found; None where there are none."""
    size = np.digitize(areas, limits, right=True)
    return tuple(float(found[size == k].mean()) if (size == k).any() else None for k in range(3))  # type: ignore[return-value]


def mean(values: Sequence[float]) -> float:
    """The mean as a plain number, rounded to what a record keeps."""
    return round(float(np.mean(values)), 5)
