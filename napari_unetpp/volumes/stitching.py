"""Objects of a plane that is larger than memory: piece by piece, and the same as of the whole plane.

What is an object is decided among the basins of a landscape (see `engine.basins`): by their summits and by
the passes between them. So pieces need not hold whole objects. Each gives the basins of its own pixels
(`volumes.pieces`); at the seams these are joined, which gives the basins of the whole plane; then the objects
follow from the list of summits and passes, which is short. The result equals that of the whole plane up to
the numbers of the objects, however large these are. A piece is read with `MARGIN` pixels on each side, on
which its landscape depends.

In memory are one piece, the list, and what lies along the seams; the numbers of the pixels may be on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unetpp._types import DecodeRule, ModelInfo, Region, ShouldStop, UnetppError, never_stop
from napari_unetpp.engine import decode
from napari_unetpp.engine.basins import Basins, ends, highest
from napari_unetpp.engine.tiles import grow
from napari_unetpp.volumes.pieces import AROUND, NOWHERE, Numbers, Piece, Places, find_piece

Maps = NDArray[np.float32]

SIDE = 2048
"""Side of a piece, px."""

MARGIN = AROUND + decode.CUT
"""Pixels around a piece on which its result depends."""

AT_ONCE = 200_000
"""About so many basins are joined to objects at a time."""


@dataclass(frozen=True, eq=False)
class PieceDone:
    """A piece is done: its place, and how many of how many are."""

    core: Region
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Stitched:
    """All pieces are done.

    Attributes
    ----------
    object_of : ndarray of int32, shape (N + 1,)
        For each number that was written its object, from 1 without gaps; 0 for 0.
    sizes : ndarray of int, shape (objects + 1,)
        Pixels of each object; of 0 nothing is counted.
    """

    object_of: Numbers
    sizes: NDArray[np.intp]

    def kept(self, min_size: int) -> NDArray[np.uint32]:
        """For each number that was written its label: 0 where the object is too small."""
        return decode.keep(self.sizes, min_size)[self.object_of]


def stitch(
    read_maps: Callable[[Region], Maps],
    shape: tuple[int, int],
    info: ModelInfo,
    numbers: Any,
    *,
    threshold: float | None = None,
    split: bool = True,
    side: int = SIDE,
    should_stop: ShouldStop = never_stop,
) -> Iterator[PieceDone | Stitched]:
    """Find the objects of a plane piece by piece.

    Parameters
    ----------
    read_maps : callable
        Gives the maps (K, h, w) of a region of the plane.
    shape : (int, int)
        Of the plane, on the working grid.
    info : ModelInfo
    numbers : array-like of shape (Y, X)
        int32 or uint32; written piece by piece, in memory or on disk. What they mean says `Stitched`.
    threshold, split
        As in `engine.decode.objects`.
    side : int
        Of a piece, px.
    should_stop : callable
        Asked before every piece.

    Yields
    ------
    PieceDone or Stitched
        `Stitched` comes last, unless stopped.

    Raises
    ------
    UnetppError
        The landscape is that of the mask alone (``seeds="mask"``), which no piece knows.
    """
    split = split and info.task == "instances"
    if split and info.decode.seeds == "mask":
        raise UnetppError(
            f"the model {info.name!r} tells touching objects apart by the shape of its mask, which only the "
            "whole plane shows. Turn splitting off, or segment a part of the image."
        )
    cores = pieces_of(shape, side)
    seams = Seams()
    for done, core in enumerate(cores, start=1):
        if should_stop():
            return
        seen = grow(core, AROUND, shape)
        height, region = _landscape(read_maps, shape, seen, info, threshold, split)
        piece = find_piece(height, region, seen, core, shape[1])
        start = seams.add(piece)
        numbers[core.slices] = np.where(piece.numbers, piece.numbers + start, 0)
        yield PieceDone(core, done, len(cores))
    yield seams.objects(info.decode)


def pieces_of(shape: tuple[int, int], side: int = SIDE) -> tuple[Region, ...]:
    """The pieces of a plane, row by row."""
    return tuple(
        Region(y, x, min(y + side, shape[0]), min(x + side, shape[1]))
        for y in range(0, shape[0], side)
        for x in range(0, shape[1], side)
    )


def _landscape(
    read_maps: Callable[[Region], Maps],
    shape: tuple[int, int],
    seen: Region,
    info: ModelInfo,
    threshold: float | None,
    split: bool,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Heights and foreground (H, W) of `seen`; all of one height where touching objects stay together."""
    read = grow(seen, decode.CUT, shape)
    maps = read_maps(read)
    found = decode.mask(maps, info, threshold=threshold)
    there = seen.shifted(-read.y0, -read.x0).slices
    if not split:
        return np.zeros(seen.shape, np.float32), found[there]
    return decode.landscape(maps, info, found)[there], found[there]


