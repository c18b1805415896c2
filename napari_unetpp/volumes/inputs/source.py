"""An open image file or folder of any number of axes: its pixels and metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.files.formats.kinds import image_format, is_zarr
from napari_unetpp.files.formats.page_chain import check_page_chain
from napari_unetpp.files.formats.tiff import largest
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.images.pixel_size import PixelSpacing, read_pixel_size
from napari_unetpp.files.notes import Note, no_note
from napari_unetpp.volumes.axes import USER, Axes, axes_from_letters, axes_from_shape
from napari_unetpp.volumes.inputs.damage import as_sentence
from napari_unetpp.volumes.inputs.other_formats import format_of, open_other
from napari_unetpp.volumes.inputs.tiff_stack import TiffStack, planes_of_colours
from napari_unetpp.volumes.inputs.zarr_image import open_zarr
from napari_unetpp.volumes.metadata import axes_of_tiff

LARGE = 64_000_000
"""Planes of more pixels are segmented in parts, and read in parts where the file allows it."""


@dataclass(frozen=True, eq=False)
class ImageSource:
    """An open image.

    Attributes
    ----------
    array : array-like
        Indexed with numbers and slices, it reads these parts.
    axes : Axes
        From the file, or guessed from its shape.
    pixel_size : PixelSpacing or None
    times : ndarray of float, or None
        Seconds of each frame, where the file gives them one by one.
    """

    array: Any
    axes: Axes
    pixel_size: PixelSpacing | None = None
    times: NDArray[np.float64] | None = None

    def seconds(self, frame: int) -> float | None:
        """The time of a frame, in seconds from the first; None where it is unknown."""
        if self.times is not None:
            return float(self.times[frame])
        return None if self.axes.interval is None else frame * self.axes.interval

    def cropped(self, region: Region) -> ImageSource:
        """The image cropped to the rows and columns of a region."""
        lengths = {"Y": region.shape[0], "X": region.shape[1]}
        shape = tuple(lengths.get(name, n) for name, n in zip(self.axes.names, self.axes.shape, strict=True))
        return replace(
            self, array=Cropped(self.array, self.axes, region), axes=replace(self.axes, shape=shape)
        )


class Cropped:
    """Some rows and columns of an array, as an array; nothing is read before it is indexed."""

    def __init__(self, array: Any, axes: Axes, region: Region) -> None:
        self._array = array
        self._starts = {axes.names.index("Y"): region.y0, axes.names.index("X"): region.x0}
        sides = dict(zip(self._starts, region.shape, strict=True))
        self.shape = tuple(sides.get(n, length) for n, length in enumerate(array.shape))
        self.dtype = array.dtype
        self.ndim = len(self.shape)

    def __getitem__(self, index: tuple[int | slice, ...]) -> Any:
        """A part; an index for every axis is required."""
        return self._array[tuple(self._shifted(n, part) for n, part in enumerate(index))]

    def _shifted(self, axis: int, part: int | slice) -> int | slice:
        start = self._starts.get(axis)
        if start is None:
            return part
        if isinstance(part, slice):
            first, last, step = part.indices(self.shape[axis])
            return slice(first + start, last + start, step)
        return part + start


@contextmanager
def open_image(
    path: str | Path, *, series: int | None = None, axes: str | None = None, note: Note = no_note
) -> Iterator[ImageSource]:
    """Open an image: OME-Zarr, zarr, TIFF, PNG, JPEG, or a format of `other_formats`.

    The context closes it. Only parts that are indexed are read.

    Parameters
    ----------
    path : str or Path
        A file, a zarr, or the folder of a DICOM series.
    series : int, optional
        Which image of a file or folder that holds several, from 0; None: of a TIFF the largest.
    axes : str, optional
        A letter of TCZYXS for each axis, where those of the file are wrong.
    note : callable, optional
        Called with notes on what was unusual.

    Raises
    ------
    UnetppError
        The file is missing or unreadable, or a package that its format needs is missing.

    Examples
    --------
    >>> with open_image("cells.czi") as image:  # doctest: +SKIP
    ...     found = segment(image, "nuclei", channel="DAPI")
    """
    path = Path(path)
    with ExitStack() as stack:
        with as_sentence(path):
            image = _opened(path, series, axes, note, stack)
        yield image


def _opened(path: Path, series: int | None, axes: str | None, note: Note, stack: ExitStack) -> ImageSource:
    """The image, which the stack closes."""
    if is_zarr(path):
        array, found = open_zarr(path, series=series, note=note)
        return ImageSource(array, found, _size_of(found))
    if (kind := format_of(path)) is not None:
        opened = open_other(path, kind, series=series, note=note)
        array, found, times = stack.enter_context(opened)
        return ImageSource(array, found, _size_of(found), times)
    if is_stack(path, series):
        number = _largest(path) if series is None else series
        tiff = stack.enter_context(TiffStack(path, number, axes))
        return ImageSource(tiff, tiff.axes, read_pixel_size(path, number))
    size = read_pixel_size(path, series)
    if (
        axes is not None
        and "S" not in axes.upper()
        and (planes := planes_of_colours(path, series)) is not None
    ):
        return ImageSource(planes, axes_from_letters(axes, planes.shape, USER), size)
    image = read_image(path, series=series, note=note)
    known = None if size is None or size.printed else (None, size.y, size.x)
    found = axes_from_shape(image.shape, colour=image.ndim == 3)
    return ImageSource(image, replace(found, spacing=known) if known else found, size)


def is_stack(path: Path, series: int | None = None) -> bool:
    """Whether an image is read plane by plane or in parts.

    True for files of more than one plane or channel, large planes, and all formats but PNG, JPEG and TIFF.
    """
    if is_zarr(path) or format_of(path) is not None:
        return True
    try:
        if image_format(path) != "TIFF":
            return False
    except OSError:  # its reader says what is wrong
        return False
    return _asked(path, series, _more_than_a_plane)


def _more_than_a_plane(file: tifffile.TiffFile, series: int) -> bool:
    found = file.series[series]
    single = [name for name, n in zip(found.axes, found.shape, strict=True) if n > 1 or name in "YX"]
    if "".join(single) not in ("YX", "YXS", "SYX"):
        return True
    axes = axes_of_tiff(file, series)
    return axes.size("C") > 1 or axes.size("Y") * axes.size("X") > LARGE


def _asked(path: Path, series: int | None, question: Callable[[tifffile.TiffFile, int], bool]) -> bool:
    """An answer about one image of a file; False if it cannot be read, which its reader reports."""
    try:
        check_page_chain(path)
        with tifffile.TiffFile(path, _multifile=False) as file:
            return question(file, largest(file.series) if series is None else series)
    except Exception:  # of a damaged file of many kinds
        return False


def _largest(path: Path) -> int:
    with tifffile.TiffFile(path) as file:
        return largest(file.series)


def _size_of(axes: Axes) -> PixelSpacing | None:
    _, y, x = axes.spacing
    return PixelSpacing(y, x) if y and x else None
