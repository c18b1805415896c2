"""Squares of a plane as a small mask, one value a square, and the rectangles that cover them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region

Squares = NDArray[np.bool_]


def pixels(squares: Squares, square: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Squares as pixels (Y, X)."""
    return squares.repeat(square, 0).repeat(square, 1)[: shape[0], : shape[1]]


def to_pixels(box: Region, square: int, shape: tuple[int, int]) -> Region:
    """A rectangle of squares in pixels, cut off at the lower and right border."""
    return Region(
        *(box.y0 * square, box.x0 * square),
        *(min(box.y1 * square, shape[0]), min(box.x1 * square, shape[1])),
    )


def square_grid(shape: tuple[int, int], square: int) -> tuple[int, int]:
    """Rows and columns of squares that cover a plane."""
    return -(-shape[0] // square), -(-shape[1] // square)


def touched(mask: NDArray[np.bool_], square: int) -> Squares:
    """Squares with any pixel of a mask (Y, X)."""
    return square_means(mask, square) > 0


def square_means(values: NDArray[np.generic], square: int) -> NDArray[np.float64]:
    """Mean of each square; those cut off at the lower and right border: of the pixels they have."""
    starts = [np.arange(0, side, square) for side in values.shape]
    sums = np.add.reduceat(np.add.reduceat(values, starts[0], axis=0, dtype=np.float64), starts[1], axis=1)
    sizes = [np.diff(np.append(s, side)) for s, side in zip(starts, values.shape, strict=True)]
    means: NDArray[np.float64] = sums / np.outer(*sizes)
    return means


def runs(squares: Squares) -> list[Region]:
    """The runs of squares in each row, as rectangles."""
    found = []
    for row, line in enumerate(squares):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
        found += [Region(row, int(start), row + 1, int(stop)) for start, stop in edges.reshape(-1, 2)]
    return found


def rectangles(squares: Squares, growth: float) -> list[Region]:
    """Rectangles that cover the squares, with the smallest area that merging them finds, margins included.

    The runs of each row are merged two by two, always those whose union saves most. Rectangles may overlap
    and contain other squares, too.

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
