"""Separation of touching objects by a watershed: one object for every peak of a landscape that is prominent.

Every pixel belongs to the basin of the peak that is reached by going to the highest of the eight neighbours
again and again (watershed by steepest ascent; Meyer, *Topographic distance and watershed lines*, Signal
Processing 38, 1994, for the inverted landscape). Two basins meet at a saddle, the highest point on the way
from one peak to the other. From the highest saddle down, the lower of two peaks stays an object only if it
rises far enough above the saddle (its dynamics; Soille, *Morphological Image Analysis*, 2nd ed. 2004,
sections 6.3.4 and 9.2); else its basin joins the other. One pass over the pixels gives seeds and basins, and
another rule of prominence needs only the list of saddles. scikit-image's watershed would need a pass for the
seeds and another for every rule (`tests/benchmarks/bench_decoding.py` compares them).

A pixel depends on its own connected part of the region only: parts can be done one by one.
"""

from __future__ import annotations

import itertools
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
    """The basins of a landscape, numbered from 0 in reading order of their peaks.

    Attributes
    ----------
    shape : (int, int)
    pixels : ndarray of int, shape (N,)
        Indices of the region's pixels in the flat image.
    basin : ndarray of int32, shape (N,)
        Of each of these pixels.
    peaks : ndarray of float32, shape (B,)
        Height of each peak.
    pairs : ndarray of int32, shape (P, 2)
        The two basins that meet at each saddle, the highest saddle first.
    saddles : ndarray of float32, shape (P,)
        Height of each saddle.
    """

    shape: tuple[int, int]
    pixels: NDArray[np.intp]
    basin: Numbers
    peaks: Heights
    pairs: NDArray[np.int32]
    saddles: Heights

    def objects(self, rule: DecodeRule) -> Numbers:
        """Number of the object, from 1, to which each basin belongs: shape (B,)."""
        higher = list(range(len(self.peaks)))  # leads to the highest peak met so far
        part_of = list(higher)  # leads to the peak of the object
        peaks = self.peaks.tolist()
        for (a, b), height in zip(self.pairs.tolist(), self.saddles.tolist(), strict=True):
            top, low = _root(higher, a), _root(higher, b)
            if top == low:
                continue
            if (peaks[top], -top) < (peaks[low], -low):
                a, b, top, low = b, a, low, top
            higher[low] = top
            if not is_prominent(peaks[low], height, rule):
                part_of[_root(part_of, b)] = _root(part_of, a)
        peak_of = [_root(part_of, basin) for basin in range(len(part_of))]
        return (np.unique(peak_of, return_inverse=True)[1] + 1).astype(np.int32)

    def image(self, numbers: Numbers) -> Numbers:
        """The number of each pixel's basin (Y, X); 0 outside the region."""
        out = np.zeros(self.shape, np.int32)
        out.ravel()[self.pixels] = numbers[self.basin]
        return out


def is_prominent(peak: float, saddle: float, rule: DecodeRule) -> bool:
    """Whether a peak is an object of its own beside a higher one, given the height of the saddle between."""
    if peak <= rule.seed_threshold:
        return False
    if rule.prominence == rule.prominence_share == 0:
        return saddle <= rule.seed_threshold
    return peak - saddle >= max(rule.prominence, rule.prominence_share * peak)


def find_basins(height: Heights, region: NDArray[np.bool_]) -> Basins:
    """The basins of a landscape within a region, both of shape (Y, X)."""
    graph = PixelGraph(height, region)
    peak_of = _peaks(graph)
    peaks = np.flatnonzero(peak_of == np.arange(peak_of.size))
    numbers = np.zeros(peak_of.size, np.int32)
    numbers[peaks] = np.arange(peaks.size)
    basin = numbers[peak_of]
    pairs, saddles = _saddles(graph, basin)
    return Basins(height.shape, np.flatnonzero(region), basin, graph.height[peaks], pairs, saddles)


