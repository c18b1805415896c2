"""A plane too large for one pass, row by row: no halo is evaluated twice.

The plane is gone through in stripes of rows from top to bottom. Of every node those rows are evaluated that
its inputs allow by then, so deeper nodes follow some rows behind; only the rows that other nodes still need
are kept. A tile at level 4 reads 1.8 times its own pixels; here a node repeats four rows of its own grid for
each stripe. Very wide planes are cut into columns with a halo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import NetConfig, Node, Region, ShouldStop
from napari_unetpp.engine import tiles
from napari_unetpp.engine.input.plane import PlaneReader
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.net import graph

if TYPE_CHECKING:
    from torch import Tensor

STRIPE_BYTES = 1_330_000
"""Bytes of a stripe with one channel, about: at level 4 some 1.3 GB are in use."""

MOST_STRIPE_PIXELS = 800_000
"""Pixels of a stripe, at most: in int8 a node is computed in more memory than it takes itself."""

LEAST_ROWS = 64
"""Of a stripe; of fewer too many would be evaluated twice."""

WIDEST_BYTES = 16384
"""Bytes of the columns of a plane that are evaluated together, with one channel: 4096 columns in float32."""

REACH = graph.CONVS_PER_NODE
"""Rows beyond its own that a node needs of what it reads."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Maps (K, h, w) of a region of the plane at one level; `stripe` is the number of the stripe, from 1."""

    level: int
    region: Region
    maps: NDArray[np.float32]
    stripe: int


class _Kept:
    """The rows of a node from `start` to `end`, in memory that is used again and again.

    Other memory for every stripe would take as long as copying the rows.
    """

    def __init__(self) -> None:
        self.start = self.end = self._needed = 0
        self._memory: Tensor | None = None  # (1, rows, X, C); its first row is `start`

    def rows(self, start: int, end: int) -> Tensor:
        """Some of them, (1, C, h, X)."""
        assert self._memory is not None
        return self._memory[:, start - self.start : end - self.start].permute(0, 3, 1, 2)

    def drop(self, before: int) -> None:
        """Rows before this one are not needed any more."""
        self._needed = before

    def add(self, rows: Tensor) -> None:
        """Further rows (1, C, h, X) follow."""
        new = rows.permute(0, 2, 3, 1)
        count = new.shape[1]
        at = self.end - self.start
        if self._memory is None or at + count > self._memory.shape[1]:
            at = self._make_room(new)
        assert self._memory is not None
        self._memory[:, at : at + count] = new
        self.end += count

    def _make_room(self, new: Tensor) -> int:
        """Move what is needed to the front, or into larger memory; how many rows that is."""
        kept, old = self.end - self._needed, self._memory
        first = self._needed - self.start
        if old is None or kept + new.shape[1] > old.shape[1]:
            self._memory = new.new_empty((1, kept + new.shape[1], *new.shape[2:]))
        if old is not None and self._memory is not None:
            rows = old[:, first : first + kept]
            self._memory[:, :kept] = rows if kept <= first else rows.clone()  # a copy where both overlap
        self.start = self._needed
        return kept


