"""Pieces of a plane joined at their seams: the basins of the whole plane, and the objects that they make."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_unetpp._types import DecodeRule
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.decode.watershed import Basins, highest_saddles, roots
from napari_unetpp.volumes.stitching.pieces import NOWHERE, Numbers, Piece, Places

AT_ONCE = 200_000
"""About so many basins are joined to objects at a time."""


NONE = np.zeros(0, np.intp)


@dataclass(frozen=True, eq=False)
class Stitched:
    """All pieces are done.

    Attributes
    ----------
    object_of : ndarray of int32, shape (N + 1,)
        The object of each number that was written, from 1 without gaps; 0 for 0.
    sizes : ndarray of int, shape (objects + 1,)
        Pixels of each object; 0 for the background and for objects that are not certain enough.
    """

    object_of: Numbers
    sizes: NDArray[np.intp]

    def labels(self, rule: DecodeRule, at_border: NDArray[np.integer[Any]] = NONE) -> NDArray[np.uint32]:
        """The label of each number that was written; 0 where the rule drops the object.

        Parameters
        ----------
        rule : DecodeRule
        at_border : ndarray of int
            Numbers that were written to the outermost rows and columns of the plane.
        """
        return labelling.kept_numbers(self.sizes, rule, self.object_of[at_border])[self.object_of]

    def after(self, others: int) -> Stitched:
        """The same for numbers that start after `others` more."""
        return replace(self, object_of=np.insert(self.object_of, 1, np.zeros(others, np.int32)))


class Seams:
    """Collects pieces, and joins them when all are there."""

    def __init__(self) -> None:
        self._pieces: list[Piece] = []
        self._starts: list[int] = []
        self._sure: list[NDArray[np.intp]] = []
        self._count = 0

    def add(self, piece: Piece, sure: NDArray[np.intp]) -> int:
        """Add a piece without its pixels; returns the offset of its numbers.

        `sure` (N,): the pixels of each of its numbers that are certain enough for an object.
        """
        start = self._count
        self._sure.append(sure)
        self._count += len(piece.place)
        self._pieces.append(_without_pixels(piece))
        self._starts.append(start)
        return start

    def objects(self, rule: DecodeRule) -> Stitched:
        """The objects of all pieces together."""
        end = roots(self._ends())
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
        sure = np.bincount(object_of[1:], weights=np.concatenate(self._sure), minlength=1)
        return Stitched(object_of, np.where(sure > 0, sizes, 0).astype(np.intp))

    def _ends(self) -> Places:
        """The next number of each, (N + 1,); itself for a summit."""
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
        return highest_saddles(sides[apart], passes[apart])

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
    """The object of each basin, from 1 without gaps; connected components are processed in groups."""
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
