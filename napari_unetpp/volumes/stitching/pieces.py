"""The basins of one piece of a plane, and what is left open at its seams.

A piece sees its own pixels (the core) and two rows and columns around them. So it knows for each of its
pixels to which neighbour one goes from there (see `engine.basins`). A way that ends within the core is known
to its end; one that leaves the core goes on from the pixel where it leaves. A plateau that reaches over a
seam may have its way up in another piece. Both are left open, and `volumes.stitching.seams` joins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unetpp._types import Region
from napari_unetpp.engine.basins import Grid, ends, highest, steepest

Numbers = NDArray[np.int32]
Places = NDArray[np.int64]
"""Pixels by their place in the flat plane."""

Heights = NDArray[np.float32]

AROUND = 2
"""Rows and columns that a piece sees beyond its core."""

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
        The first pixel by which each of these rises within the core's sight, `NOWHERE` if it does not; and
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


def find_piece(height: Heights, region: NDArray[np.bool_], seen: Region, core: Region, width: int) -> Piece:
    """The basins of a piece.

    Parameters
    ----------
    height, region : ndarray of float32 and bool, shape (H, W)
        Of `seen`.
    seen : Region
        The core with `AROUND` rows and columns on each side, clipped at the border of the plane.
    core : Region
    width : int
        Columns of the plane.
    """
    pixels = _Pixels(height, region, seen, core, width)
    up, plateaus = _ways(pixels)
    end = ends(up)
    found, own = np.unique(end[pixels.inside], return_inverse=True)
    number = np.zeros(end.size, np.int32)
    number[pixels.inside] = own + 1
    image = np.zeros(core.shape, np.int32)
    image.ravel()[pixels.in_core] = own + 1
    known = plateaus.rises < end.size
    at = np.where(known, plateaus.rises, 0)
    return Piece(
        core,
        image,
        np.bincount(own, minlength=found.size),
        pixels.place[found],
        pixels.grid.height[found],
        ~pixels.inside[found],
        number[plateaus.first],
        np.where(known, pixels.place[at], NOWHERE),
        np.where(known, number[at], 0),
        number[plateaus.level],
        pixels.place[plateaus.beyond],
        *_meetings(pixels, number),
        number[pixels.edge],
        pixels.place[pixels.edge],
    )


class _Pixels:
    """The pixels of the region that a piece sees, as a list in reading order.

    `place`: in the plane. `inside`: in the core. `in_core`: their places in the flat core. `edge`: which are
    the outermost of the core.
    """

    def __init__(
        self, height: Heights, region: NDArray[np.bool_], seen: Region, core: Region, width: int
    ) -> None:
        self.grid = Grid(height, region)
        y, x = np.nonzero(region)
        y, x = y + seen.y0, x + seen.x0
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

    first: NDArray[np.intp]
    rises: Numbers
    level: NDArray[np.intp]
    beyond: NDArray[np.intp]


def _ways(pixels: _Pixels) -> tuple[Numbers, _Plateaus]:
    """Where each pixel goes: of those outside the core, and of plateaus that are left open, nowhere."""
    up, one, other = steepest(pixels.grid)
    stays = up == np.arange(up.size)
    up[~pixels.inside] = np.flatnonzero(~pixels.inside)
    plateau = _plateaus(one, other, stays & pixels.inside)
    rises = np.full(up.size, up.size, np.int32)
    first = np.full(up.size, up.size, np.int32)
    top = np.flatnonzero(stays & pixels.inside)
    np.minimum.at(first, plateau[top], top.astype(np.int32))
    level, beyond = [], []
    for here, there in ((one, other), (other, one)):
        here_stays = stays[here] & pixels.inside[here]
        leaves = here_stays & ~stays[there]
        np.minimum.at(rises, plateau[here[leaves]], there[leaves].astype(np.int32))
        crosses = here_stays & stays[there] & ~pixels.inside[there]
        level.append(here[crosses])
        beyond.append(there[crosses])
    level_, beyond_ = np.concatenate(level), np.concatenate(beyond)
    reaching = np.unique(plateau[level_])
    is_open = np.zeros(up.size, np.bool_)
    is_open[reaching] = True
    goes_to = np.where(is_open | (rises == up.size), first, rises)
    up[top] = goes_to[plateau[top]]
    return up, _Plateaus(first[reaching].astype(np.intp), rises[reaching], level_, beyond_)


def _plateaus(one: NDArray[Any], other: NDArray[Any], top: NDArray[np.bool_]) -> Numbers:
    """The plateau of each pixel that is `top`, numbered from 0; `one` and `other` are level neighbours."""
    both = top[one] & top[other]
    if not both.any():
        return np.arange(top.size, dtype=np.int32)
    edges = coo_array((np.ones(int(both.sum()), bool), (one[both], other[both])), shape=(top.size,) * 2)
    plateau: Numbers = connected_components(edges, directed=False)[1]
    return plateau


def _meetings(
    pixels: _Pixels, number: Numbers
) -> tuple[NDArray[np.int32], Heights, Numbers, Places, Heights]:
    """Where numbers meet within the core, and where they meet a pixel that comes later in another piece."""
    height, inside = pixels.grid.height, pixels.inside
    sides, passes, numbers, places, across = [], [], [], [], []
    for one, other in pixels.grid.pairs():  # `one` comes first in reading order
        lower = np.minimum(height[one], height[other])
        meet = inside[one] & inside[other] & (number[one] != number[other])
        sides.append(np.sort(np.stack([number[one[meet]], number[other[meet]]], axis=1), axis=1))
        passes.append(lower[meet])
        seam = inside[one] & ~inside[other]
        numbers.append(number[one[seam]])
        places.append(pixels.place[other[seam]])
        across.append(lower[seam])
    return (
        *highest(np.concatenate(sides), np.concatenate(passes)),
        np.concatenate(numbers),
        np.concatenate(places),
        np.concatenate(across),
    )
