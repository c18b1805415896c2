"""The part of a plane that the search for the scale evaluates: all of it, or the window that varies most."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import ModelInfo, Region
from napari_unetpp.engine.input.normalise import NormStats, to_input
from napari_unetpp.engine.input.sampling import working_shape
from napari_unetpp.engine.tiles import padded_shape
from napari_unetpp.net import graph

SHARE = 1 / 3
"""All trials together take at most this share of the FLOPs of `REFERENCE_LEVEL` for the image at scale 1."""

REFERENCE_LEVEL = 3

ACROSS = 4
"""The sample is at least this many of the model's object diameters wide, even at a cost above `SHARE`."""

ENOUGH = 512**2
"""Most pixels of the working grid in a trial, unless `ACROSS` needs more."""

THUMBNAIL = 512
"""Longer side (px) of the copy of the image in which a window is chosen."""

BLUR = 3
"""Side (px) of the squares over which that copy is averaged."""


def sample_pixels(shape: tuple[int, ...], info: ModelInfo, level: int, trials: int) -> int:
    """Pixels of the working grid that each of `trials` may evaluate at `level`."""
    config, side = info.net, info.net.multiple
    reference = REFERENCE_LEVEL if REFERENCE_LEVEL in config.levels else config.depth
    whole = graph.flops(reference, config, *padded_shape((shape[0], shape[1]), side))
    a_pixel = graph.flops(level, config, side, side) / side**2
    fewest = (ACROSS * info.sampling.value) ** 2
    return int(min(max(SHARE * whole / trials / a_pixel, fewest), max(ENOUGH, fewest)))


def sample(
    content: NDArray[np.float32], shape: tuple[int, ...], scale: float, pixels: int, multiple: int
) -> Region:
    """The part of a plane of `shape` that is evaluated: all of it, or the window where most varies.

    `content` is a thumbnail of the plane. On the working grid the part has at most `pixels` when its sides
    are padded to `multiple`.
    """
    height, width = shape[:2]
    grid = padded_shape(working_shape(shape, scale), multiple)
    if grid[0] * grid[1] <= pixels:
        return Region.whole((height, width))
    side = int(math.sqrt(pixels)) // multiple * multiple
    short = min(side, *grid)
    long = min(pixels // short // multiple * multiple, max(grid))
    rows, columns = (long, short) if height > width else (short, long)
    rows, columns = min(height, int(rows / scale)), min(width, int(columns / scale))
    y, x = _most_varied(content, rows / height, columns / width)
    y0 = min(max(0, int(y * height - rows / 2)), height - rows)
    x0 = min(max(0, int(x * width - columns / 2)), width - columns)
    return Region(y0, x0, y0 + rows, x0 + columns)


def _most_varied(content: NDArray[np.float32], rows: float, columns: float) -> tuple[float, float]:
    """Middle of the window of largest variance; all lengths are shares of the height and width."""
    size = [max(1, round(share * n)) for share, n in zip((rows, columns), content.shape, strict=True)]
    mean, squares = (ndimage.uniform_filter(values, size) for values in (content, content**2))
    inside = tuple(slice(n // 2, total - (n - 1) // 2) for n, total in zip(size, content.shape, strict=True))
    varied = (squares - mean**2)[inside]
    y, x = np.unravel_index(int(varied.argmax()), varied.shape)
    return (y + size[0] / 2) / content.shape[0], (x + size[1] / 2) / content.shape[1]


def thumbnail(plane: NDArray[Any], stats: NormStats) -> NDArray[np.float32]:
    """A grey copy (Y, X) in [0, 1] that is smoothed, so that specks and noise hardly count."""
    small = np.clip(to_input(plane, stats).mean(axis=0), 0, 1)
    return ndimage.uniform_filter(small, BLUR)  # type: ignore[no-any-return]
