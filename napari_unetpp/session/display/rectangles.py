"""From tiles on the working grid and whole results to rectangles on the grid of the image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region

BLOCK = 1024
"""Side of the rectangles in which a result is painted: each costs the GUI thread a few ms."""


def blocks(shape: tuple[int, int]) -> Iterator[Region]:
    """Rectangles that cover `shape`, in reading order."""
    for y0 in range(0, shape[0], BLOCK):
        for x0 in range(0, shape[1], BLOCK):
            yield Region(y0, x0, min(y0 + BLOCK, shape[0]), min(x0 + BLOCK, shape[1]))


def small_dtype(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels as uint16 where they fit: napari shows those without converting them first."""
    top = int(labels.max(initial=0))
    return labels.astype(np.uint16 if top < 2**16 else np.uint32, copy=False)


def to_image_grid(
    mask: NDArray[np.bool_], region: Region, working: tuple[int, int], shape: tuple[int, int]
) -> tuple[Region, NDArray[np.uint16]]:
    """A mask for `region` of the working grid as nearest neighbours on the grid of the image."""
    if working == shape:
        return region, mask.astype(np.uint16)
    rows = _nearest(region.y0, region.y1, working[0], shape[0])
    columns = _nearest(region.x0, region.x1, working[1], shape[1])
    if not rows.size or not columns.size:
        return Region(0, 0, 0, 0), np.zeros((0, 0), np.uint16)
    values = mask[np.ix_(rows - region.y0, columns - region.x0)].astype(np.uint16)
    y0, x0 = _first(region.y0, working[0], shape[0]), _first(region.x0, working[1], shape[1])
    return Region(y0, x0, y0 + rows.size, x0 + columns.size), values


def _first(start: int, working: int, size: int) -> int:
    """First image row whose centre lies at or after working row `start`."""
    return max(0, int(np.ceil(start * size / working - 0.5)))


def _nearest(start: int, stop: int, working: int, size: int) -> NDArray[np.intp]:
    """Working rows in ``[start, stop)`` for the image rows whose centres lie there."""
    image = np.arange(_first(start, working, size), _first(stop, working, size) if stop < working else size)
    return np.clip(((image + 0.5) * working / size).astype(np.intp), start, stop - 1)
