"""The basins of one piece of a plane, and what is left open at its seams.

A piece reads its own pixels (the core) and two rows and columns around them (with these: the outer region).
This is enough to find the steepest ascent from each pixel of the core (see `engine.decode.watershed`). A path
that leaves the core, and a plateau that crosses a seam, end in another piece: `volumes.stitching.seams`
joins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unetpp._types import Region
from napari_unetpp.engine.decode.watershed import PixelGraph, highest_saddles, roots, steepest_ascent

Numbers = NDArray[np.int32]
Places = NDArray[np.int64]
"""Pixels by their place in the flat plane."""

Heights = NDArray[np.float32]

OVERLAP = 2
"""Rows and columns that a piece reads beyond its core."""

NOWHERE = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False)
class Piece:
    """A part of a plane in which every pixel has the number of its end; numbers from 1 in reading order.

    Attributes
    ----------
    core : Region
    numbers : ndarray of int32, shape (h, w)
        Of the core; 0 outside the region.
    pixels : ndarray of int, shape (N,)
        Of each number, those in the core.
    place : ndarray of int64, shape (N,)
        Each end: a summit, the first pixel of a flat one, or a pixel of another piece.
    height : ndarray of float32, shape (N,)
        There.
    leaves : ndarray of bool, shape (N,)
        The end lies in another piece.
    plateaus : ndarray of int32, shape (P,)
        Ends that are plateaus reaching over a seam.
    rises_at, rises_to : ndarray of int64 and int32, shape (P,)
        The first pixel by which each of these rises within the outer region, `NOWHERE` if it does not; and
        the number of that pixel, 0 if it lies in another piece.
    level_number, level_place : ndarray of int32 and int64, shape (L,)
        Plateaus and the pixels beyond the seam that belong to them.
    sides, passes : ndarray of int32 and float32, shapes (M, 2) and (M,)
        Numbers that meet, and the highest point at which they do.
    seam_number, seam_place, seam_pass : ndarray of int32, int64 and float32, shape (S,)
        Numbers that meet a pixel of a later piece.
    edge_number, edge_place : ndarray of int32 and int64, shape (E,)
        The outermost pixels of the core, in reading order.
    """

    core: Region
    numbers: Numbers
    pixels: NDArray[np.intp]
    place: Places
    height: Heights
    leaves: NDArray[np.bool_]
    plateaus: Numbers
    rises_at: Places
    rises_to: Numbers
    level_number: Numbers
    level_place: Places
    sides: NDArray[np.int32]
    passes: Heights
    seam_number: Numbers
    seam_place: Places
    seam_pass: Heights
    edge_number: Numbers
    edge_place: Places


def find_piece(height: Heights, region: NDArray[np.bool_], outer: Region, core: Region, width: int) -> Piece:
    """The basins of a piece.

    Parameters
    ----------
    height, region : ndarray of float32 and bool, shape (H, W)
        Of `outer`.
    outer : Region
        The core with `OVERLAP` rows and columns on each side, clipped at the border of the plane.
    core : Region
    width : int
        Columns of the plane.
    """
    pixels = _Pixels(height, region, outer, core, width)
    up, plateaus = _ascents(pixels)
    end = roots(up)
    found, own = np.unique(end[pixels.inside], return_inverse=True)
    number = np.zeros(end.size, np.int32)
    number[pixels.inside] = own + 1
    image = np.zeros(core.shape, np.int32)
    image.ravel()[pixels.in_core] = own + 1
    known = plateaus.rises < end.size
    at = np.where(known, plateaus.rises, 0)
    sides, passes = _meetings(pixels, number)
    seam, beyond, across = _crossings(pixels)
    return Piece(
        core=core,
        numbers=image,
        pixels=np.bincount(own, minlength=found.size),
        place=pixels.place[found],
        height=pixels.grid.height[found],
        leaves=~pixels.inside[found],
        plateaus=number[plateaus.first],
        rises_at=np.where(known, pixels.place[at], NOWHERE),
        rises_to=np.where(known, number[at], 0),
        level_number=number[plateaus.level],
        level_place=pixels.place[plateaus.beyond],
        sides=sides,
        passes=passes,
        seam_number=number[seam],
        seam_place=pixels.place[beyond],
        seam_pass=across,
        edge_number=number[pixels.edge],
        edge_place=pixels.place[pixels.edge],
    )


class _Pixels:
    """The foreground pixels that a piece reads, as a list in reading order.

    `place`: in the plane. `inside`: in the core. `in_core`: their places in the flat core. `edge`: which are
    the outermost of the core.
    """

    def __init__(
        self, height: Heights, region: NDArray[np.bool_], outer: Region, core: Region, width: int
    ) -> None:
        self.grid = PixelGraph(height, region)
        y, x = np.nonzero(region)
        y, x = y + outer.y0, x + outer.x0
        self.place = y * np.int64(width) + x
        self.inside = (y >= core.y0) & (y < core.y1) & (x >= core.x0) & (x < core.x1)
        self.in_core = (y[self.inside] - core.y0) * core.shape[1] + x[self.inside] - core.x0
        outermost = (y == core.y0) | (y == core.y1 - 1) | (x == core.x0) | (x == core.x1 - 1)
        self.edge = np.flatnonzero(self.inside & outermost)


@dataclass(frozen=True, eq=False)
class _Plateaus:
    """Plateaus that reach over a seam; pixels by their place in the list.

    `first`: of each plateau the first pixel. `rises`: the first pixel by which it rises, the length of the
    list if it does not. `level`, `beyond`: pairs of pixels on both sides of a seam that are one plateau.
    """

    first: Numbers
    rises: Numbers
    level: NDArray[np.intp]
    beyond: NDArray[np.intp]


def _ascents(pixels: _Pixels) -> tuple[Numbers, _Plateaus]:
    """The next pixel of each: itself outside the core, and for the first pixel of a plateau across a seam."""
    up, one, other = steepest_ascent(pixels.grid)
    count = up.size
    stays = up == np.arange(count)
    top = stays & pixels.inside
    plateau = _plateaus(one, other, top)
    tops = np.flatnonzero(top).astype(np.int32)
    first = np.full(count, count, np.int32)
    np.minimum.at(first, plateau[tops], tops)
    here, there = np.concatenate([one, other]), np.concatenate([other, one])
    rising = top[here] & ~stays[there]
    rises = np.full(count, count, np.int32)
    np.minimum.at(rises, plateau[here[rising]], there[rising].astype(np.int32))
    crossing = top[here] & stays[there] & ~pixels.inside[there]
    reaching = np.unique(plateau[here[crossing]])
    goes_to = np.where(rises < count, rises, first)
    goes_to[reaching] = first[reaching]
    up[tops] = goes_to[plateau[tops]]
    up[~pixels.inside] = np.flatnonzero(~pixels.inside)
    return up, _Plateaus(first[reaching], rises[reaching], here[crossing], there[crossing])


def _plateaus(one: NDArray[Any], other: NDArray[Any], top: NDArray[np.bool_]) -> Numbers:
    """The plateau of each pixel that is `top`, numbered from 0; `one` and `other` are level neighbours."""
    both = top[one] & top[other]
    if not both.any():
        return np.arange(top.size, dtype=np.int32)
    edges = coo_array((np.ones(int(both.sum()), bool), (one[both], other[both])), shape=(top.size,) * 2)
    plateau: Numbers = connected_components(edges, directed=False)[1]
    return plateau


def _meetings(pixels: _Pixels, number: Numbers) -> tuple[NDArray[np.int32], Heights]:
    """Numbers that meet within the core, and the highest point at which they do."""
    sides, passes = [], []
    for one, other in pixels.grid.pairs():
        meet = pixels.inside[one] & pixels.inside[other] & (number[one] != number[other])
        one, other = one[meet], other[meet]
        sides.append(np.sort(np.stack([number[one], number[other]], axis=1), axis=1))
        passes.append(np.minimum(pixels.grid.height[one], pixels.grid.height[other]))
    return highest_saddles(np.concatenate(sides), np.concatenate(passes))


def _crossings(pixels: _Pixels) -> tuple[NDArray[np.intp], NDArray[np.intp], Heights]:
    """Neighbours of which the first in reading order is in the core and the other is not; the pass between.

    The piece of the other one leaves this pair out, so that each is counted once.
    """
    first, second, passes = [], [], []
    for one, other in pixels.grid.pairs():
        across = pixels.inside[one] & ~pixels.inside[other]
        first.append(one[across])
        second.append(other[across].astype(np.intp))
        passes.append(np.minimum(pixels.grid.height[one[across]], pixels.grid.height[other[across]]))
    return np.concatenate(first), np.concatenate(second), np.concatenate(passes)
