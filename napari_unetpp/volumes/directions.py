"""Stacks seen from three sides (2.5D): a network for planes, and the mean of what it finds in each direction.

A plane of a stack shows nothing of the planes above and below it. Planes cut in the two other directions do.
That makes sense where the stack is isotropic: objects must look alike from all sides.
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

UNEVEN = 1.25
"""Distances between planes and pixels may differ by this factor in a stack that counts as isotropic."""


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
        Read plane by plane. Planes along Y and X go through all planes along Z: a stack on disk is better
        cut into cubes than into planes.
    predict_plane : callable
        Gives the maps (K, h, w), float32, of a plane (h, w) or (h, w, C).
    out : array-like of float32, shape (K, Z, Y, X)
        Written plane by plane, in memory or on disk. Complete after the last event only.
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
        for n in range(length):
            if should_stop():
                return
            cut: list[Any] = [slice(None)] * DIRECTIONS
            cut[direction] = n
            maps = predict_plane(np.asarray(stack[tuple(cut)])) * share
            there = (slice(None), *cut)
            out[there] = maps if direction == 0 else np.asarray(out[there]) + maps
            done += 1
            yield DirectionPlaneDone(direction, done, sum(lengths))


def check_isotropic(axes: Axes) -> None:
    """Raise UnetppError for an image that cannot be seen from three sides; unknown distances are believed."""
    if axes.size("Z") == 1:
        raise UnetppError(f"three directions were asked for, but the image has no depth: {axes}.")
    z, y, x = axes.spacing
    if z is None or y is None or x is None or max(z, y, x) <= UNEVEN * min(z, y, x):
        return
    raise UnetppError(
        f"three directions were asked for, but planes are {z:.3g} µm apart and pixels {y:.3g} x {x:.3g} µm; "
        "expected equal distances. Segment plane by plane and link the planes, or resample the stack first."
    )
