"""Objects of a landscape: one for every summit that stands out, with all the ground that rises to it.

Every pixel belongs to the summit that is reached by going to the highest of the eight neighbours again and
again: its basin (the watershed by steepest descent of Meyer, *Topographic distance and watershed lines*,
Signal Processing 38, 1994, upside down). Two basins meet at a pass, the highest point at which one can go
over from one to the other. From the highest pass down, the lower of two summits stays an object of its own
only if it rises far enough above the pass (its dynamics; Soille, *Morphological Image Analysis*, 2nd ed.
2004, sections 6.3.4 and 9.2); else its ground goes to the other one. So the seeds and the watershed come in
one pass over the pixels, and other rules for what stands out need only the list of passes.

No pixel depends on anything beyond its connected part of the region: parts can be done one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unetpp._types import DecodeRule

Numbers = NDArray[np.int32]
Heights = NDArray[np.float32]
T = TypeVar("T", np.int32, np.int64)


@dataclass(frozen=True, eq=False)
class Basins:
    """The basins of a landscape, numbered from 0 in reading order of their summits.

    Attributes
    ----------
    shape : (int, int)
    pixels : ndarray of int, shape (N,)
        Where the region is, in the flat image.
    basin : ndarray of int32, shape (N,)
        Of each of these pixels.
    peaks : ndarray of float32, shape (B,)
        Height of each summit.
    sides : ndarray of int32, shape (P, 2)
        The two basins that meet at each pass, the highest pass first.
    passes : ndarray of float32, shape (P,)
        Height of each pass.
    """

    shape: tuple[int, int]
    pixels: NDArray[np.intp]
    basin: Numbers
    peaks: Heights
    sides: NDArray[np.int32]
    passes: Heights

    def objects(self, rule: DecodeRule) -> Numbers:
        """Number of the object, from 1, to which each basin belongs: shape (B,)."""
        higher = list(range(len(self.peaks)))  # towards the highest summit that was met so far
        part_of = list(higher)  # towards the summit of the object
        peaks = self.peaks.tolist()
        for (a, b), height in zip(self.sides.tolist(), self.passes.tolist(), strict=True):
            top, low = _root(higher, a), _root(higher, b)
            if top == low:
                continue
            if (peaks[top], -top) < (peaks[low], -low):
                a, b, top, low = b, a, low, top
            higher[low] = top
            if not stands_out(peaks[low], height, rule):
                part_of[_root(part_of, b)] = _root(part_of, a)
        roots = [_root(part_of, basin) for basin in range(len(part_of))]
        return (np.unique(roots, return_inverse=True)[1] + 1).astype(np.int32)

    def image(self, numbers: Numbers) -> Numbers:
        """What each basin is given, as an image (Y, X); 0 outside the region."""
        out = np.zeros(self.shape, np.int32)
        out.ravel()[self.pixels] = numbers[self.basin]
        return out


def stands_out(peak: float, height: float, rule: DecodeRule) -> bool:
    """Whether a summit is an object of its own beside a higher one from which a pass of `height` parts it."""
    if peak <= rule.seed_threshold:
        return False
    if rule.prominence == rule.prominence_share == 0:
        return height <= rule.seed_threshold
    return peak - height >= max(rule.prominence, rule.prominence_share * peak)


def find_basins(height: Heights, region: NDArray[np.bool_]) -> Basins:
    """The basins of a landscape within a region, both of shape (Y, X)."""
    grid = Grid(height, region)
    summit_of = _summits(grid)
    summits = np.flatnonzero(summit_of == np.arange(summit_of.size))
    numbers = np.zeros(summit_of.size, np.int32)
    numbers[summits] = np.arange(summits.size)
    basin = numbers[summit_of]
    sides, passes = _passes(grid, basin)
    return Basins(height.shape, np.flatnonzero(region), basin, grid.height[summits], sides, passes)


class Grid:
    """The pixels of a region as a list, in reading order: their heights, and which are neighbours."""

    def __init__(self, height: Heights, region: NDArray[np.bool_]) -> None:
        framed = np.pad(region, 1)
        self._width = framed.shape[1]
        self._place = np.flatnonzero(framed)
        self._number = np.full(framed.size, -1, np.int32)
        self._number[self._place] = np.arange(self._place.size, dtype=np.int32)
        self.height = height[region].astype(np.float32, copy=False)

    def pairs(self) -> Iterator[tuple[NDArray[np.intp], Numbers]]:
        """All pairs of neighbours, four directions one after the other: numbers of one and of the other.

        Two pixels that meet at a corner are neighbours if one of the two between them is in the region.
        """
        right, down = 1, self._width
        for step, between in (
            (right, None),
            (down, None),
            (down + right, (right, down)),
            (down - right, (-right, down)),
        ):
            other = self._number[self._place + step]
            near = other >= 0
            if between:
                near &= np.maximum(*(self._number[self._place + way] for way in between)) >= 0
            one = np.flatnonzero(near)
            yield one, other[one]


def _summits(grid: Grid) -> Numbers:
    """For each pixel the number of its summit, of which a flat one has the first pixel."""
    up, one, other = steepest(grid)
    _leave_plateaus(up, one, other)
    return ends(up)


def steepest(grid: Grid) -> tuple[Numbers, NDArray[np.intp], Numbers]:
    """For each pixel the highest of its neighbours, itself where none is higher; and all level neighbours.

    Returns
    -------
    up : ndarray of int32, shape (N,)
    one, other : ndarray of int, shape (P,)
        Neighbours of the same height.
    """
    up = np.arange(grid.height.size, dtype=np.int32)
    best = grid.height.copy()
    flat: list[tuple[NDArray[np.intp], Numbers]] = []
    for one, other in grid.pairs():
        for here, there in ((one, other), (other, one)):
            higher = grid.height[there] > best[here]
            up[here[higher]] = there[higher]
            best[here[higher]] = grid.height[there[higher]]
        level = grid.height[one] == grid.height[other]
        flat.append((one[level], other[level]))
    one, other = map(np.concatenate, zip(*flat, strict=True))
    return up, one, other


def ends(up: NDArray[T]) -> NDArray[T]:
    """Where one gets from each pixel by going on and on."""
    while not np.array_equal(further := up[up], up):
        up = further
    return up


def _leave_plateaus(up: Numbers, one: NDArray[np.intp], other: Numbers) -> None:
    """Let all pixels of a plateau go one way: to a neighbour that rises, if there is one, else to its first.

    Parameters
    ----------
    up : ndarray of int32
        Where each pixel goes; changed in place.
    one, other : ndarray of int
        Neighbours of the same height.
    """
    stays = up == np.arange(up.size)
    if not (stays[one] | stays[other]).any():
        return
    inside = stays[one] & stays[other]
    edges = coo_array((np.ones(int(inside.sum()), bool), (one[inside], other[inside])), shape=(up.size,) * 2)
    _, plateau = connected_components(edges, directed=False)
    goes_to = np.full(plateau.max() + 1, up.size, np.int32)
    for here, there in ((one, other), (other, one)):
        leaves = stays[here] & ~stays[there]
        np.minimum.at(goes_to, plateau[here[leaves]], there[leaves].astype(np.int32))
    top = np.flatnonzero(stays)
    first = np.full(goes_to.size, up.size, np.int32)
    np.minimum.at(first, plateau[top], top.astype(np.int32))
    goes_to = np.where(goes_to < up.size, goes_to, first)
    up[top] = goes_to[plateau[top]]


def _passes(grid: Grid, basin: Numbers) -> tuple[NDArray[np.int32], Heights]:
    """Basins that meet, and where: the sides (P, 2) of every pass and its height (P,), the highest first."""
    sides, heights = [], []
    for one, other in grid.pairs():
        meet = basin[one] != basin[other]
        one, other = one[meet], other[meet]
        sides.append(np.sort(np.stack([basin[one], basin[other]], axis=1), axis=1))
        heights.append(np.minimum(grid.height[one], grid.height[other]))
    return highest(np.concatenate(sides), np.concatenate(heights))


def highest(side: NDArray[np.int32], height: Heights) -> tuple[NDArray[np.int32], Heights]:
    """Of the passes between the same two basins the highest; all of these, the highest first.

    Parameters
    ----------
    side : ndarray of int32, shape (P, 2)
        The lower number comes first.
    height : ndarray of float32, shape (P,)
    """
    order = np.lexsort((side[:, 1], side[:, 0], -height))
    side, height = side[order], height[order]
    key = side[:, 0].astype(np.int64) << 32 | side[:, 1]
    _, first = np.unique(key, return_index=True)  # the first of a pair is its highest
    first.sort()
    return side[first], height[first]


def _root(towards: list[int], basin: int) -> int:
    """The end of a chain, which is shortened on the way."""
    while towards[basin] != basin:
        towards[basin] = towards[towards[basin]]
        basin = towards[basin]
    return basin