class RowStream:
    """Evaluates some levels of a plane from top to bottom.

    Parameters
    ----------
    model : LoadedModel
        Without a pretrained encoder (`streams`).
    plane : PlaneReader
    levels : sequence of int
        Levels whose maps are wanted, the deepest last.

    Attributes
    ----------
    stripes : int
        How many there are; the maps of a stripe come with a later one, all of them with the last one.
    computed : int
        Nodes evaluated so far, each counted once for a column of stripes.
    flops : int
        Executed so far.
    """

    def __init__(self, model: LoadedModel, plane: PlaneReader, levels: Sequence[int]) -> None:
        self.model, self.plane, self.levels = model, plane, levels
        config = model.info.net
        self.nodes = graph.nodes(levels[-1], config.arch)
        self.padded = tiles.padded_shape(plane.shape, config.multiple)
        self.columns = columns(self.padded, levels[-1], config, WIDEST_BYTES // model.itemsize)
        widest = max(read.shape[1] for _, read in self.columns)
        pixels = min(MOST_STRIPE_PIXELS, STRIPE_BYTES // model.itemsize)
        self.rows = stripe_rows(self.padded[0], widest, pixels, config)
        self.stripes = len(self.columns) * -(-self.padded[0] // self.rows)
        self.computed = self.flops = 0

    def run(self, should_stop: ShouldStop) -> Iterator[Rows]:
        """All maps; when stopped, fewer."""
        stripe = 0
        for core, read in self.columns:
            column = _Column(self, read)
            for _ in range(self.stripes // len(self.columns)):
                stripe += 1
                for level, first, maps in column.advance(should_stop):
                    region = Region(first, core.x0, first + maps.shape[1], core.x1)
                    shown = region.clipped(Region.whole(self.plane.shape))
                    left = core.x0 - read.x0
                    maps = maps[:, : shown.shape[0], left : left + shown.shape[1]]
                    if not shown.is_empty:
                        yield Rows(level, shown, maps, stripe)
                if should_stop():
                    return
            self.computed += len(self.nodes)


def streams(config: NetConfig) -> bool:
    """Whether a network can be evaluated row by row: not with an encoder, whose stages reach further."""
    return not config.encoder


def columns(
    padded: tuple[int, int], level: int, config: NetConfig, widest: int
) -> list[tuple[Region, Region]]:
    """Columns of a plane, `widest` px at most: their own part, and that with the halo."""
    halo = graph.aligned_halo(level, config)
    cut = tiles.split(padded[1], widest, config.multiple)
    return [
        (Region(0, x0, padded[0], x1), Region(0, max(0, x0 - halo), padded[0], min(padded[1], x1 + halo)))
        for x0, x1 in cut
    ]


def stripe_rows(height: int, width: int, pixels: int, config: NetConfig) -> int:
    """Rows of a stripe of so many pixels: stripes of equal height on the grid of the deepest row."""
    most = max(LEAST_ROWS, pixels // width)
    return tiles.split(height, most, config.multiple)[0][1]


class _Column:
    """The nodes of one column of the plane."""

    def __init__(self, stream: RowStream, read: Region) -> None:
        self.stream, self.read = stream, read
        self.model, self.config = stream.model, stream.model.info.net
        self.kept: dict[Node, _Kept] = {node: _Kept() for node in stream.nodes}

    def advance(self, should_stop: ShouldStop) -> Iterator[tuple[int, int, NDArray[np.float32]]]:
        """A stripe of the image, and what it allows of the other nodes: level, first row, maps (K, h, w)."""
        for node in self.stream.nodes:
            while (read := self._next(node)) is not None:
                if should_stop():
                    return
                first, rows = self.kept[node].end, self._evaluated(node, *read)
                self.kept[node].add(rows)
                if node[0] == 0 and node[1] in self.stream.levels:
                    yield node[1], first, self.model.maps(node[1], {node: rows})
                if graph.reads_image(node, self.config):
                    break  # one stripe of the image at a time
        self._drop()

    def _height(self, node: Node) -> int:
        """Rows of the node's grid."""
        return self.read.shape[0] >> node[0]

    def _most(self, node: Node) -> int:
        """Rows that a stripe of a node reads, at most."""
        return min(self._height(node), (self.stream.rows >> node[0]) + 2 * REACH)

    def _first(self, node: Node) -> int:
        """The first row that the next stripe of a node reads.

        The last stripe reads as many as the others: in int8 each size of input has to be compiled.
        """
        return max(0, min(self.kept[node].end - REACH, self._height(node) - self._most(node)))

    def _next(self, node: Node) -> tuple[int, int] | None:
        """The rows that the next stripe of a node reads; None where there are none, or inputs are missing."""
        height, end = self._height(node), self.kept[node].end
        if end == height:
            return None
        first = self._first(node)
        last = min(first + self._most(node), self._available(node))
        if last < height and graph.below(node, self.config.arch):
            last -= last % 2  # whole pixels of the grid below
        return (first, last) if _end(last, height) > end else None

    def _available(self, node: Node) -> int:
        """The row up to which the inputs of a node are there."""
        if graph.reads_image(node, self.config):
            return self._height(node)
        read = graph.inputs(node, self.config.arch)
        return min(_on_row(self.kept[other].end, node[0] - other[0]) for other in read)

    def _evaluated(self, node: Node, first: int, last: int) -> Tensor:
        """The next rows of a node, of those that are read."""
        image, known = None, {}
        if graph.reads_image(node, self.config):
            image = self.model.tensor(self.stream.plane.read(Region(first, self.read.x0, last, self.read.x1)))
        else:
            for other in graph.inputs(node, self.config.arch):
                down = other[0] - node[0]
                known[other] = self.kept[other].rows(_on_row(first, down), _on_row(last, down))
        found = self.model.node(node, image, known)
        rows, width = (last - first) << node[0], self.read.shape[1]
        self.stream.flops += graph.node_flops(node, self.config, rows, width)
        return found[:, :, self.kept[node].end - first : _end(last, self._height(node)) - first]

    def _drop(self) -> None:
        """Forget rows that no node needs any more."""
        needed = {node: kept.end for node, kept in self.kept.items()}
        for node, kept in self.kept.items():
            if kept.end < self._height(node):
                first = max(0, self._first(node) - REACH)  # the last stripe may begin a row further up
                for other in graph.inputs(node, self.config.arch):
                    needed[other] = min(needed[other], _on_row(first, other[0] - node[0]))
        for node, row in needed.items():
            self.kept[node].drop(row)


def _end(last: int, height: int) -> int:
    """The row before which a node is right where it was evaluated from the rows before `last`."""
    return last if last == height else last - REACH


def _on_row(row: int, rows_down: int) -> int:
    """A row of a node on the grid `rows_down` rows below (-1: one above)."""
    return row << -rows_down if rows_down < 0 else row >> rows_down
