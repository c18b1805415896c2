"""The outlines of objects along the sides of their pixels: they enclose exactly the labelled pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.int64]
"""Corners (y, x) of a closed line, shape (N, 2), the first not repeated at the end.

Pixel (y, x) reaches from corner (y, x) to corner (y + 1, x + 1): its centre is at (y + 0.5, x + 0.5).
"""

Part = tuple[Ring, ...]
"""Pixels that share sides: the ring around them, clockwise on the screen, then one around each hole,
anticlockwise. No ring meets itself; two of them share single corners at most."""

EAST, SOUTH, WEST, NORTH = range(4)
LEFT, STRAIGHT, RIGHT = -1, 0, 1


@dataclass(frozen=True, eq=False)
class ObjectOutline:
    """All parts of the object with this number: several where its pixels lie in several places."""

    number: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, eq=False)
class Sides:
    """The sides of pixels on the border of a part, directed so that the part is on the right; shape (N,).

    Attributes
    ----------
    key : ndarray of int64, rising
        Four times the number of the corner where the side begins, plus its direction.
    end : ndarray of int64
        Number of the corner where it ends.
    part, number : integer ndarray
        Part and object that the pixel belongs to.
    """

    key: NDArray[np.int64]
    end: NDArray[np.int64]
    part: NDArray[Any]
    number: NDArray[Any]


def object_outlines(labels: NDArray[Any]) -> list[ObjectOutline]:
    """Outlines of all objects of a plane, by rising number.

    Parameters
    ----------
    labels : integer ndarray of shape (Y, X)
        0 is background; every other value is one object, in one place or in several.
    """
    if not labels.any():
        return []
    sides = _sides(labels)
    parts: dict[int, list[Ring]] = {}
    numbers: dict[int, int] = {}
    for first, ring in _rings(sides, labels.shape[1] + 1):
        part = int(sides.part[first])
        parts.setdefault(part, []).append(ring)  # the outer one first: it has the topmost corner
        numbers[part] = int(sides.number[first])
    objects: dict[int, list[Part]] = {}
    for part, rings in parts.items():
        objects.setdefault(numbers[part], []).append(tuple(rings))
    return [ObjectOutline(number, tuple(objects[number])) for number in sorted(objects)]


def _sides(labels: NDArray[Any]) -> Sides:
    from skimage.measure import label

    parts = label(labels, connectivity=1)
    around = np.pad(parts, 1)
    row = labels.shape[1] + 1  # corners in a row
    inside = slice(1, -1)
    neighbours = {
        EAST: around[:-2, inside],
        SOUTH: around[inside, 2:],
        WEST: around[2:, inside],
        NORTH: around[inside, :-2],
    }
    begins = {EAST: (0, 0), SOUTH: (0, 1), WEST: (1, 1), NORTH: (1, 0)}
    steps = {EAST: 1, SOUTH: row, WEST: -1, NORTH: -row}
    found = []
    for direction, beyond in neighbours.items():
        ys, xs = np.nonzero((parts != beyond) & (parts > 0))
        begin = (ys + begins[direction][0]) * row + xs + begins[direction][1]
        found.append((4 * begin + direction, begin + steps[direction], parts[ys, xs], labels[ys, xs]))
    key, end, part, number = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.argsort(key)
    return Sides(key[order], end[order], part[order], number[order])


def _next(sides: Sides) -> NDArray[np.int64]:
    """The side that follows each side in its ring.

    Where two pixels of a part touch at a corner only, the ring turns left, on to the other pixel, so that no
    ring passes a corner twice.
    """
    direction, following = sides.key % 4, np.full(sides.key.size, -1, np.int64)
    for turn in (LEFT, STRAIGHT, RIGHT):
        wanted = 4 * sides.end + (direction + turn) % 4
        at = np.minimum(np.searchsorted(sides.key, wanted), sides.key.size - 1)
        matches = (sides.key[at] == wanted) & (sides.part[at] == sides.part) & (following < 0)
        following[matches] = at[matches]
    return following


def _rings(sides: Sides, row: int) -> list[tuple[int, Ring]]:
    """The rings, each after the number of its topmost, leftmost side."""
    following = _next(sides)
    order, starts = _cycles(following.tolist())
    walked = np.array(order)
    direction = sides.key % 4
    corner = direction[walked] != direction[following[walked]]
    corners = np.stack(np.divmod(sides.end[walked], row), axis=1)
    ends = [*starts[1:], len(order)]
    return [
        (order[start], corners[start:end][corner[start:end]]) for start, end in zip(starts, ends, strict=True)
    ]


def _cycles(following: Sequence[int]) -> tuple[list[int], list[int]]:
    """All elements cycle by cycle, and the index at which each cycle starts."""
    visited = bytearray(len(following))
    order: list[int] = []
    starts: list[int] = []
    for first in range(len(following)):
        if visited[first]:
            continue
        starts.append(len(order))
        at = first
        while not visited[at]:
            visited[at] = 1
            order.append(at)
            at = following[at]
    return order, starts
