"""Labels of all planes on disk, looked at as an array with the axes of the image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.volumes.axes import Axes


class StoredLabels:
    """An array of the axes of an image that reads from one with fewer axes, only what it is asked for.

    Parameters
    ----------
    array : array-like
        Of the axes `stored`, for example a level of an OME-Zarr.
    stored : str
        Letters of TZYX, in this order.
    axes : Axes
        Of the image. Every channel shows the same labels.
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