class PixelGraph:
    """The pixels of a region as a list, in reading order: their heights, and which are neighbours."""

    def __init__(self, height: Heights, region: NDArray[np.bool_]) -> None:
        framed = np.pad(region, 1)
        self._width = framed.shape[1]
        self._place = np.flatnonzero(framed)
        self._number = np.full(framed.size, -1, np.int32)
        self._number[self._place] = np.arange(self._place.size, dtype=np.int32)
        self.height = height[region].astype(np.float32, copy=False)

    def neighbours(self) -> Iterator[tuple[Numbers, NDArray[np.bool_]]]:
        """For each of eight directions the number of every pixel's neighbour, and whether there is one.

        A direction is followed by its opposite. Two pixels that meet at a corner are neighbours if one of the
        two between them is in the region.
        """
        for step, between in self._steps():
            yield self._neighbours(step, between)
            yield self._neighbours(-step, between and (between[0] - step, between[1] - step))

    def _steps(self) -> tuple[tuple[int, tuple[int, int] | None], ...]:
        """Four directions: the step in the framed image, for corners also those to the two pixels between."""
        right, down = 1, self._width
        return (right, None), (down, None), (down + right, (right, down)), (down - right, (-right, down))

    def _neighbours(self, step: int, between: tuple[int, int] | None) -> tuple[Numbers, NDArray[np.bool_]]:
        other = self._number[self._place + step]
        near = other >= 0
        if between:
            near &= np.maximum(*(self._number[self._place + way] for way in between)) >= 0
        return other, near

    def pairs(self) -> Iterator[tuple[NDArray[np.intp], Numbers]]:
        """All pairs of neighbours, one of four directions after the other: the numbers of both pixels."""
        for other, near in itertools.starmap(self._neighbours, self._steps()):
            one = np.flatnonzero(near)
            yield one, other[one]


def _peaks(graph: PixelGraph) -> Numbers:
    """For each pixel the number of its peak; a flat peak has that of its first pixel."""
    up, one, other = steepest_ascent(graph)
    _leave_plateaus(up, one, other)
    return roots(up)


def steepest_ascent(graph: PixelGraph) -> tuple[Numbers, NDArray[np.intp], Numbers]:
    """For each pixel its highest neighbour, and all pairs of neighbours of the same height.

    Returns
    -------
    up : ndarray of int32, shape (N,)
        The pixel itself where no neighbour is higher.
    one, other : ndarray of int, shape (P,)
        Neighbours of the same height.
    """
    up = np.arange(graph.height.size, dtype=np.int32)
    best = graph.height.copy()
    flat: list[tuple[NDArray[np.intp], Numbers]] = []
    for direction, (other, near) in enumerate(graph.neighbours()):
        height = graph.height[other]
        higher = near & (height > best)
        np.copyto(up, other, where=higher)
        np.copyto(best, height, where=higher)
        if direction % 2 == 0:  # a pair is met once in a direction, once in the opposite one
            level = np.flatnonzero(near & (height == graph.height))
            flat.append((level, other[level]))
    one, other = map(np.concatenate, zip(*flat, strict=True))
    return up, one, other


def roots(up: NDArray[T]) -> NDArray[T]:
    """The last pixel of the way from each pixel that goes from `n` to ``up[n]``."""
    while not np.array_equal(further := up[up], up):
        up = further
    return up


def _leave_plateaus(up: Numbers, one: NDArray[np.intp], other: Numbers) -> None:
    """Let all pixels of a plateau go one way: to a higher neighbour if it has one, else to its first pixel.

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


def _saddles(graph: PixelGraph, basin: Numbers) -> tuple[NDArray[np.int32], Heights]:
    """The two basins (P, 2) of every saddle and its height (P,), the highest first."""
    pairs, heights = [], []
    for one, other in graph.pairs():
        meet = basin[one] != basin[other]
        one, other = one[meet], other[meet]
        pairs.append(np.sort(np.stack([basin[one], basin[other]], axis=1), axis=1))
        heights.append(np.minimum(graph.height[one], graph.height[other]))
    return highest_saddles(np.concatenate(pairs), np.concatenate(heights))


def highest_saddles(pair: NDArray[np.int32], height: Heights) -> tuple[NDArray[np.int32], Heights]:
    """Of each pair of basins the highest saddle, in descending order.

    Parameters
    ----------
    pair : ndarray of int32, shape (P, 2)
        The lower number comes first.
    height : ndarray of float32, shape (P,)
    """
    order = np.lexsort((pair[:, 1], pair[:, 0], -height))
    pair, height = pair[order], height[order]
    key = pair[:, 0].astype(np.int64) << 32 | pair[:, 1]
    _, first = np.unique(key, return_index=True)  # the first of a pair is its highest
    first.sort()
    return pair[first], height[first]


def _root(towards: list[int], basin: int) -> int:
    """The end of a chain, which is shortened on the way (union-find with path halving)."""
    while towards[basin] != basin:
        towards[basin] = towards[towards[basin]]
        basin = towards[basin]
    return basin
