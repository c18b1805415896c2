"""A node of which only rectangles are known."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_unetpp._types import Region
from napari_unetpp.engine.tiles import overlaps, within


class Patchwork:
    """Rectangles of a node (1, C, Y, X), which may overlap; they agree where they do.

    Parameters
    ----------
    pieces : sequence of (Region, Tensor)
        At least one; each tensor has shape (1, C, h, w).
    """

    def __init__(self, pieces: Sequence[tuple[Region, Tensor]]) -> None:
        self.pieces = tuple(pieces)

    def cut(self, region: Region) -> Tensor:
        """What is known of a region, 0 elsewhere: (1, C, h, w), channels last."""
        found = [piece for piece in self.pieces if overlaps(piece[0], region)]
        for place, tensor in found:
            if _holds(place, region):
                return cut(tensor, region.shifted(-place.y0, -place.x0))
        like = self.pieces[0][1]
        shape = (1, like.shape[1], *region.shape)
        out = torch.zeros(shape, dtype=like.dtype, device=like.device)
        out = out.contiguous(memory_format=torch.channels_last)
        for place, tensor in found:
            common = within(place, region)
            there = common.shifted(-region.y0, -region.x0)
            here = common.shifted(-place.y0, -place.x0)
            out[..., *there.slices] = tensor[..., *here.slices]
        return out


def cut(node: Tensor | Patchwork, region: Region) -> Tensor:
    """A region of a node: (1, C, h, w), channels last."""
    if isinstance(node, Patchwork):
        return node.cut(region)
    if region.shape == tuple(node.shape[-2:]):
        return node
    return node[..., *region.slices].contiguous(memory_format=torch.channels_last)


def _holds(outer: Region, inner: Region) -> bool:
    return outer.y0 <= inner.y0 and outer.x0 <= inner.x0 and inner.y1 <= outer.y1 and inner.x1 <= outer.x1
