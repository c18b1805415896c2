"""Reads one plane for the network: normalised tile by tile, on the padded working grid."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.engine.input.normalise import NormStats, to_input
from napari_unetpp.engine.input.sampling import resample, working_shape


class PlaneReader:
    """Gives normalised parts of one plane; at scale 1 it never holds a float copy of the whole.

    Parameters
    ----------
    image : ndarray of shape (Y, X) or (Y, X, C)
        The plane on the input grid.
    scale : float
        Input grid to working grid; other than 1, the first `read` resamples the whole plane.
    stats : NormStats
        Measured once, on the whole plane.
    channels : int
        Channels that the network reads.
    """

    def __init__(self, image: NDArray[Any], scale: float, stats: NormStats, channels: int) -> None:
        self.shape = working_shape(image.shape, scale)
        """The working grid."""
        self._image, self._scale = image, scale
        self._stats = stats
        self._channels = channels

    @cached_property
    def _plane(self) -> NDArray[Any]:
        """The plane on the working grid; a prediction of cached nodes alone needs none."""
        return resample(self._image, self._scale)

    def read(self, region: Region) -> NDArray[np.float32]:
        """A region (C, h, w); where it reaches over the bottom or right border, the edge is replicated."""
        x = to_input(self._plane[region.slices], self._stats, self._channels)
        height, width = region.shape
        bottom, right = height - x.shape[1], width - x.shape[2]
        return np.pad(x, ((0, 0), (0, bottom), (0, right)), mode="edge") if bottom or right else x
