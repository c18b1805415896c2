"""Where linked objects are in each frame, as napari's Tracks layer and tables take it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float64]


def track_rows(labels: NDArray[np.integer[Any]], frame: int) -> Rows:
    """Number, frame and centre of every object of one frame: (N, 2 + axes), (id, t, [z,] y, x) in pixels."""
    flat = labels.ravel()
    pixels = np.bincount(flat)
    pixels[0] = 0
    numbers = np.flatnonzero(pixels)
    centres = [_sums(labels, axis)[numbers] / pixels[numbers] for axis in range(labels.ndim)]
    return np.stack([numbers, np.full(numbers.size, frame), *centres], axis=1).astype(np.float64)


def track_table(frames: Iterable[NDArray[np.integer[Any]]], *, axes: int = 2) -> Rows:
    """All tracks of linked frames (`volumes.linking`), the first object first, each in the order of time.

    Parameters
    ----------
    frames : iterable of ndarray of int
        Successive frames; one is in memory at a time.
    axes : int
        Of a frame; says how many columns a table without objects has.
    """
    rows = [np.zeros((0, 2 + axes)), *(track_rows(labels, frame) for frame, labels in enumerate(frames))]
    table = np.concatenate(rows)
    return table[np.lexsort((table[:, 1], table[:, 0]))]


class TrackRows:
    """Collects the tracks of a series plane by plane; of a stack over time the centre has a depth, too.

    Parameters
    ----------
    deep : bool
        Frames have several planes.
    """

    def __init__(self, *, deep: bool) -> None:
        self._deep = deep
        self._rows: list[Rows] = []

    def add(self, labels: NDArray[np.integer[Any]], frame: int, z: int = 0) -> None:
        """Take in one plane (Y, X)."""
        rows = track_rows(labels, frame)
        pixels = np.bincount(labels.ravel())[rows[:, 0].astype(np.intp)]
        self._rows.append(np.column_stack([rows[:, :2], np.full(len(rows), z), rows[:, 2:], pixels]))

    def table(self) -> Rows:
        """All tracks: (N, 4) or, of a stack, (N, 5), as `track_table` gives them."""
        rows = np.concatenate([np.zeros((0, 6)), *self._rows])
        keys, place = np.unique(rows[:, :2], axis=0, return_inverse=True)
        pixels = np.bincount(place.ravel(), weights=rows[:, 5], minlength=len(keys))
        centres = [
            np.bincount(place.ravel(), weights=rows[:, n] * rows[:, 5], minlength=len(keys)) / pixels
            for n in ((2, 3, 4) if self._deep else (3, 4))
        ]
        return np.column_stack([keys, *centres])


def _sums(labels: NDArray[np.integer[Any]], axis: int) -> Rows:
    """Sum of the positions along one axis, of the pixels of each number."""
    shape = [1] * labels.ndim
    shape[axis] = labels.shape[axis]
    positions = np.broadcast_to(np.arange(labels.shape[axis]).reshape(shape), labels.shape)
    sums: Rows = np.bincount(labels.ravel(), weights=positions.ravel()).astype(np.float64)
    return sums
