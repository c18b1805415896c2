"""The order in which nodes, or parts of them, are evaluated for Auto."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np

from napari_unetpp._types import NetConfig, Node
from napari_unetpp.engine.auto.packing import Packing, pack_node, packing_flops
from napari_unetpp.engine.auto.squares import Squares
from napari_unetpp.net import graph

Step = tuple[Node, Packing | None]
"""A node, and the parts of it that are evaluated; None: the whole node, where that is less work."""


class NodePlan:
    """Keeps for which squares each node is known, and plans what is still to be evaluated.

    Parameters
    ----------
    config, plane, square
        As of `pack_node`.
    complete : collection of Node
        Nodes that are known everywhere.
    """

    def __init__(
        self, config: NetConfig, plane: tuple[int, int], square: int, complete: Collection[Node]
    ) -> None:
        self.config, self.plane, self.square = config, plane, square
        self.complete = set(complete)
        self._reached: dict[Node, Squares] = {}

    def steps(self, level: int, squares: Squares) -> Iterator[Step]:
        """The steps by which squares get the nodes of a level that they lack, each after those it needs.

        A step counts as done when the next one is asked for. A whole node that reads `complete` nodes only
        becomes `complete` itself.
        """
        nowhere = np.zeros_like(squares)
        for node in graph.nodes(level, self.config.arch):
            lacking = squares & ~self._reached.get(node, nowhere)
            if node in self.complete or not lacking.any():
                continue
            found = None if level == 1 else pack_node(node, lacking, self.config, self.plane, self.square)
            if found is None and self.complete.issuperset(graph.inputs(node, self.config.arch)):
                self.complete.add(node)
            yield node, found
            self._reached[node] = self._reached.get(node, nowhere) | squares

    def flops(self, step: Step) -> int:
        """FLOPs of a step."""
        node, found = step
        if found is None:
            return graph.node_flops(node, self.config, *self.plane)
        return packing_flops(node, found, self.config)
