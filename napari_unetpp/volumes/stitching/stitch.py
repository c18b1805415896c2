"""Objects of a plane that is larger than memory, found piece by piece; the result is that of the whole plane.

Objects are made of the basins of a landscape (see `engine.decode.watershed`), by their summits and the passes
between them, so a piece need not hold whole objects. Each piece gives the basins of its own pixels
(`volumes.stitching.pieces`). Joined at the seams, these are the basins of the whole plane
(`volumes.stitching.seams`). The short list of summits and passes then gives the objects. The result equals
that of the whole plane up to the numbers of the objects, however large these are.
A piece is read with `MARGIN` pixels on each side, on which its landscape depends.

In memory are one piece, the list, and the pixels along the seams; the numbers of the pixels may be on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo, Region, ShouldStop, never_stop
from napari_unetpp.engine.decode import labelling
from napari_unetpp.volumes.stitching.mask_shape import MaskLandscape
from napari_unetpp.volumes.stitching.pieces import OVERLAP, Piece, find_piece
from napari_unetpp.volumes.stitching.seams import Seams, Stitched

Maps = NDArray[np.float32]
Heights = NDArray[np.float32]
Mask = NDArray[np.bool_]
Landscape = Callable[[Region], tuple[Heights, Mask]]
"""Gives heights and foreground (h, w) of a region of the plane."""

SIDE = 2048
"""Side of a piece, px."""

MARGIN = OVERLAP + labelling.CUT
"""Pixels around a piece on which its result depends; `mask_shape` may need more."""


@dataclass(frozen=True, eq=False)
class PieceDone:
    """A piece is done: its region, steps done, and steps in all."""

    core: Region
    done: int
    total: int


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
        int32 or uint32; written piece by piece, in memory or on disk. `Stitched` gives the object of each.
    threshold, split
        As in `engine.decode.labelling.objects`.
    side : int
        Of a piece, px.
    should_stop : callable
        Asked before every piece.

    Yields
    ------
    PieceDone or Stitched
        `Stitched` comes last, unless stopped.
    """
    run = _Run(read_maps, shape, info, numbers, threshold, should_stop, pieces_of(shape, side))
    split = split and info.task == "instances"
    if not split:
        yield from run.join(run.flat)
    elif info.decode.seeds != "mask":
        yield from run.join(run.landscape)
    else:
        yield from run.join_by_mask()


def pieces_of(shape: tuple[int, int], side: int = SIDE) -> tuple[Region, ...]:
    """The pieces of a plane, row by row."""
    return tuple(
        Region(y, x, min(y + side, shape[0]), min(x + side, shape[1]))
        for y in range(0, shape[0], side)
        for x in range(0, shape[1], side)
    )


class _Run:
    """One run of `stitch`."""

    def __init__(
        self,
        read_maps: Callable[[Region], Maps],
        shape: tuple[int, int],
        info: ModelInfo,
        numbers: Any,
        threshold: float | None,
        should_stop: ShouldStop,
        cores: tuple[Region, ...],
    ) -> None:
        self._read_maps = read_maps
        self._shape = shape
        self._info = info
        self._numbers = numbers
        self._rule = info.decode if threshold is None else replace(info.decode, threshold=threshold)
        self._should_stop = should_stop
        self._cores = cores
        self._done, self._total = 0, len(cores)

    def join(self, read: Landscape, mask: MaskLandscape | None = None) -> Iterator[PieceDone | Stitched]:
        """All pieces of a landscape, then their objects."""
        seams = Seams()
        for core in self._cores:
            if self._should_stop():
                return
            outer = core.grown(OVERLAP, self._shape)
            piece = find_piece(*read(outer), outer, core, self._shape[1])
            start = seams.add(piece, self._sure_pixels(core, piece))
            if mask is not None:
                start = mask.renumber(core, piece.numbers, len(piece.place))
            self._numbers[core.slices] = np.where(piece.numbers, piece.numbers + start, 0)
            yield self._piece_done(core)
        yield seams.objects(self._info.decode)

    def join_by_mask(self) -> Iterator[PieceDone | Stitched]:
        """As `join`, where heights depend on whole connected components: these are found first."""
        self._total = 3 * len(self._cores)
        components: Stitched | None = None
        for event in self.join(self.flat):
            if isinstance(event, Stitched):
                components = event
            else:
                yield event
        if components is None:
            return
        mask = MaskLandscape(self.mask, self._shape, self._info.decode, self._numbers, components.object_of)
        for core in self._cores:
            if self._should_stop():
                return
            mask.measure(core)
            yield self._piece_done(core)
        for event in self.join(mask.read, mask):
            yield event.after(len(components.object_of) - 1) if isinstance(event, Stitched) else event

    def _sure_pixels(self, core: Region, piece: Piece) -> NDArray[np.intp]:
        """Pixels of each number of a piece that are certain enough for an object."""
        certain = (
            labelling.sure(self._read_maps(core), self._info, self._rule) if self._rule.certainty else None
        )
        if certain is None:
            return piece.pixels
        counts = labelling.sure_pixels(piece.numbers, certain)[1:]
        return np.pad(counts, (0, len(piece.place) - counts.size))

    def flat(self, region: Region) -> tuple[Heights, Mask]:
        """A landscape without summits: objects that touch stay together."""
        return np.zeros(region.shape, np.float32), self.mask(region)

    def landscape(self, region: Region) -> tuple[Heights, Mask]:
        """That of the model: heights and foreground (h, w)."""
        read = region.grown(labelling.CUT, self._shape)
        maps = self._read_maps(read)
        found = labelling.mask(maps, self._info, self._rule)
        there = region.relative_to(read).slices
        return labelling.landscape(maps, self._info, found)[there], found[there]

    def mask(self, region: Region) -> Mask:
        """Foreground of a region."""
        return labelling.mask(self._read_maps(region), self._info, self._rule)

    def _piece_done(self, core: Region) -> PieceDone:
        self._done += 1
        return PieceDone(core, self._done, self._total)
