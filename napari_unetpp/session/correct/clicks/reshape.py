"""Objects are merged, or one is split: labels before, labels after. Pure functions of arrays."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import Region
from napari_unetpp.session.correct.merge import IGNORE_LABEL, Ints, Mask, free_label
from napari_unetpp.session.messages import correcting
from napari_unetpp.session.messages.common import Advice

SMALLEST = 5
"""Pixels of the smallest piece that is an object."""

SMOOTHING = 1.0
"""Sigma (px) of the Gaussian that smooths the distance to the border."""

TOUCHING = np.ones((3, 3), bool)
"""Pixels that share a side or a corner."""

Point = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Change:
    """New labels of a part of a plane.

    Attributes
    ----------
    region : Region
    values : integer ndarray of shape (h, w)
    decided : ndarray of bool, shape (h, w)
        The objects that were merged or split: their pixels were decided, also those that keep their label.
    count : int
        Objects that were merged, or pieces that there are.
    """

    region: Region
    values: Ints
    decided: Mask
    count: int


def path(points: Sequence[Point], shape: tuple[int, int]) -> NDArray[np.intp]:
    """Pixels (N, 2) of a plane along a line through points, each sharing a side with the next."""
    from skimage.draw import line

    steps = [np.array(points[:1])]
    for (y0, x0), (y1, x1) in itertools.pairwise(points):
        steps.append(np.stack(line(y0, x0, y1, x1), axis=1)[1:])
    thin = np.concatenate(steps)
    corners = np.stack([thin[1:, 0], thin[:-1, 1]], axis=1)  # between pixels that share no side
    found = np.stack([thin[:-1], corners], axis=1).reshape(-1, 2)
    found = np.concatenate([found, thin[-1:]])
    return found[((found >= 0) & (found < shape)).all(axis=1)]


def crossed(labels: Ints, along: NDArray[np.intp], no_objects: Collection[int]) -> list[int]:
    """The objects along a path, in its order, each once."""
    found = dict.fromkeys(labels[along[:, 0], along[:, 1]].tolist())
    return [number for number in found if number and number not in no_objects]


def merged(labels: Ints, numbers: Sequence[int]) -> Change:
    """Objects become the first of them.

    Raises
    ------
    Advice
        They are not one piece: some touch none of the others.
    """
    region = _around(labels, numbers)
    part = labels[region.slices]
    together = np.isin(part, numbers)
    if not _are_linked(part, together, numbers):
        raise Advice(correcting.NOT_TOUCHING)
    return Change(region, np.where(together, numbers[0], part), together, len(numbers))


def split_between(labels: Ints, first: Point, second: Point, no_objects: Collection[int]) -> Change:
    """The object at two points becomes two.

    They meet where it is narrowest between the two thick parts in which the points lie (a watershed of the
    distance to the border); half way between the points where both lie in one thick part.

    Raises
    ------
    Advice
        A piece would be too small.
    """
    number = int(labels[first])
    region = _around(labels, [number])
    own = labels[region.slices] == number
    points = [(y - region.y0, x - region.x0) for y, x in (first, second)]
    pieces = _halves(own, points)
    if np.bincount(pieces[own], minlength=3)[1:].min() < SMALLEST:
        raise Advice(correcting.piece_too_small(SMALLEST))
    return _replaced(labels, region, [(number, pieces)], no_objects)


def split_along(labels: Ints, along: NDArray[np.intp], no_objects: Collection[int]) -> Change:
    """Every object that a path crosses from side to side is split there; the path goes to the nearest piece.

    Raises
    ------
    Advice
        The path divides none, or a piece would be too small.
    """
    numbers = crossed(labels, along, no_objects)
    if not numbers:
        raise Advice(correcting.NOTHING_CROSSED)
    region = _around(labels, numbers)
    line = np.zeros(region.shape, bool)
    inside = along[_within(along, region)] - (region.y0, region.x0)
    line[inside[:, 0], inside[:, 1]] = True
    part = labels[region.slices]
    found = [(number, _pieces(part == number, line)) for number in numbers]
    divided = [(number, pieces) for number, pieces in found if pieces.max() > 1]
    if not divided:
        small = any(_has_small_piece(part == number, line) for number in numbers)
        raise Advice(correcting.piece_too_small(SMALLEST) if small else correcting.NOT_ACROSS)
    return _replaced(labels, region, divided, no_objects)


# ------------------------------------------------------------------ helpers


def _around(labels: Ints, numbers: Sequence[int]) -> Region:
    there = np.isin(labels, numbers)
    rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
    return Region(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)


def _within(points: NDArray[np.intp], region: Region) -> Mask:
    low, high = (region.y0, region.x0), (region.y1, region.x1)
    inside: Mask = np.all((points >= low) & (points < high), axis=1)
    return inside


def _are_linked(part: Ints, together: Mask, numbers: Sequence[int]) -> bool:
    """Whether one can go from every object to every other one, from one to the next that touches it."""
    pieces, count = ndimage.label(together, TOUCHING)
    groups = [set(np.unique(part[pieces == piece]).tolist()) for piece in range(1, count + 1)]
    linked = {numbers[0]}
    for _ in numbers:
        linked = linked.union(*(group for group in groups if group & linked))
    return linked == set(numbers)


def _halves(own: Mask, points: Sequence[Point]) -> NDArray[np.int32]:
    """The two pieces (Y, X) of an object, 1 and 2, at two points; what hangs together with neither is 1."""
    from skimage.segmentation import watershed

    distance = ndimage.distance_transform_edt(np.pad(own, 1))[1:-1, 1:-1]
    depth = np.where(own, ndimage.gaussian_filter(distance, SMOOTHING), -1.0)
    ways = [_uphill(depth, point) for point in points]
    if ways[0][-1] == ways[1][-1]:
        near, far = (_way_lengths(own, point) for point in points)
        return np.where(own, 1 + (far < near), 0).astype(np.int32)
    seeds = np.zeros(own.shape, np.int32)
    for number, way in enumerate(ways, start=1):
        seeds[tuple(np.array(way).T)] = number
    pieces = watershed(-depth, seeds, connectivity=TOUCHING, mask=own)
    return np.where(own, np.maximum(pieces, 1), 0).astype(np.int32)


def _uphill(heights: NDArray[np.float64], point: Point) -> list[Point]:
    """The pixels from a point to the top, each the highest neighbour of the one before."""
    padded, way = np.pad(heights, 1, constant_values=-1.0), [point]
    while True:
        y, x = way[-1]
        around = padded[y : y + 3, x : x + 3]
        dy, dx = np.unravel_index(around.argmax(), around.shape)
        if around[dy, dx] <= heights[y, x]:
            return way
        way.append((int(y + dy - 1), int(x + dx - 1)))


def _way_lengths(own: Mask, point: Point) -> NDArray[np.float64]:
    """Length of the shortest way (Y, X) from a point through an object; infinite where there is none."""
    from skimage.graph import MCP_Geometric

    lengths, _ = MCP_Geometric(np.where(own, 1.0, -1.0)).find_costs([point])
    return np.asarray(lengths)


def _pieces(own: Mask, line: Mask) -> NDArray[np.int32]:
    """The pieces (Y, X) of an object on the sides of a line, from 1; all 1 where it leaves the object whole.

    Small pieces and the line itself go to the nearest one.
    """
    pieces, sizes = _sides(own, line)
    large = np.flatnonzero(sizes >= SMALLEST)
    before = ndimage.label(own, TOUCHING)[1]
    if len(large) < 2 or len(sizes) <= before:
        return own.astype(np.int32)
    new = np.zeros(len(sizes) + 1, np.int32)
    new[large + 1] = np.arange(1, len(large) + 1)
    kept = new[pieces]
    nearest = ndimage.distance_transform_edt(kept == 0, return_distances=False, return_indices=True)
    return np.where(own, kept[tuple(nearest)], 0).astype(np.int32)


def _has_small_piece(own: Mask, line: Mask) -> bool:
    _, sizes = _sides(own, line)
    return len(sizes) > ndimage.label(own, TOUCHING)[1] and bool((sizes < SMALLEST).any())


def _sides(own: Mask, line: Mask) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Numbers (Y, X) of the parts of an object beside a line, and their pixels."""
    pieces = ndimage.label(own & ~line, TOUCHING)[0]
    return pieces, np.bincount(pieces.ravel())[1:]


def _replaced(
    labels: Ints,
    region: Region,
    divided: Sequence[tuple[int, NDArray[np.integer]]],
    no_objects: Collection[int],
) -> Change:
    """Labels in which the largest piece of each object keeps its number, and the others get new ones."""
    values = labels[region.slices].astype(np.int64)
    decided, count, fresh = np.zeros(region.shape, bool), 0, _new_numbers(labels, no_objects)
    for _, pieces in divided:
        sizes = np.bincount(pieces.ravel())
        sizes[0] = 0
        for piece in np.setdiff1d(np.flatnonzero(sizes), [sizes.argmax()]).tolist():
            values[pieces == piece] = next(fresh)
        decided |= pieces > 0
        count += int(np.count_nonzero(sizes))
    return Change(region, values.astype(np.promote_types(labels.dtype, _least(values))), decided, count)


def _least(values: NDArray[np.int64]) -> np.dtype[np.unsignedinteger]:
    return np.dtype(np.min_scalar_type(int(values.max(initial=0))))


def _new_numbers(labels: Ints, no_objects: Collection[int]) -> Iterator[int]:
    """Numbers that no object has."""
    number = free_label(labels)
    while True:
        if number != IGNORE_LABEL and number not in no_objects:
            yield number
        number += 1
