"""Maps of a plane, collected tile by tile and level by level."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpp._types import AUTO, Region, TileDone

Maps = NDArray[np.float32]

MAP_DTYPE = np.float16
"""Number format of stored maps, at every size and on every path: an error of at most 0.00025."""


def as_stored(maps: Maps) -> Maps:
    """Maps with the precision of a store."""
    stored: Maps = torch.from_numpy(maps).half().float().numpy()
    return stored


class MapStore:
    """Maps on the working grid, for every level that arrived.

    Parameters
    ----------
    shape : (int, int)
        The working grid.
    outputs : int
        Channels of a map.
    dtype : dtype
        `MAP_DTYPE`, from which results are decoded; float32 to compare the network's own numbers.
    """

    def __init__(
        self, shape: tuple[int, int], outputs: int, *, dtype: type[np.floating[Any]] = MAP_DTYPE
    ) -> None:
        self.shape = shape
        self.outputs = outputs
        self.dtype = np.dtype(dtype)
        self._arrays: dict[int, NDArray[Any]] = {}
        self._regions: dict[int, set[Region]] = {}
        self._depth: NDArray[np.uint8] | None = None

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels of which at least one tile arrived."""
        return tuple(sorted(self._arrays))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(array.nbytes for array in self._arrays.values())

    def add(self, event: TileDone) -> None:
        """Copy one tile in."""
        array = self._arrays.get(event.level)
        if array is None:
            array = np.zeros((self.outputs, *self.shape), self.dtype)
            self._arrays[event.level] = array
            self._regions[event.level] = set()
        part = torch.from_numpy(array)[:, *event.region.slices]
        part.copy_(torch.from_numpy(event.maps))  # rounds to halves ten times as fast as numpy
        self._regions[event.level].add(event.region)
        if event.depth is not None:
            if self._depth is None:
                self._depth = np.ones(self.shape, np.uint8)
            self._depth[event.region.slices] = event.depth

    def complete(self, level: int) -> bool:
        """Whether all tiles of a level arrived (tiles of one plane come from one grid and never overlap)."""
        regions = self._regions.get(level, set())
        covered = sum(height * width for height, width in (region.shape for region in regions))
        return covered == self.shape[0] * self.shape[1]

    def maps(self, level: int, region: Region | None = None, channels: slice = slice(None)) -> Maps:
        """Maps (K, Y, X) of a level, or some channels of a part of it; zero where no tile arrived yet."""
        array = self._arrays[level][channels]
        if region is not None:
            array = array[:, *region.slices]
        found: Maps = torch.from_numpy(array).float().numpy()  # as above
        return found

    def depth(self, level: int) -> NDArray[np.uint8]:
        """The level (Y, X) from which each pixel of the maps of `level` comes: itself, except for `AUTO`."""
        if level == AUTO and self._depth is not None:
            return self._depth
        return np.full(self.shape, level, np.uint8)

    def drop(self, level: int) -> None:
        """Forget a level."""
        self._arrays.pop(level, None)
        self._regions.pop(level, None)
