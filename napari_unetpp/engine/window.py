"""Maps of a small part of a plane, with as little of the network as they need: what a click waits for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_unetpp._types import Node, Region
from napari_unetpp.engine import tiles
from napari_unetpp.engine.evaluator import Evaluator
from napari_unetpp.engine.maps import MapStore
from napari_unetpp.engine.normalise import NormStats
from napari_unetpp.engine.plane import PlaneReader
from napari_unetpp.net import graph

Maps = NDArray[np.float32]


def predict_window(
    evaluator: Evaluator, image: NDArray[Any], window: Region, level: int, scale: float, stats: NormStats
) -> Maps:
    """Maps (K, h, w) of `window`, equal to those of the whole plane (see `engine.tiles`).

    Parameters
    ----------
    image : ndarray of shape (Y, X) or (Y, X, C)
        The whole plane.
    window : Region
        Part of the plane, on its own grid.
    stats : NormStats
        Measured on the whole plane.
    """
    config = evaluator.info.net
    reader = PlaneReader(image, scale, stats, config.in_channels)
    padded = tiles.padded_shape(reader.shape, config.multiple)
    core = _aligned(tiles.scaled(_grown(window, image.shape), scale, reader.shape), config.multiple, padded)
    read = tiles.grow(core, graph.aligned_halo(level, config), padded)
    known: dict[Node, Any] = {}
    evaluator.nodes(evaluator.tensor(reader.read(read)), level, known)
    maps = evaluator.maps(level, known, core.shifted(-read.y0, -read.x0))
    return _on_image(maps, core, window, reader.shape, image.shape[:2])


def stored_window(store: MapStore, level: int, window: Region, shape: tuple[int, int]) -> Maps:
    """The same from maps that are there; `shape` is that of the plane."""
    scale = store.shape[0] / shape[0]
    part = tiles.scaled(_grown(window, shape), scale, store.shape)
    return _on_image(store.maps(level, part), part, window, store.shape, shape)


def _grown(window: Region, shape: tuple[int, ...]) -> Region:
    """Two pixels more on each side, between which is interpolated."""
    return tiles.grow(window, 2, (shape[0], shape[1]))


def _aligned(region: Region, multiple: int, within: tuple[int, int]) -> Region:
    y0, x0 = region.y0 // multiple * multiple, region.x0 // multiple * multiple
    y1, x1 = -(-region.y1 // multiple) * multiple, -(-region.x1 // multiple) * multiple
    return Region(y0, x0, min(y1, within[0]), min(x1, within[1]))


def _on_image(
    maps: Maps, part: Region, window: Region, working: tuple[int, int], shape: tuple[int, ...]
) -> Maps:
    """Maps of `part` of the working grid, brought to `window` of the image's grid (bilinear)."""
    if working == tuple(shape[:2]):
        inner = window.shifted(-part.y0, -part.x0)
        return maps[(slice(None), *inner.slices)]
    rows = (np.arange(window.y0, window.y1) + 0.5) * working[0] / shape[0] - 0.5 - part.y0
    columns = (np.arange(window.x0, window.x1) + 0.5) * working[1] / shape[1] - 0.5 - part.x0
    grid = np.meshgrid(rows, columns, indexing="ij")
    return np.stack([map_coordinates(m, grid, order=1, mode="nearest") for m in maps]).astype(np.float32)
