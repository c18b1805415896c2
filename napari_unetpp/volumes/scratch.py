"""Planes on disk while a run lasts: maps and numbers that are larger than memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.engine.decode.map_store import MAP_DTYPE

Rectangle = tuple[slice, slice]


class ScratchArray:
    """An array of shape (..., Y, X) in a file, of which rectangles are read and written; 0 at first.

    It takes no room in memory. It is written by ordinary writes, so that a full disk is an error and does not
    kill the process, as it does with a memory map.

    Parameters
    ----------
    path : Path
        A new file; the caller removes it.
    shape : tuple of int
        (Y, X), or (K, Y, X).
    dtype : dtype
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._path = path
        try:
            with open(path, "xb") as file:
                file.truncate(math.prod(shape) * self.dtype.itemsize)
        except OSError as error:
            raise _failed(path, error) from error

    @classmethod
    def existing(cls, path: Path, shape: tuple[int, ...], dtype: Any) -> ScratchArray:
        """An array that was written before."""
        found = cls.__new__(cls)
        found.shape, found.dtype, found._path = shape, np.dtype(dtype), path
        return found

    def __getitem__(self, where: Rectangle) -> NDArray[Any]:
        """A copy of a rectangle, along all leading axes."""
        mapped = np.memmap(self._path, self.dtype, "r", shape=self.shape)
        return np.array(mapped[(..., *where)])

    def __setitem__(self, where: Rectangle, values: NDArray[Any]) -> None:
        """Write a rectangle, along all leading axes."""
        height, width = self.shape[-2:]
        rows, columns = (side.indices(length) for side, length in zip(where, (height, width), strict=True))
        size = (rows[1] - rows[0], columns[1] - columns[0])
        planes = np.broadcast_to(values, (*self.shape[:-2], *size)).astype(self.dtype, copy=False)
        try:
            with open(self._path, "r+b") as file:
                for n, plane in enumerate(planes.reshape(math.prod(self.shape[:-2]), *size)):
                    for row, line in enumerate(plane, start=n * height + rows[0]):
                        file.seek((row * width + columns[0]) * self.dtype.itemsize)
                        file.write(np.ascontiguousarray(line).data)
        except OSError as error:
            raise _failed(self._path, error) from error


class MapFile:
    """Maps of a plane in a file, as exact as `engine.decode.map_store.MapStore` keeps them in memory.

    Parameters
    ----------
    path : Path
        A new file; the caller removes it.
    shape : (int, int)
        The working grid.
    outputs : int
        Channels of a map.
    """

    def __init__(self, path: Path, shape: tuple[int, int], outputs: int) -> None:
        self._array = ScratchArray(path, (outputs, *shape), MAP_DTYPE)

    def write(self, region: Region, maps: NDArray[np.float32]) -> None:
        """Keep the maps (K, h, w) of a region."""
        self._array[region.slices] = maps

    def read(self, region: Region) -> NDArray[np.float32]:
        """The maps (K, h, w) of a region; zero where none were written."""
        return self._array[region.slices].astype(np.float32)


def _failed(path: Path, error: OSError) -> UnetppError:
    return UnetppError(
        f"{path}, which holds a part of the result while the run lasts, could not be written: "
        f"{error.strerror or error}. Check that the disk has room, or choose another folder for "
        "temporary files (TMPDIR)."
    )
