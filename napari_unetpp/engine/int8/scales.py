"""The ranges in which the nodes of a network lie: what their 8-bit integers stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from napari_unetpp._types import NetConfig, Node, UnetppError
from napari_unetpp.net import graph
from napari_unetpp.net.blocks import NodeBlock
from napari_unetpp.net.unetpp import UNetPlusPlus

PARTS = ("nodes", "middles", "ups")

SMALLEST = 1e-6
"""A range that is never 0, also of a node that is 0 everywhere."""


@dataclass(frozen=True)
class Int8Scales:
    """Largest values inside a network.

    Attributes
    ----------
    nodes : mapping from node to float
        Of the node itself, which is 0 or more.
    middles : mapping from node to float
        Between its two convolutions, 0 or more.
    ups : mapping from node to float
        Absolute, of what is upsampled from below.
    """

    nodes: Mapping[Node, float]
    middles: Mapping[Node, float]
    ups: Mapping[Node, float]

    def to_json(self) -> dict[str, dict[str, float]]:
        """Plain values; a node is named ``i,j``."""
        return {part: {f"{i},{j}": value for (i, j), value in getattr(self, part).items()} for part in PARTS}

    @classmethod
    def from_json(cls, plain: Any) -> Int8Scales:
        """As `to_json` gives it; raises ValueError for anything else."""
        try:
            parts = [{_node(name): float(value) for name, value in plain[part].items()} for part in PARTS]
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"these are no ranges of nodes: {error}") from error
        if not all(0 < value < float("inf") for part in parts for value in part.values()):
            raise ValueError("a range of a node is not above 0 and finite")
        return cls(*parts)


def _node(name: str) -> Node:
    i, j = (int(number) for number in name.split(","))
    return i, j


@torch.inference_mode()
def measure_scales(net: UNetPlusPlus, images: Iterable[Tensor]) -> Int8Scales:
    """The ranges of a network on some images.

    Parameters
    ----------
    net : UNetPlusPlus
        In float32, its batch norms folded.
    images : iterable of Tensor of shape (1, C, Y, X)
        Normalised, on the working grid; sides are multiples of ``net.config.multiple``.
    """
    check_quantisable(net)
    found: dict[str, dict[Node, float]] = {part: {} for part in PARTS}

    def keep(part: str, node: Node, values: Tensor) -> None:
        found[part][node] = max(found[part].get(node, SMALLEST), float(values.abs().max()))

    hooks = [hook for node in _nodes(net) for hook in _watch(net, node, keep)]
    try:
        for image in images:
            for node, values in net.evaluate(image, net.level).items():
                keep("nodes", node, values)
    finally:
        for hook in hooks:
            hook.remove()
    if not found["nodes"]:
        raise UnetppError("no image was given; the ranges of the nodes are measured on some.")
    return Int8Scales(*(found[part] for part in PARTS))


def is_quantisable(config: NetConfig) -> bool:
    """Whether int8 knows this kind of network."""
    return not config.encoder and config.arch != "unet-sum"


def check_quantisable(net: UNetPlusPlus) -> None:
    """Raise UnetppError for networks that are only evaluated in floating point."""
    if not is_quantisable(net.config):
        raise UnetppError(
            f"int8 is not available for a network of the kind {net.config.arch}"
            f"{' with a pretrained encoder' if net.config.encoder else ''}. Choose another --precision."
        )


def _nodes(net: UNetPlusPlus) -> tuple[Node, ...]:
    return graph.nodes(net.level, net.config.arch)


def _watch(net: UNetPlusPlus, node: Node, keep: Any) -> list[Any]:
    """Hooks on the inner values of a node."""
    block = net.nodes[f"x_{node[0]}_{node[1]}"]
    assert isinstance(block, NodeBlock)
    watched: list[tuple[str, nn.Module]] = [("middles", block.first)]
    if block.up is not None:
        watched.append(("ups", block.up))
    return [
        module.register_forward_hook(lambda _m, _x, y, part=part: keep(part, node, y))
        for part, module in watched
    ]
