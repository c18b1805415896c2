"""Labels on the grid of the image, piece by piece, from objects found on the working grid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo, Region
from napari_unetpp.engine.decode.grids import Grids
from napari_unetpp.engine.decode.window import Window
from napari_unetpp.volumes.stitching.stitch import SIDE, pieces_of


def image_labels(
    read_maps: Callable[[Region], NDArray[np.float32]],
    numbers: Any,
    label_of: NDArray[np.uint32],
    info: ModelInfo,
    shape: tuple[int, int],
    *,
    side: int = SIDE,
) -> Iterator[tuple[Region, NDArray[np.uint32]]]:
    """Labels of an image, as `engine.decode.plane_result.PlaneResult.labels` gives them, up to their numbers.

    Parameters
    ----------
    read_maps : callable
        Gives the maps (K, h, w) of a region of the working grid.
    numbers : array-like of shape (Y, X)
        Of the working grid, as `volumes.stitching.stitch` wrote them.
    label_of : ndarray of uint32, shape (N + 1,)
        The label of each number (`Stitched.labels`).
    info : ModelInfo
    shape : (int, int)
        Of the image.
    side : int
        Of a piece of the image, px.

    Yields
    ------
    (Region, ndarray of uint32)
        A piece of the image and its labels. Where the image is coarser than the working grid, small objects
        may have no pixel, and their numbers are then not used.
    """
    grids = Grids((numbers.shape[0], numbers.shape[1]), shape)
    for region in pieces_of(shape, side):
        part = grids.under(region)
        window = Window(read_maps(part), part, region, grids)
        yield region, window.relabelled(np.asarray(numbers[part.slices]), label_of, info, info.decode)
