"""The planes of an image one at a time, whatever holds it: only the plane that is asked for is read.

An array may be of numpy, dask, zarr, xarray, h5py or a memory map: anything with ``shape`` and ``dtype`` that
gives a part of itself when it is indexed with numbers and slices.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.engine.input.normalise import clean_plane
from napari_unetpp.volumes.selection import Position, Selection

Image = NDArray[Any]

BAND = 512
"""Rows of a lazy plane that are read at a time, where only some of them are wanted."""


def read_plane(array: Any, selection: Selection, position: Position, region: Region | None = None) -> Image:
    """One plane of an image, or a part of one.

    Parameters
    ----------
    array : array-like
        Of the shape that the selection was made for.
    selection : Selection
    position : Position
    region : Region, optional
        Rows and columns to read; None: all.

    Returns
    -------
    ndarray of shape (Y, X) or (Y, X, C)
        C: red, green and blue (and alpha), or the channels that are the model's inputs. A mean is float32;
        the maximum keeps the dtype.

    Raises
    ------
    UnetppError
        The array has another shape than the selection was made for, or cannot be read.
    """
    if tuple(array.shape) != selection.axes.shape:
        raise UnetppError(
            f"the image has shape {tuple(array.shape)}, but had {selection.axes.shape} when it was chosen "
            "what is segmented: it was changed meanwhile. Start again."
        )
    depths = range(*selection.z) if position.z is None else range(position.z, position.z + 1)
    planes = (_channels(array, selection, position.t, z, region) for z in depths)
    if position.z is not None:
        return next(planes)
    return _maximum(planes) if selection.project == "max" else _mean(planes)


class LazyPlane:
    """One plane as an image (Y, X[, 3]) of which only the rows and columns are read that are asked for.

    Parameters
    ----------
    array, selection, position
        As `read_plane` takes them.
    """

    def __init__(self, array: Any, selection: Selection, position: Position) -> None:
        self._read = partial(read_plane, array, selection, position)
        self._sides = selection.plane_shape
        first = self[0:1, 0:1]
        self.shape = (*selection.plane_shape, *first.shape[2:])
        self.dtype = first.dtype

    def __getitem__(self, where: tuple[slice, slice]) -> Image:
        """Rows and columns; of every so many rows of a plane, bands are read and thrown away again."""
        (y0, y1, down), (x0, x1, right) = (
            side.indices(length) for side, length in zip(where, self._sides, strict=True)
        )
        if down == right == 1:
            return clean_plane(self._read(Region(y0, x0, y1, x1)))[0]
        band = max(1, BAND // down) * down
        parts = []
        for start in range(y0, y1, band):
            part = clean_plane(self._read(Region(start, x0, min(start + band, y1), x1)))[0]
            parts.append(np.ascontiguousarray(part[::down, ::right]))
        return np.concatenate(parts)


def _channels(array: Any, selection: Selection, t: int, z: int, region: Region | None) -> Image:
    """The chosen channels of one plane: alone, their mean, or side by side."""
    planes = (_read(array, selection, t, z, channel, region) for channel in selection.channels)
    if len(selection.channels) == 1:
        return next(planes)
    return _mean(planes) if selection.combine == "mean" else np.stack(list(planes), axis=-1)


def _read(array: Any, selection: Selection, t: int, z: int, channel: int, region: Region | None) -> Image:
    """One channel of one plane, with its axes in the order Y, X, S."""
    axes = selection.axes
    rows, columns = (slice(None), slice(None)) if region is None else region.slices
    where = {"T": t, "C": channel, "Z": z, "Y": rows, "X": columns, "S": slice(None)}
    try:
        plane = np.asarray(array[tuple(where.get(name, 0) for name in axes.names)])
    except (UnetppError, MemoryError):
        raise
    except Exception as error:  # a missing chunk, a broken file: each library has its own
        raise UnetppError(
            f"the plane at T {t}, C {channel}, Z {z} cannot be read: {error}. Check the file and the disk or "
            "network it is on."
        ) from error
    order = [name for name in axes.names if name in "YXS"]
    return plane.transpose([order.index(name) for name in "YXS" if name in order])


def _maximum(planes: Iterator[Image]) -> Image:
    found = next(planes)
    for plane in planes:
        found = np.maximum(found, plane)
    return found


def _mean(planes: Iterator[Image]) -> Image:
    """The mean, float32; summed in float64 so that many planes of large numbers stay exact."""
    total: Image | None = None
    count = 0
    for plane in planes:
        total = plane.astype(np.float64) if total is None else total + plane
        count += 1
    assert total is not None
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is said as such
        return (total / count).astype(np.float32)
