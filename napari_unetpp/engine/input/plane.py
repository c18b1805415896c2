"""One plane as the network reads it: normalised tile by tile, on the padded working grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.engine.input.normalise import NormStats, to_input
from napari_unetpp.engine.input.sampling import resample


class PlaneReader:
    """Gives normalised parts of one plane; never holds a float copy of the whole input.

    Parameters
    ----------
    image : ndarray of shape (Y, X) or (Y, X, C)
        The plane on the input grid.
    scale : float
        Input grid to working grid; other than 1 resamples the whole plane.
    stats : NormStats
        Measured once, on the whole plane.
    channels : int
        Channels that the network reads.
    """

    def __init__(self, image: NDArray[Any], scale: float, stats: NormStats, channels: int) -> None:
        self._stats = stats
        self._plane = resample(image, scale)
        self._channels = channels

    @property
    def shape(self) -> tuple[int, int]:
        """The working grid."""
        return self._plane.shape[0], self._plane.shape[1]

    def read(self, region: Region) -> NDArray[np.float32]:
        """A region (C, h, w); where it reaches over the bottom or right border, the edge is replicated."""
        x = to_input(self._plane[region.slices], self._stats, self._channels)
        height, width = region.shape
        bottom, right = height - x.shape[1], width - x.shape[2]
        return np.pad(x, ((0, 0), (0, bottom), (0, right)), mode="edge") if bottom or right else x
