"""Evaluation of one tile at level Auto: every square as deep as it needs (see `engine.auto.stopping`).

Every pixel equals what its level gives for the whole plane, up to the last digits of convolutions of another
size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_unetpp._types import AUTO, Node, Region, ShouldStop, never_stop
from napari_unetpp.engine.auto import stopping
from napari_unetpp.engine.auto.node_plan import NodePlan
from napari_unetpp.engine.auto.partial_node import PartialNode, crop
from napari_unetpp.engine.auto.squares import Squares, runs, to_pixels, touched
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.loaded_model import Known, LoadedModel
from napari_unetpp.net import graph

Maps = NDArray[np.float32]
Nodes = dict[Node, Tensor | PartialNode]


@dataclass(frozen=True, eq=False)
class TileAtLevel:
    """A tile after one more level: maps (K, h, w) of its core and the level of each pixel (h, w)."""

    maps: Maps
    depth: NDArray[np.uint8]


class AutoTile:
    """One tile at Auto.

    Parameters
    ----------
    model : LoadedModel
        Of a model with a stopping rule.
    x : Tensor of shape (1, C, Y, X) or None
        None is enough where no missing node reads it.
    known : mapping from node to Tensor
        Nodes that are known everywhere; those that become known everywhere are added.
    core : Region
        The part of the tile that is wanted: only squares that meet it go deeper.

    Attributes
    ----------
    flops : int
        Executed so far.
    finished : bool
        False when it was stopped.
    """

    def __init__(self, model: LoadedModel, x: Tensor | None, known: Known, core: Region) -> None:
        rule = model.info.stopping
        if rule is None:
            raise ValueError(f"level {AUTO} (Auto) was asked for, but {model.info.name!r} has no rule for it")
        self.model, self.rule, self.known, self.core = model, rule, known, core
        self.x = x
        shape = x.shape if x is not None else known[0, 0].shape
        self.plane = int(shape[-2]), int(shape[-1])
        self.flops = 0
        self.finished = False
        self._nodes: Nodes = dict(known)
        self._plan = NodePlan(model.info.net, self.plane, rule.square, known)

    def run(self, should_stop: ShouldStop = never_stop) -> Iterator[TileAtLevel]:
        """Yield the tile at level 1, then after each further level that some squares reach."""
        info, rule, config = self.model.info, self.rule, self.model.info.net
        wanted = active = self._meet_core()
        maps = np.zeros((config.outputs, *self.plane), np.float32)
        before: Maps | None = None
        depth = np.ones(self.plane, np.uint8)
        for level in range(1, config.depth + 1):
            before, maps = (None if level == 1 else maps), maps.copy()
            more = active
            while more.any():
                if not self._deepen(level, more, should_stop):
                    return
                for box in runs(more):
                    place = to_pixels(box, rule.square, self.plane)
                    maps[:, *place.slices] = self.model.maps(level, self._nodes, place)
                    depth[place.slices] = level
                active = active | more
                more = wanted & stopping.cut_off(labelling.mask(maps, info), active, rule.square)
            yield TileAtLevel(maps[:, *self.core.slices], depth[self.core.slices])
            if level < config.depth:
                active = stopping.go_deeper(maps, before, level, active, info, rule)
            if not active.any():
                break
        self.finished = True

    def _meet_core(self) -> Squares:
        inside = np.zeros(self.plane, bool)
        inside[self.core.slices] = True
        return touched(inside, self.rule.square)

    def _deepen(self, level: int, squares: Squares, should_stop: ShouldStop) -> bool:
        """Evaluate the nodes of a level where the squares lack them; False if stopped."""
        for step in self._plan.steps(level, squares):
            if should_stop():
                return False
            node, packing = step
            if packing is None:
                self._evaluate(node)
            else:
                pieces = self.model.node_parts(node, packing, self._nodes).pieces
                self._nodes[node] = PartialNode([*self._pieces(node), *pieces])
            self.flops += self._plan.flops(step)
        return True

    def _evaluate(self, node: Node) -> None:
        """Evaluate all of a node."""
        reads = graph.inputs(node, self.model.info.net.arch)
        whole = {read: crop(self._nodes[read], self._grid(read)) for read in reads}
        self._nodes[node] = found = self.model.node(node, self.x, whole)
        if node in self._plan.complete:
            self.known[node] = found

    def _pieces(self, node: Node) -> Sequence[tuple[Region, Tensor]]:
        """The pieces of a node that were evaluated; they may be wrong outside the squares they were for."""
        known = self._nodes.get(node)
        if known is None:
            return ()
        return known.pieces if isinstance(known, PartialNode) else ((self._grid(node), known),)

    def _grid(self, node: Node) -> Region:
        """All of a node, on its own grid."""
        return Region.whole((self.plane[0] >> node[0], self.plane[1] >> node[0]))