class Seams:
    """Collects pieces, and joins them when all are there."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._starts: list[int] = []
        self._count = 0

    def add(self, piece: Piece) -> int:
        """Take over all of a piece but its pixels; what is to be added to its numbers."""
        start = self._count
        self._count += len(piece.place)
        self._pieces.append(_without_pixels(piece))
        self._starts.append(start)
        return start

    def objects(self, rule: DecodeRule) -> Stitched:
        """The objects of all pieces together."""
        end = ends(self._ends())
        place = self._all("place")
        summits = np.unique(end[1:])
        summits = summits[np.argsort(place[summits - 1], kind="stable")]  # in reading order
        basin_of = np.zeros(self._count + 1, np.int32)
        basin_of[summits] = np.arange(summits.size)
        basin = basin_of[end[1:]]
        sides, passes = self._passes(basin)
        number = _objects(self._all("height")[summits - 1], sides, passes, rule)
        object_of = np.concatenate([[0], number[basin]]).astype(np.int32)
        sizes = np.bincount(object_of[1:], weights=self._all("pixels"), minlength=1)
        return Stitched(object_of, sizes.astype(np.intp))

    def _ends(self) -> Places:
        """Where each number goes: (N + 1,), itself if it is a summit."""
        goes = np.arange(self._count + 1, dtype=np.int64)
        leaves = np.flatnonzero(self._all("leaves")) + 1
        goes[leaves] = self._number_at(self._all("place")[leaves - 1])
        plateaus, group = self._plateaus()
        if not plateaus.size:
            return goes
        rises_at, rises_to = self._all("rises_at"), self._all_numbers("rises_to")
        beyond = (rises_to == 0) & (rises_at != NOWHERE)
        rises_to[beyond] = self._number_at(rises_at[beyond])
        place = self._all("place")[plateaus - 1]
        way = np.lexsort((place, rises_at, group))  # of each group the first way up, else the first pixel
        first = way[np.unique(group[way], return_index=True)[1]]
        up = np.where(rises_at[first] == NOWHERE, plateaus[first], rises_to[first])
        goes[plateaus] = up[group]
        return goes

    def _plateaus(self) -> tuple[Places, NDArray[np.int32]]:
        """Plateaus that reach over seams: their numbers, and for each the group that is one plateau."""
        plateaus = self._all_numbers("plateaus")
        one = self._all_numbers("level_number")
        other = self._number_at(self._all("level_place"))
        index = np.zeros(self._count + 1, np.intp)
        index[plateaus] = np.arange(plateaus.size)
        edges = coo_array((np.ones(one.size, bool), (index[one], index[other])), shape=(plateaus.size,) * 2)
        group = connected_components(edges, directed=False)[1] if plateaus.size else np.zeros(0, np.int32)
        return plateaus, group

    def _passes(self, basin: Numbers) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Between basins: within pieces, and across seams."""
        within = self._all_numbers("sides").reshape(-1, 2)
        across = np.stack(
            [self._all_numbers("seam_number"), self._number_at(self._all("seam_place"))], axis=1
        )
        sides = np.sort(basin[np.concatenate([within, across]) - 1], axis=1)
        passes = np.concatenate([self._all("passes"), self._all("seam_pass")])
        apart = sides[:, 0] != sides[:, 1]
        return highest(sides[apart], passes[apart])

    def _number_at(self, places: Places) -> Places:
        """The numbers of pixels at the edges of pieces."""
        if not places.size:
            return places
        edges, numbers = self._all("edge_place"), self._all_numbers("edge_number")
        order = np.argsort(edges)
        found: Places = numbers[order[np.searchsorted(edges, places, sorter=order)]]
        return found

    def _all(self, name: str) -> NDArray[Any]:
        """An attribute of all pieces, one after the other."""
        return np.concatenate([getattr(piece, name) for piece in self._pieces])

    def _all_numbers(self, name: str) -> Places:
        """The same of numbers, which then count through all pieces; 0 stays 0."""
        return np.concatenate(
            [
                np.where(found, found.astype(np.int64) + start, 0)
                for found, start in zip((getattr(p, name) for p in self._pieces), self._starts, strict=True)
            ]
        )


def _objects(
    peaks: NDArray[np.float32], sides: NDArray[np.int32], passes: NDArray[np.float32], rule: DecodeRule
) -> Numbers:
    """The object of each basin, from 1 without gaps; connected parts of the foreground are done in groups."""
    graph = coo_array((np.ones(len(sides), bool), (sides[:, 0], sides[:, 1])), shape=(len(peaks),) * 2)
    part = connected_components(graph, directed=False)[1] if len(peaks) else np.zeros(0, np.int32)
    group = np.concatenate([[0], np.cumsum(np.bincount(part))])[part] // AT_ONCE  # by the basins before it
    number = np.zeros(len(peaks), np.int32)
    count = 0
    group_of_pass = group[sides[:, 0]]
    for one in np.unique(group):
        members, meet = np.flatnonzero(group == one), group_of_pass == one
        own = np.searchsorted(members, sides[meet]).astype(np.int32)
        nothing = np.zeros(0, np.int32)
        basins = Basins((0, 0), nothing.astype(np.intp), nothing, peaks[members], own, passes[meet])
        number[members] = basins.objects(rule) + count
        count = int(number[members].max())
    return number


def _without_pixels(piece: Piece) -> Piece:
    return replace(piece, numbers=np.zeros((0, 0), np.int32))
