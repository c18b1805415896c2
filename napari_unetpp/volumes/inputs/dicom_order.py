"""The order of the planes of a DICOM series in depth and time: pure functions of plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

UNEVEN = 0.02
"""Relative difference between distances of planes above which a note is given."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One plane of a series.

    Attributes
    ----------
    path : Path
    frame : int
        Index of the image in the file.
    position : float or None
        Along the normal of the planes, mm.
    number : int
        Orders planes of the same position.
    """

    path: Path
    frame: int
    position: float | None
    number: int


@dataclass(frozen=True, slots=True)
class Order:
    """Planes in their order.

    Attributes
    ----------
    slices : tuple of tuple of Slice
        For each time the planes in depth.
    distance : float or None
        Between planes, mm.
    notes : tuple of str
    """

    slices: tuple[tuple[Slice, ...], ...]
    distance: float | None = None
    notes: tuple[str, ...] = ()


def in_order(slices: Sequence[Slice], *, film: bool = False) -> Order:
    """Planes sorted by position; several planes of one position are several times.

    Parameters
    ----------
    slices : sequence of Slice
    film : bool
        Planes without a position follow each other in time, else in depth.
    """
    by_number = sorted(slices, key=lambda one: one.number)
    where = sorted({round(one.position, 3) for one in by_number if one.position is not None})
    if film and len(where) < 2:
        return Order(tuple((one,) for one in by_number))
    if len(where) < 2 or any(one.position is None for one in by_number):
        return Order((tuple(by_number),))
    places = [[one for one in by_number if round(one.position or 0, 3) == place] for place in where]
    counts = {len(place) for place in places}
    if len(counts) > 1:
        note = (
            f"{len(where)} positions have {min(counts)} to {max(counts)} planes each; they are taken in the "
            "order of their numbers, as one stack"
        )
        return Order((tuple(by_number),), notes=(note,))
    distances = np.diff(where)
    distance = float(np.median(distances))
    notes = []
    if distances.max() - distances.min() > UNEVEN * distance:
        notes.append(
            f"planes are {distances.min():.3g} to {distances.max():.3g} mm apart: some may be missing"
        )
    return Order(tuple(zip(*places, strict=True)), distance, tuple(notes))
