"""Reads one plane for the network: normalised tile by tile, on the padded working grid."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.engine.input.normalise import NormStats, to_input
from napari_unetpp.engine.input.sampling import resample, working_shape


class PlaneReader:
    """Gives normalised parts of one plane on the working grid; only these are read and resampled.

    Parameters
    ----------
    image : array-like of shape (Y, X) or (Y, X, C)
        The plane on the input grid; only slices are taken of it, so it may be lazy.
    scale : float
        Working grid = input grid times `scale`.
    stats : NormStats
        Measured once, on the whole plane.
    channels : int
        Channels that the network reads.
    """

    def __init__(self, image: Any, scale: float, stats: NormStats, channels: int) -> None:
        self._image, self._scale, self._stats, self._channels = image, scale, stats, channels
        self.shape = working_shape(image.shape, scale)
        """The working grid."""

    def read(self, region: Region) -> NDArray[np.float32]:
        """A region (C, h, w); where it reaches over the bottom or right border, the edge is replicated."""
        inside = region.clipped(Region.whole(self.shape))
        x = to_input(resample(self._image, self._scale, inside), self._stats, self._channels)
        height, width = region.shape
        bottom, right = height - x.shape[1], width - x.shape[2]
        return np.pad(x, ((0, 0), (0, bottom), (0, right)), mode="edge") if bottom or right else x
