"""A TIFF file as an array that reads only the pages that are indexed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import PHOTOMETRIC

from napari_unetpp._types import UnetppError
from napari_unetpp.files.formats.page_chain import check_page_chain
from napari_unetpp.files.formats.tiff import UNREAD
from napari_unetpp.volumes.axes import USER, Axes, axes_from_letters
from napari_unetpp.volumes.metadata import axes_of_tiff

LARGE = 16_000_000
"""Pages of more pixels are read in parts."""

CONVERTED = (PHOTOMETRIC.MINISWHITE, PHOTOMETRIC.PALETTE)
"""Values that need conversion, which is done for single planes, not for stacks."""


class TiffStack:
    """One image of a TIFF file; close it when done, or use it in a ``with`` statement.

    Contiguous uncompressed images are memory-mapped. Else whole pages (Y, X[, S]) are read, and the last one
    is kept; of pages of more than `LARGE` pixels only the tiles or strips that are needed are read.

    Parameters
    ----------
    path : str or Path
    series : int
        Number of the image in the file.
    axes : str, optional
        A letter for each axis, for files whose axes are wrong.

    Attributes
    ----------
    axes : Axes
        As the file says.
    shape : tuple of int
    dtype : dtype

    Raises
    ------
    UnetppError
        The file is missing, unreadable or no TIFF, or has no such series.
    """

    def __init__(self, path: str | Path, series: int = 0, axes: str | None = None) -> None:
        try:
            check_page_chain(Path(path))
            self._file = tifffile.TiffFile(path)
        except (OSError, tifffile.TiffFileError) as error:
            raise UnetppError(f"{path} cannot be read as TIFF: {error}.") from error
        count = len(self._file.series)
        if not 0 <= series < count:
            self.close()
            raise UnetppError(f"series {series} was asked for, but {path} has {count}, numbered from 0.")
        self._series = self._file.series[series]
        self.axes: Axes = self._axes(series, axes)
        self.shape: tuple[int, ...] = self.axes.shape
        self.dtype: np.dtype[Any] = np.dtype(self._series.dtype)
        self._check_colours()
        self._mapped = self._map(path, series)
        self._kept: tuple[int, NDArray[Any]] | None = None
        self._leading = self.shape[: self._pages_from()]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """A part; the indices of all axes that count pages must be numbers."""
        if self._mapped is not None:
            return self._mapped[index]
        first = len(self._leading)
        where, within = index[:first], index[first:]
        if not all(isinstance(n, (int, np.integer)) for n in where):
            raise UnetppError(f"{index} was asked for; a TIFF is read page by page: give numbers first.")
        number = int(np.ravel_multi_index(where, self._leading)) if where else 0  # type: ignore[arg-type]
        if first == self.ndim - 2 and math.prod(self.shape[first:]) > LARGE and self._keyframe_is_plain():
            return self._part(self._page(number), *within)  # type: ignore[arg-type]
        if self._kept is None or self._kept[0] != number:
            self._kept = number, self._page(number).asarray().reshape(self.shape[first:])
        part: NDArray[Any] = self._kept[1][within]
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

    def _page(self, number: int) -> Any:
        page = self._series.pages[number]
        if page is None:
            raise UnetppError(f"page {number} of {self._file.filename} is missing.")
        return page

    def _keyframe_is_plain(self) -> bool:
        """Whether pages hold one grey plane each, in tiles or strips that can be read one by one."""
        page = self._series.keyframe
        return page.samplesperpixel == 1 and page.imagedepth == 1

    def _part(self, page: Any, rows: slice, columns: slice) -> NDArray[Any]:
        """Rows and columns of a page, from the tiles or strips in which they lie."""
        keyframe = page.keyframe
        length, width = keyframe.imagelength, keyframe.imagewidth
        side = (keyframe.tilelength, keyframe.tilewidth)
        if not keyframe.is_tiled:
            side = (keyframe.rowsperstrip, width)
        (y0, y1, _), (x0, x1, _) = rows.indices(length), columns.indices(width)
        across = -(-width // side[1])
        tiles_down, tiles_across = (
            range(y0 // side[0], -(-y1 // side[0])),
            range(x0 // side[1], -(-x1 // side[1])),
        )
        read = np.zeros((len(tiles_down) * side[0], len(tiles_across) * side[1]), self.dtype)
        for n, down in enumerate(tiles_down):
            for m, right in enumerate(tiles_across):
                tile = self._tile(page, down * across + right)
                y, x = n * side[0], m * side[1]
                read[y : y + tile.shape[0], x : x + tile.shape[1]] = tile
        top, left = tiles_down.start * side[0], tiles_across.start * side[1]
        return read[y0 - top : y1 - top, x0 - left : x1 - left]

    def _tile(self, page: Any, number: int) -> NDArray[Any]:
        """One tile or strip, cut at the borders of the page; empty where the file has none."""
        handle = page.parent.filehandle
        handle.seek(page.dataoffsets[number])
        data = handle.read(page.databytecounts[number])
        if len(data) < page.databytecounts[number]:
            raise OSError("the file ends before the image does")
        found, _, shape = page.keyframe.decode(data, number, jpegtables=page.keyframe.jpegtables)
        if found is None:
            return np.zeros((0, 0), self.dtype)
        tile: NDArray[Any] = found[0, : shape[1], : shape[2], 0]
        return tile

    def _axes(self, series: int, letters: str | None) -> Axes:
        try:
            return axes_of_tiff(self._file, series)
        except UnetppError:
            if letters is None:
                self.close()
                raise
            return axes_from_letters(letters, self._series.shape, USER)

    def _check_colours(self) -> None:
        page = self._series.keyframe
        photometric = page.photometric if "PhotometricInterpretation" in page.tags else PHOTOMETRIC.MINISBLACK
        bits = page.photometric == PHOTOMETRIC.MINISWHITE and self.dtype == np.bool_
        if photometric in (*UNREAD, *CONVERTED) and not bits and not self._file.is_imagej:
            raise UnetppError(
                f"{self._file.filename} is a stack with colours of the kind {PHOTOMETRIC(photometric).name}; "
                "these are read of single images only. Save it as grey or RGB."
            )

    def _pages_from(self) -> int:
        """How many of the leading axes count pages; the others lie within a page."""
        pages = 1 if self._mapped is not None else len(self._series.pages)
        for count in reversed(range(self.ndim - 1)):  # an axis of length 1 counts pages, too
            leads = "S" not in self.axes.names[:count]
            if leads and math.prod(self.shape[:count]) == pages and self._fits(count):
                return count
        raise UnetppError(
            f"{self._file.filename} has {pages} pages, which do not fit its shape {self.shape}. Save it anew "
            "as OME-TIFF, for example with Fiji."
        )

    def _fits(self, count: int) -> bool:
        return self._mapped is not None or math.prod(self.shape[count:]) == self._series.keyframe.size


def planes_of_colours(path: Path, series: int | None) -> NDArray[Any] | None:
    """The planes (S, Y, X) of a TIFF that stores its colours plane by plane; None for other files.

    Programs take a stack of three or four planes for colours, and write it as such (tifffile does).
    """
    try:
        with tifffile.TiffFile(path) as file:
            found = file.series[series or 0]
            planes: NDArray[Any] | None = found.asarray() if found.axes == "SYX" else None
    except (OSError, IndexError, tifffile.TiffFileError):  # said by the reader of single images
        return None
    return planes
