"""Labels of all planes, in memory or on disk, as an array with the axes of the image (colour left out)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.selection import Position


def blank_labels(axes: Axes, same: str = "C") -> NDArray[np.uint32]:
    """Labels of all planes (0).

    Along the axes of `same`, as along channels, there are the same ones: they are in memory once.
    """
    lengths = [(name, n) for name, n in zip(axes.names, axes.shape, strict=True) if name != "S"]
    labels = np.zeros([1 if name in same else n for name, n in lengths], np.uint32)
    strides = [0 if name in same else step for (name, _), step in zip(lengths, labels.strides, strict=True)]
    return as_strided(labels, tuple(n for _, n in lengths), strides)


def labels_at(labels: Any, axes: Axes, position: Position) -> NDArray[Any]:
    """One plane (Y, X) of such an array."""
    names = axes.names.replace("S", "")
    at = {"T": position.t, "Z": position.z or 0, "Y": slice(None), "X": slice(None)}
    plane = np.asarray(labels[tuple(at.get(name, 0) for name in names)])
    return plane.T if names.index("Y") > names.index("X") else plane


class StoredLabels:
    """An array of the axes of an image that reads from one with fewer axes, only what it is asked for.

    Parameters
    ----------
    array : array-like
        Of the axes `stored`, for example a level of an OME-Zarr.
    stored : str
        Letters of TZYX, in this order.
    axes : Axes
        Of the image. Along axes that are not stored, as the channels, there are the same labels.
    """

    def __init__(self, array: Any, stored: str, axes: Axes) -> None:
        self._array, self._stored = array, stored
        self._names = axes.names.replace("S", "")
        lengths = dict(zip(stored, array.shape, strict=True))
        whole = zip(axes.names, axes.shape, strict=True)
        self.shape = tuple(lengths.get(name, n) for name, n in whole if name != "S")
        self.dtype = np.dtype(np.uint32)
        self.ndim, self.size = len(self.shape), math.prod(self.shape)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """A part; an index for each axis, or for the first ones."""
        given = index if isinstance(index, tuple) else (index,)
        if Ellipsis in given:
            at = given.index(Ellipsis)
            given = (*given[:at], *[slice(None)] * (self.ndim + 1 - len(given)), *given[at + 1 :])
        parts = dict(zip(self._names, (*given, *[slice(None)] * (self.ndim - len(given))), strict=True))
        found = np.asarray(self._array[tuple(parts[name] for name in self._stored)])
        left = [name for name in self._stored if isinstance(parts[name], slice)]
        return self._arranged(found, left, parts)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self[...] if dtype is None else self[...].astype(dtype)

    def _arranged(self, found: NDArray[Any], left: list[str], parts: dict[str, Any]) -> NDArray[Any]:
        """The axes that are left, in the order of the image; those that are not stored have copies."""
        wanted = [name for name in self._names if isinstance(parts[name], slice)]
        found = found.transpose([left.index(name) for name in wanted if name in left])
        lengths = dict(zip(self._names, self.shape, strict=True))
        for at, name in enumerate(wanted):
            if name not in left:
                count = len(range(*parts[name].indices(lengths[name])))
                found = np.repeat(np.expand_dims(found, at), count, axis=at)
        return found
