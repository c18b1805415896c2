"""Which squares of a plane go deeper at level Auto.

Level 1 is evaluated everywhere. Then, level by level, a square goes deeper while more of its pixels are
expected to change on the way to the deepest level than the model's rule allows; the others stop (early exit;
Teerapittayanon et al., BranchyNet, ICPR 2016, arXiv 1709.01686, for whole images). An object goes deeper as a
whole: made of two levels, it would be split. Where a deeper level finds foreground up to the edge of a
square, the square beside it follows (`cut_off`): a shallow level may miss a dim object, which would then end
in a straight line at that edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import ModelInfo, StoppingRule
from napari_unetpp.engine.auto.squares import Squares, pixels, square_means, touched
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.decode.uncertainty import uncertainty

Maps = NDArray[np.float32]

SQUARE = 16
"""Side of a square, px, for which rules are chosen."""

FLAT = 0.25
"""Foreground that ends along this share of the edge between two squares of different depth was cut off."""

GAP_CLOSED = 4
"""Pieces of the foreground at most this far apart (px) count as one object."""


def stopping_signs(maps: Maps, before: Maps | None, info: ModelInfo, square: int) -> NDArray[np.float64]:
    """Two signs of how far a square is from its final result: shape (rows, columns, 2).

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
    doubt = square_means(uncertainty(maps, info), square)
    changed = np.zeros_like(doubt)
    if before is not None:
        changed = square_means(class_map(maps, info) != class_map(before, info), square)
    return np.stack([doubt, changed], axis=-1)


def expected_change(
    maps: Maps, before: Maps | None, level: int, info: ModelInfo, rule: StoppingRule
) -> NDArray[np.float64]:
    """Share of each square's pixels that is expected to change on the way to the deepest level."""
    weights = np.array([rule.doubt[level - 1], rule.change[level - 1]])
    change: NDArray[np.float64] = stopping_signs(maps, before, info, rule.square) @ weights
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
    """Squares that stopped at whose edge the foreground of an active one ends: it may go on in them.

    Parameters
    ----------
    found : ndarray of bool, shape (Y, X)
        Foreground; that of active squares is of a deeper level than that of the others.
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


def class_map(maps: Maps, info: ModelInfo) -> NDArray[np.uint8]:
    """0 for background, the number of the class elsewhere (1 for instances): shape (Y, X)."""
    found = labelling.mask(maps, info)
    probabilities = labelling.foreground(maps, info)
    if len(probabilities) == 1:
        return found.view(np.uint8)
    return np.where(found, probabilities.argmax(axis=0) + 1, 0).astype(np.uint8)
