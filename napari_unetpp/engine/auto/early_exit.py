"""Auto depth: which squares of a plane go deeper, and which parts of which nodes that takes.

Level 1 is evaluated everywhere. Then, level by level, a square goes deeper while more of its pixels are
expected to change on the way to the deepest level than the model's rule allows, and the others are left
as they are (early exit; Teerapittayanon et al., BranchyNet, ICPR 2016, arXiv 1709.01686, for whole
images). An object goes deeper as a whole: none is put together from two levels, which would split it. And
where a deeper level puts foreground up to the edge of a square, the square beside it follows (`cut_off`): a
shallow level may see nothing of a dim object, and its border would be as straight as the edge.

Of a node only what these squares need is evaluated: rectangles around them, with the margin that its deeper
neighbours read (`net.graph.margins`), laid side by side on one sheet, or all of it where that is less work.
Therefore every pixel equals, to the last digit that a convolution of another size leaves alike, what its
level gives for the whole plane. Everything here is a function of plain arrays and integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import ModelInfo, NetConfig, Node, Region, StoppingRule
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.decode.uncertainty import uncertainty
from napari_unetpp.net import graph

Maps = NDArray[np.float32]
Squares = NDArray[np.bool_]

SQUARE = 16
"""Side of a square, px, where a rule is made."""


GAP = 2
"""Empty px between the parts of a sheet."""

FLAT = 0.25
"""Foreground that ends at this share of the edge between two squares of different depth was cut off there."""

GAP_CLOSED = 4
"""Pieces of the foreground this close (px) are taken for one object."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a node, in px of its own row.

    Attributes
    ----------
    read : Region
        Where the nodes that it reads are read.
    write : Region
        The middle of it, which comes out right.
    place : Region
        Where it lies on the sheet.
    """

    read: Region
    write: Region
    place: Region


@dataclass(frozen=True, slots=True)
class Sheet:
    """Parts of a node laid side by side, so that one convolution evaluates them all."""

    shape: tuple[int, int]
    parts: tuple[Part, ...]


# ------------------------------------------------------------------ which squares


def signs(maps: Maps, before: Maps | None, info: ModelInfo, square: int) -> NDArray[np.float64]:
    """What tells how far a square is from its final result: shape (rows, columns, 2).

    Parameters
    ----------
    maps : ndarray of float32, shape (K, Y, X)
        Of the level reached.
    before : ndarray of float32, shape (K, Y, X), or None
        Of the level before it.

    Returns
    -------
    ndarray of float64
        Mean uncertainty, and the share of pixels that changed their class since `before` (0 without).
    """
    doubt = means(uncertainty(maps, info), square)
    changed = np.zeros_like(doubt)
    if before is not None:
        changed = means(classes(maps, info) != classes(before, info), square)
    return np.stack([doubt, changed], axis=-1)


def expected_change(
    maps: Maps, before: Maps | None, level: int, info: ModelInfo, rule: StoppingRule
) -> NDArray[np.float64]:
    """Share of each square's pixels that is expected to change on the way to the deepest level."""
    weights = np.array([rule.doubt[level - 1], rule.change[level - 1]])
    change: NDArray[np.float64] = signs(maps, before, info, rule.square) @ weights
    return change


def go_deeper(
    maps: Maps, before: Maps | None, level: int, active: Squares, info: ModelInfo, rule: StoppingRule
) -> Squares:
    """Which of the `active` squares go deeper than `level`; objects as a whole (see the module)."""
    deeper = active & (expected_change(maps, before, level, info, rule) > rule.limit)
    if info.task != "instances" or not deeper.any():
        return deeper
    objects = _whole_objects(labelling.mask(maps, info))
    begun = np.unique(objects[pixels(deeper, rule.square, objects.shape)])
    whole = np.isin(objects, begun[begun > 0])
    return deeper | (active & touched(whole, rule.square))


