"""A TIFF file as an array of which only the pages that are asked for are read."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.metadata import axes_of_tiff


class TiffStack:
    """One image of a TIFF file; close it when done, or use it in a ``with`` statement.

    A page (Y, X[, S]) is read whole, also where a part of it is asked for. What lies in the file as it lies
    in memory is mapped instead.

    Parameters
    ----------
    path : str or Path
    series : int
        Which image of the file.

    Attributes
    ----------
    axes : Axes
        As the file says.
    shape : tuple of int
    dtype : dtype

    Raises
    ------
    UnetppError
        Missing, unreadable, no TIFF, or a series that is not there.
    """

    def __init__(self, path: str | Path, series: int = 0) -> None:
        try:
            self._file = tifffile.TiffFile(path)
        except (OSError, tifffile.TiffFileError) as error:
            raise UnetppError(f"{path} cannot be read as TIFF: {error}.") from error
        count = len(self._file.series)
        if not 0 <= series < count:
            self.close()
            raise UnetppError(f"series {series} was asked for, but {path} has {count}, numbered from 0.")
        self._series = self._file.series[series]
        self.axes: Axes = axes_of_tiff(self._file, series)
        self.shape: tuple[int, ...] = self.axes.shape
        self.dtype: np.dtype[Any] = np.dtype(self._series.dtype)
        self._mapped = self._map(path, series)
        self._leading = self.shape[: self._pages_from()]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """A part; all axes along which pages follow each other are given as numbers."""
        if self._mapped is not None:
            return self._mapped[index]
        first = len(self._leading)
        where, within = index[:first], index[first:]
        if not all(isinstance(n, (int, np.integer)) for n in where):
            raise UnetppError(f"{index} was asked for; a TIFF is read page by page: give numbers first.")
        number = int(np.ravel_multi_index(where, self._leading)) if where else 0  # type: ignore[arg-type]
        page = self._series.pages[number]
        if page is None:
            raise UnetppError(f"page {number} of {self._file.filename} is missing.")
        part: NDArray[Any] = page.asarray().reshape(self.shape[first:])[within]
        return part

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> TiffStack:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _map(self, path: str | Path, series: int) -> NDArray[Any] | None:
        if self._series.dataoffset is None:
            return None
        mapped = tifffile.memmap(path, series=series, mode="r")
        return mapped.reshape(self.shape)

    def _pages_from(self) -> int:
        """How many of the leading axes count pages; the others lie within a page."""
        pages = 1 if self._mapped is not None else len(self._series.pages)
        for count in range(self.ndim - 1):
            if math.prod(self.shape[:count]) == pages and self._fits(count):
                return count
        raise UnetppError(
            f"{self._file.filename} has {pages} pages, which do not fit its shape {self.shape}. Save it anew "
            "as OME-TIFF, for example with Fiji."
        )

    def _fits(self, count: int) -> bool:
        return self._mapped is not None or math.prod(self.shape[count:]) == self._series.keyframe.size
