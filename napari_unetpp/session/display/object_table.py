"""How many objects there are and how large, and names that are still free. Pure of Qt and torch."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALL = 0.4
"""Objects of less than this share of the diameter that a scale fits are specks, or the scale is wrong."""

ROWS = 256
"""Rows per step where numpy would otherwise hold the interpreter for the whole plane."""


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


def size_note(pixels: NDArray[np.int64], fits: float) -> str | None:
    """What is worth saying where most objects are far smaller than the scale fits (px); else None."""
    median = median_diameter(pixels)
    if median is None or median >= SMALL * fits:
        return None
    return (
        f"half of the objects measure less than {median:.2g} px, while the scale fits objects of about"
        f" {fits:.2g} px: they may be specks. If they are what is meant, give their diameter (--diameter; in"
        " the dock the circle)"
    )


def free_path(wanted: Path) -> Path:
    """`wanted`, numbered before its suffix until it does not exist."""
    numbered = (wanted.with_name(f"{wanted.stem}_{number}{wanted.suffix}") for number in itertools.count(2))
    return next(path for path in itertools.chain([wanted], numbered) if not path.exists())


def free_paths(wanted: Path) -> tuple[Path, Path]:
    """Label image and CSV for `wanted`, numbered until neither exists.

    ``cells_labels.tif`` gives ``cells_labels.tif`` and ``cells_labels.csv``, then ``cells_labels_2.tif``...
    """
    stem = wanted.with_suffix("") if wanted.suffix.lower() in (".tif", ".tiff", ".csv") else wanted
    number = 1
    while True:
        name = stem.name if number == 1 else f"{stem.name}_{number}"
        pair = stem.with_name(f"{name}.tif"), stem.with_name(f"{name}.csv")
        if not any(path.exists() for path in pair):
            return pair
        number += 1