def cut_off(found: NDArray[np.bool_], active: Squares, square: int) -> Squares:
    """Squares that stopped, but at whose edge the foreground of an active one ends: it may go on in them.

    Parameters
    ----------
    found : ndarray of bool, shape (Y, X)
        Foreground, of active squares at a deeper level than of the others.
    """
    inside = found & pixels(active, square, found.shape)
    flat = np.zeros_like(active)
    for axis in (0, 1):
        edge = np.arange(square, found.shape[axis], square)
        before, after = edge - 1, edge
        for here, there, to in ((before, after, 1), (after, before, 0)):
            ends = inside.take(here, axis) & ~found.take(there, axis)
            starts = np.arange(0, ends.shape[1 - axis], square)
            counts = np.add.reduceat(ends, starts, axis=1 - axis, dtype=np.intp)
            flat[_all_but_one(axis, to)] |= counts >= square * FLAT
    return flat & ~active


def _all_but_one(axis: int, start: int) -> tuple[slice, ...]:
    """Index of the squares after (`start` 1) or before (0) the edges along an axis."""
    along = slice(1, None) if start else slice(None, -1)
    return (along, slice(None)) if axis == 0 else (slice(None), along)


def _whole_objects(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Numbers (Y, X) of the parts of a mask, once gaps of up to `GAP_CLOSED` px and holes are closed.

    A shallow level sees a large object in pieces, or as its rim.
    """
    closed = ndimage.maximum_filter(mask, GAP_CLOSED + 1)
    closed = ndimage.binary_fill_holes(ndimage.minimum_filter(closed, GAP_CLOSED + 1) | mask)
    objects: NDArray[np.int32] = ndimage.label(closed, np.ones((3, 3)))[0]
    return objects


def classes(maps: Maps, info: ModelInfo) -> NDArray[np.uint8]:
    """0 for background, the number of the class elsewhere (1 for instances): shape (Y, X)."""
    found = labelling.mask(maps, info)
    probabilities = labelling.foreground(maps, info)
    if len(probabilities) == 1:
        return found.view(np.uint8)
    return np.where(found, probabilities.argmax(axis=0) + 1, 0).astype(np.uint8)


def pixels(squares: Squares, square: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Squares as pixels (Y, X)."""
    return squares.repeat(square, 0).repeat(square, 1)[: shape[0], : shape[1]]


def in_pixels(box: Region, square: int, shape: tuple[int, int]) -> Region:
    """A rectangle of squares in pixels, cut off at the lower and right border."""
    return Region(
        *(box.y0 * square, box.x0 * square),
        *(min(box.y1 * square, shape[0]), min(box.x1 * square, shape[1])),
    )


def square_grid(shape: tuple[int, int], square: int) -> tuple[int, int]:
    """Rows and columns of squares that cover a plane."""
    return -(-shape[0] // square), -(-shape[1] // square)


def touched(mask: NDArray[np.bool_], square: int) -> Squares:
    """Squares that hold any pixel of a mask (Y, X)."""
    return means(mask, square) > 0


def means(values: NDArray[np.generic], square: int) -> NDArray[np.float64]:
    """Mean of each square; those at the lower and right border count what they have."""
    starts = [np.arange(0, side, square) for side in values.shape]
    sums = np.add.reduceat(np.add.reduceat(values, starts[0], axis=0, dtype=np.float64), starts[1], axis=1)
    sizes = [np.diff(np.append(s, side)) for s, side in zip(starts, values.shape, strict=True)]
    means: NDArray[np.float64] = sums / np.outer(*sizes)
    return means


# -------------------------------------------------------- rectangles of squares


def runs(squares: Squares) -> list[Region]:
    """The runs of each row of squares: rectangles that hold these squares and no others."""
    found = []
    for row, line in enumerate(squares):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
        found += [Region(row, int(start), row + 1, int(stop)) for start, stop in edges.reshape(-1, 2)]
    return found


def rectangles(squares: Squares, growth: float) -> list[Region]:
    """Rectangles that cover the squares, merged as long as that makes their area, once grown, smaller.

    Runs of a row first; then the two whose union saves most become one. They may overlap and hold
    other squares, too.

    Parameters
    ----------
    growth : float
        Margin on each side, in squares.
    """
    boxes = np.array([(r.y0, r.x0, r.y1, r.x1) for r in runs(squares)], float).reshape(-1, 4)
    saved = np.full((len(boxes), len(boxes)), -np.inf)
    for n in range(len(boxes)):
        saved[n, :n] = _saved(boxes[n], boxes[:n], growth)
    while saved.size:
        a, b = np.unravel_index(int(saved.argmax()), saved.shape)  # a > b
        if saved[a, b] < 0:
            break
        boxes[b] = _union(boxes[a], boxes[b][None])[0]
        boxes, saved = np.delete(boxes, a, axis=0), np.delete(np.delete(saved, a, axis=0), a, axis=1)
        saved[b, :b] = _saved(boxes[b], boxes[:b], growth)
        saved[b + 1 :, b] = _saved(boxes[b], boxes[b + 1 :], growth)
    return [Region(*map(int, box)) for box in boxes]


def _union(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.minimum(box[:2], others[:, :2]), np.maximum(box[2:], others[:, 2:])], axis=1)


def _saved(box: NDArray[np.float64], others: NDArray[np.float64], growth: float) -> NDArray[np.float64]:
    """Area that is saved by merging a box with each of the others."""

    def area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        sides = boxes[:, 2:] - boxes[:, :2] + 2 * growth
        product: NDArray[np.float64] = sides[:, 0] * sides[:, 1]
        return product

    return area(box[None]) + area(others) - area(_union(box, others))


# ---------------------------------------------------------------- parts of nodes


def sheet(
    node: Node, squares: Squares, config: NetConfig, plane: tuple[int, int], square: int
) -> Sheet | None:
    """The parts of a node that the squares need; None where all of it is less work.

    A stage of an encoder of others is evaluated as a whole: `graph.margins` counts our own nodes only.

    Parameters
    ----------
    plane : (int, int)
        Size of the input, px: a multiple of ``config.multiple``.
    """
    if graph.stage(node, config):
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
    shape, places = pack([read.shape for read in reads], max(8, 16 >> i))
    found = Sheet(shape, tuple(map(Part, reads, writes, places)))
    less = sheet_flops(node, found, config) < graph.node_flops(node, config, *plane)
    return found if less else None


def pack(sizes: Sequence[tuple[int, int]], step: int) -> tuple[tuple[int, int], list[Region]]:
    """Lay rectangles side by side in rows, the highest first, `GAP` px apart, on the smallest of some sheets.

    Returns
    -------
    shape : (int, int)
        Of the sheet; multiples of `step`, for every new size has its convolutions prepared anew.
    places : list of Region
        In the order of `sizes`.
    """
    area = sum((height + GAP) * (width + GAP) for height, width in sizes)
    least = max(max(width for _, width in sizes) + GAP, int(area**0.5) // 2)
    first = -(-least // step) * step
    widths = range(first, max(first, int(2 * area**0.5)) + 1, step)
    tried = [_pack(sizes, width, step) for width in widths]
    return min(tried, key=lambda packed: packed[0][0] * packed[0][1])


def _pack(
    sizes: Sequence[tuple[int, int]], sheet_width: int, step: int
) -> tuple[tuple[int, int], list[Region]]:
    places: dict[int, Region] = {}
    y = x = high = 0
    for n in sorted(range(len(sizes)), key=lambda n: sizes[n], reverse=True):
        height, width = sizes[n]
        if x + width + GAP > sheet_width:
            y, x, high = y + high, 0, 0
        places[n] = Region(y, x, y + height, x + width)
        x, high = x + width + GAP, max(high, height + GAP)
    return (-(-(y + high) // step) * step, sheet_width), [places[n] for n in range(len(sizes))]


def sheet_flops(node: Node, found: Sheet, config: NetConfig) -> int:
    """FLOPs of evaluating a sheet of a node, gaps included."""
    height, width = (side << node[0] for side in found.shape)
    return graph.node_flops(node, config, height, width)


def _even(region: Region, grid: tuple[int, int]) -> Region:
    """Grown so that it begins and ends between two pixels of the row below."""
    y1, x1 = region.y1 + region.y1 % 2, region.x1 + region.x1 % 2
    return Region(region.y0 - region.y0 % 2, region.x0 - region.x0 % 2, min(y1, grid[0]), min(x1, grid[1]))
