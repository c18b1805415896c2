"""How label images are read: the model (or ``--task``) decides, never the file type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_components

from napari_unetpp._types import Task

IGNORE = 255
"""Value of ignored pixels in semantic labels."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of one image.

    Attributes
    ----------
    labels : ndarray of int32, shape (Y, X)
        Objects (instances) or classes (semantic), 0 is background.
    ignore : ndarray of bool, shape (Y, X)
        Pixels that count nowhere.
    objects : bool
        Whether `labels` tells objects apart; False makes AP50 undefined.
    """

    labels: NDArray[np.int32]
    ignore: NDArray[np.bool_]
    objects: bool


def map_foreground(labels: NDArray[Any], foreground: Sequence[int] | None) -> NDArray[Any]:
    """Map the given values to 1 and everything else to 0; None leaves the labels as they are."""
    return labels if foreground is None else np.isin(labels, list(foreground)).astype(np.uint8)


def read_truth(
    labels: NDArray[Any],
    task: Task,
    *,
    ignore: NDArray[Any] | None = None,
    foreground: Sequence[int] | None = None,
) -> Truth:
    """Read one label image.

    Parameters
    ----------
    labels : integer ndarray of shape (Y, X)
    task : {"instances", "semantic"}
        Instances: 0 background, every other value one object; where all foreground has one
        value, connected components are the objects. Semantic: values are classes, 255 is ignored.
    ignore : ndarray of shape (Y, X), optional
        Non-zero pixels count nowhere.
    foreground : sequence of int, optional
        These values become foreground, the rest background; what is left has no objects.
    """
    skip = np.zeros(labels.shape, bool) if ignore is None else np.asarray(ignore) != 0
    if task == "semantic" and IGNORE not in (foreground or ()):  # 0/255 masks name 255 as foreground
        skip = skip | (labels == IGNORE)
    mapped = map_foreground(labels, foreground)
    if task == "semantic":
        return Truth(np.where(skip, 0, mapped).astype(np.int32), skip, objects=False)
    if foreground is None and np.unique(mapped[mapped > 0]).size == 1:
        mapped = connected_components(mapped > 0, connectivity=1)
    return Truth(mapped.astype(np.int32), skip, objects=foreground is None)
