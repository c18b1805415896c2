"""Stacks segmented along three axes (2.5D) by a network for planes: the mean of its maps in each direction.

A plane of a stack shows nothing of the planes above and below it. Planes cut in the two other directions do.
Objects must look alike from all sides for that: the stack is brought to equal distances before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ShouldStop, UnetppError, never_stop
from napari_unetpp.volumes.axes import Axes

Maps = NDArray[np.float32]

DIRECTIONS = 3

SQUARE = 1.02
"""Rows and columns may differ by this factor in pixels that count as square."""

SLAB = 32_000_000
"""Bytes of maps of neighbouring planes that are added at a time: on disk, planes along X lie scattered."""


@dataclass(frozen=True, slots=True)
class DirectionPlaneDone:
    """A plane is done: along which axis it was cut (0, 1, 2: Z, Y, X), and how many of how many are."""

    direction: int
    done: int
    total: int


def mean_of_directions(
    stack: Any,
    predict_plane: Callable[[NDArray[Any]], Maps],
    out: Any,
    *,
    should_stop: ShouldStop = never_stop,
) -> Iterator[DirectionPlaneDone]:
    """Maps of a stack: the mean of those of its planes cut along Z, along Y and along X.

    Parameters
    ----------
    stack : array-like of shape (Z, Y, X) or (Z, Y, X, C)
        Read in slabs of a few planes. Those along Y and X go through all planes along Z.
    predict_plane : callable
        Gives the maps (K, h, w), float32, of a plane (h, w) or (h, w, C).
    out : array-like of float32, shape (K, Z, Y, X)
        Written in slabs, in memory or on disk. Complete when the generator has ended without a stop.
    should_stop : callable
        Asked before every plane.

    Yields
    ------
    DirectionPlaneDone
    """
    lengths = tuple(stack.shape[:DIRECTIONS])
    share = np.float32(1 / DIRECTIONS)
    done = 0
    for direction, length in enumerate(lengths):
        for slab in _slabs(length, out.shape[0] * np.prod(lengths) // length * 4):
            cut: list[Any] = [slice(None)] * DIRECTIONS
            cut[direction] = slab
            planes = np.moveaxis(np.asarray(stack[tuple(cut)]), direction, 0)
            found = []
            for plane in planes:
                if should_stop():
                    return
                found.append(predict_plane(plane) * share)
                done += 1
                yield DirectionPlaneDone(direction, done, sum(lengths))
            maps = np.stack(found, axis=1 + direction)
            there = (slice(None), *cut)
            out[there] = maps if direction == 0 else np.asarray(out[there]) + maps


def stretch_of(axes: Axes) -> float:
    """How many times as far apart planes are as pixels.

    Raises
    ------
    UnetppError
        The image has no depth, nobody says the distances, or pixels are not square.
    """
    asked = "three directions were asked for, but"
    if axes.size("Z") == 1:
        raise UnetppError(f"{asked} the image has no depth: {axes}.")
    z, y, x = axes.spacing
    if not (z and y and x):
        raise UnetppError(
            f"{asked} nothing says how far apart planes and pixels are, and objects must look alike from all "
            "sides. Give the distances with --spacing Z,Y,X in micrometres (Python: spacing=(z, y, x)); "
            "1,1,1 where they are equal."
        )
    if max(y, x) > SQUARE * min(y, x):
        raise UnetppError(f"{asked} pixels are {y:.3g} x {x:.3g} µm; expected square ones. Resample first.")
    return 2 * z / (y + x)


def _slabs(length: int, plane_bytes: int) -> Iterator[slice]:
    """Neighbouring planes that are done together."""
    count = max(1, int(SLAB // max(plane_bytes, 1)))
    for start in range(0, length, count):
        yield slice(start, min(start + count, length))
