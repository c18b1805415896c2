"""One range of intensities for a whole series, from parts of some of its planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Normalisation, Region
from napari_unetpp.engine.input.normalise import DEFAULT_RULE, NormStats, clean_plane, measure
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import Selection

SAMPLED_PLANES = 9
"""So many planes of a series are looked at for its range of intensities."""

SAMPLED_PIXELS = 2048 * 2048
"""Of a larger plane only parts are read for that."""

PART = 512
"""Side of these parts, px."""

PARTS = 4
"""So many of them in each direction."""

WHOLE_BLOCKS = 16
"""Sampled parts are cut to multiples of this many rows: blocks of the range must not lie over two of them."""


def series_range(array: Any, selection: Selection, rule: Normalisation = DEFAULT_RULE) -> NormStats:
    """One range of intensities for all planes, from a sample of them.

    What is read is bounded: at most `SAMPLED_PLANES` planes, and of large ones at most `PARTS` by `PARTS`
    parts. A single small plane gives what `engine.input.normalise.measure` gives for it.
    """
    return measure(_sample(array, selection), rule)


def sampled(positions: int, most: int = SAMPLED_PLANES) -> tuple[int, ...]:
    """Which of so many planes are looked at: evenly spread ones, the first and the last among them."""
    return tuple(sorted({round(n) for n in np.linspace(0, positions - 1, min(positions, most))}))


def sampled_parts(shape: tuple[int, int]) -> tuple[Region, ...]:
    """Which parts of a plane are looked at: all of it, or an even grid of parts of one size."""
    if shape[0] * shape[1] <= SAMPLED_PIXELS:
        return (Region.whole(shape),)
    rows, columns = (_spread(length) for length in shape)
    return tuple(Region(y0, x0, y1, x1) for y0, y1 in rows for x0, x1 in columns)


def _sample(array: Any, selection: Selection) -> NDArray[Any]:
    """Sampled parts of sampled planes, one below the other."""
    positions = list(selection.positions())
    parts = [
        clean_plane(read_plane(array, selection, positions[number], region))[0]
        for number in sampled(len(positions))
        for region in sampled_parts(selection.plane_shape)
    ]
    if len(parts) == 1:
        return parts[0]
    rows = len(parts[0]) // WHOLE_BLOCKS * WHOLE_BLOCKS or len(parts[0])
    return np.concatenate([part[:rows] for part in parts])


def _spread(length: int) -> list[tuple[int, int]]:
    """Start and end of the parts along one side."""
    count = min(PARTS, -(-length // PART))
    starts = np.linspace(0, max(length - PART, 0), count).astype(int).tolist()
    return [(start, min(start + PART, length)) for start in starts]
