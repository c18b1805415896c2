"""A node of which only rectangles are known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_unetpp._types import Region


class PartialNode:
    """Rectangles of a node (1, C, Y, X); where they overlap, they are equal.

    Parameters
    ----------
    pieces : sequence of (Region, Tensor)
        At least one; each tensor has shape (1, C, h, w).
    """

    def __init__(self, pieces: Sequence[tuple[Region, Tensor]]) -> None:
        self.pieces = tuple(pieces)

    def paste(self, region: Region, out: Tensor) -> None:
        """Write the known parts of a region into `out` (1, C, h, w)."""
        for place, tensor in self.pieces:
            if place.overlaps(region):
                common = place.clipped(region)
                there = common.relative_to(region)
                here = common.relative_to(place)
                out[..., *there.slices] = tensor[..., *here.slices]


def channel_count(node: Tensor | PartialNode) -> int:
    """Channels of a node."""
    return (node.pieces[0][1] if isinstance(node, PartialNode) else node).shape[1]


def paste(node: Tensor | PartialNode, region: Region, out: Tensor) -> None:
    """Write the known parts of a region of a node into `out` (1, C, h, w)."""
    if isinstance(node, PartialNode):
        node.paste(region, out)
    else:
        out.copy_(node[..., *region.slices])


def crop(node: Tensor | PartialNode, region: Region) -> Tensor:
    """A region of a node (1, C, h, w), channels last; 0 where it is not known."""
    if isinstance(node, PartialNode):
        like = node.pieces[0][1]
        shape = (1, *region.shape, like.shape[1])
        out = torch.zeros(shape, dtype=like.dtype, device=like.device).permute(0, 3, 1, 2)
        node.paste(region, out)
        return out
    if region.shape == tuple(node.shape[-2:]):
        return node
    return node[..., *region.slices].contiguous(memory_format=torch.channels_last)
