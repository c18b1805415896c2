"""Rectangles of a node packed into one array, so that one convolution evaluates them all.

Only the rectangles around the squares that go deeper are evaluated, with the margin that deeper nodes read
(`net.graph.margins`), or the whole node where that is less work.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_unetpp._types import NetConfig, Node, Region
from napari_unetpp.engine.auto.squares import Squares, rectangles
from napari_unetpp.net import graph

GAP = 2
"""Empty px between the parts of a packing."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a node, in px of its own row.

    Attributes
    ----------
    read : Region
        Region that is read of its input nodes.
    write : Region
        Its inner region, which is exact.
    place : Region
        Its place in the packing.
    """

    read: Region
    write: Region
    place: Region


@dataclass(frozen=True, slots=True)
class Packing:
    """Rectangles of a node packed into one array of this shape."""

    shape: tuple[int, int]
    parts: tuple[Part, ...]


def pack_node(
    node: Node, squares: Squares, config: NetConfig, plane: tuple[int, int], square: int
) -> Packing | None:
    """The parts of a node that the squares need; None where evaluating the whole node is less work.

    A stage of a published encoder is evaluated as a whole: `graph.margins` is right for our own nodes only.

    Parameters
    ----------
    plane : (int, int)
        Size of the input, px: a multiple of ``config.multiple``.
    """
    if graph.encoder_stage(node, config):
        return None
    i, _ = node
    grid = plane[0] >> i, plane[1] >> i
    side = square >> i
    margin = graph.margins(config.depth, config.arch)[node]
    reads, writes = [], []
    for box in rectangles(squares, (margin + graph.CONVS_PER_NODE + GAP / 2) / side):
        core = Region(*(side * edge for edge in (box.y0, box.x0, box.y1, box.x1)))
        writes.append(core.grown(margin, grid))
        reads.append(_even(writes[-1].grown(graph.CONVS_PER_NODE, grid), grid))
    shape, places = pack_rectangles([read.shape for read in reads], max(8, 16 >> i))
    found = Packing(shape, tuple(map(Part, reads, writes, places)))
    less = packing_flops(node, found, config) < graph.node_flops(node, config, *plane)
    return found if less else None


def pack_rectangles(sizes: Sequence[tuple[int, int]], step: int) -> tuple[tuple[int, int], list[Region]]:
    """Lay rectangles side by side in rows, the highest first, `GAP` px apart, in a small array.

    Returns
    -------
    shape : (int, int)
        Of the array; multiples of `step`, because convolutions are prepared anew for every new size.
    places : list of Region
        In the order of `sizes`.
    """
    area = sum((height + GAP) * (width + GAP) for height, width in sizes)
    least = max(max(width for _, width in sizes) + GAP, int(area**0.5) // 2)
    first = -(-least // step) * step
    widths = range(first, max(first, int(2 * area**0.5)) + 1, step)
    tried = [_pack_in_rows(sizes, width, step) for width in widths]
    return min(tried, key=lambda packed: packed[0][0] * packed[0][1])


def _pack_in_rows(
    sizes: Sequence[tuple[int, int]], total_width: int, step: int
) -> tuple[tuple[int, int], list[Region]]:
    places: dict[int, Region] = {}
    y = x = high = 0
    for n in sorted(range(len(sizes)), key=lambda n: sizes[n], reverse=True):
        height, width = sizes[n]
        if x + width + GAP > total_width:
            y, x, high = y + high, 0, 0
        places[n] = Region(y, x, y + height, x + width)
        x, high = x + width + GAP, max(high, height + GAP)
    return (-(-(y + high) // step) * step, total_width), [places[n] for n in range(len(sizes))]


def packing_flops(node: Node, found: Packing, config: NetConfig) -> int:
    """FLOPs of evaluating a packing of a node, gaps included."""
    height, width = (side << node[0] for side in found.shape)
    return graph.node_flops(node, config, height, width)


def _even(region: Region, grid: tuple[int, int]) -> Region:
    """Grown to even edges, which are edges of pixels of the row below, too."""
    y1, x1 = region.y1 + region.y1 % 2, region.x1 + region.x1 % 2
    return Region(region.y0 - region.y0 % 2, region.x0 - region.x0 % 2, min(y1, grid[0]), min(x1, grid[1]))
