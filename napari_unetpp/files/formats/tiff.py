"""TIFF files: which of their images is read, and what its values mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from tifffile import COMPRESSION, PHOTOMETRIC

from napari_unetpp._types import UnetppError
from napari_unetpp.files.formats.colours import GREY_ALPHA, rgb_from_cmyk, rgb_from_ycbcr
from napari_unetpp.files.formats.page_chain import check_page_chain
from napari_unetpp.files.notes import Note

LOSSY = (COMPRESSION.OJPEG, COMPRESSION.JPEG)
"""Compression that changes values; its decoder gives RGB however the colours are stored."""

NEARLY = 0.5
"""Another image with this share of the largest one's pixels gets a note; previews are smaller."""

NAMED_AT_MOST = 5

RAMP = 0.9
"""A colour table that gets brighter in this share of its steps, and never darker, is for display only."""

UNREAD = (
    PHOTOMETRIC.SEPARATED,
    PHOTOMETRIC.YCBCR,
    PHOTOMETRIC.CIELAB,
    PHOTOMETRIC.ICCLAB,
    PHOTOMETRIC.ITULAB,
    PHOTOMETRIC.LOGL,
    PHOTOMETRIC.LOGLUV,
)
"""Colours that are neither grey nor RGB; the first two are converted where they have 8 bits."""


def read_tiff(path: Path, note: Note, *, stored: bool, series: int | None = None) -> NDArray[Any]:
    """One plane: (Y, X), (Y, X, 3) or (Y, X, 4).

    Parameters
    ----------
    path : Path
    note : callable
        Told what was handled specially.
    stored : bool
        Give the indices of a colour table instead of its colours; refuse lossy compression.
    series : int, optional
        Number of the image in the file, from 0; None: the largest one that is no preview and no mask.
    """
    check_page_chain(path)
    # Of a set of OME-TIFF files only the given one is read: each has an image of its own.
    with tifffile.TiffFile(path, _multifile=False) as file:
        chosen = _choose(path, file.series, series, note)
        page = chosen.keyframe
        if stored and page.compression in LOSSY:
            raise UnetppError(f"{path}: JPEG compression changes label values. Save labels without it.")
        axes, shape = _without_single_axes(chosen)
        if axes not in ("YX", "YXS", "SYX"):
            raise UnetppError(
                f"{path} holds a stack (axes {axes}, shape {shape}); expected one 2D image, grey or "
                "RGB. Save the planes or channels as single images."
            )
        _check_complete(page)
        image = chosen.asarray().reshape(shape)
        if axes == "SYX":
            image = np.moveaxis(image, 0, -1)
        return _without_extras(path, _colours(path, image, page, note, stored=stored), page, note)


# ------------------------------------------------------------ which image


def _choose(path: Path, found: Sequence[Any], wanted: int | None, note: Note) -> Any:
    if not found:
        raise UnetppError(f"{path} holds no image.")
    if wanted is not None:
        if not 0 <= wanted < len(found):
            raise UnetppError(
                f"{path} has no series {wanted}. It has {len(found)}: {_named(found, range(len(found)))}."
            )
        return found[wanted]
    best = largest(found)
    others = [n for n in _whole(found) if n != best and _pixels(found[n]) >= NEARLY * _pixels(found[best])]
    if others:
        note(
            f"it holds {len(others) + 1} images, of which series {best} is read; others: "
            f"{_named(found, others)}. --series N picks one"
        )
    return found[best]


def largest(found: Sequence[Any]) -> int:
    """Number of the largest image that is no preview and no mask; the first of equals."""
    return max(_whole(found), key=lambda n: _pixels(found[n]))


def _whole(found: Sequence[Any]) -> list[int]:
    numbers = range(len(found))
    whole = [n for n in numbers if not (found[n].keyframe.is_reduced or found[n].keyframe.is_mask)]
    return whole or list(numbers)


def _pixels(series: Any) -> int:
    """Pixels of one plane."""
    return int(np.prod([size for axis, size in zip(series.axes, series.shape, strict=True) if axis in "YX"]))


def _named(found: Sequence[Any], numbers: Sequence[int]) -> str:
    names = [
        f"{n}{f' {found[n].name!r}' if found[n].name else ''} ({' x '.join(map(str, found[n].shape))})"
        for n in numbers[:NAMED_AT_MOST]
    ]
    more = len(numbers) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _without_single_axes(series: Any) -> tuple[str, tuple[int, ...]]:
    """Axes and shape of a series, without axes of length 1 other than height and width."""
    kept = [(a, n) for a, n in zip(series.axes, series.shape, strict=True) if n > 1 or a in "YX"]
    return "".join(axis for axis, _ in kept), tuple(size for _, size in kept)


def _check_complete(page: Any) -> None:
    """Raise ValueError for a truncated file; decoders would fill the missing part with grey."""
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if page.compression != COMPRESSION.NONE and max(ends, default=0) > page.parent.filehandle.size:
        raise ValueError("the file ends before the image does")


# ------------------------------------------------------------ what its values mean


def _colours(path: Path, image: NDArray[Any], page: Any, note: Note, *, stored: bool) -> NDArray[Any]:
    """Grey that rises with the light, or RGB, as the file says (TIFF's photometric interpretation)."""
    # tifffile reads a missing tag as MinIsWhite, which such a file is not.
    meaning = page.photometric if "PhotometricInterpretation" in page.tags else PHOTOMETRIC.MINISBLACK
    channels = image.shape[-1] if image.ndim == 3 and image.dtype == np.uint8 else 1
    if meaning == PHOTOMETRIC.MINISWHITE:
        return _inverted(image, page, note)
    if meaning == PHOTOMETRIC.PALETTE:
        return image if stored else _from_table(image, page, note)
    if meaning == PHOTOMETRIC.SEPARATED and channels == 4:
        return rgb_from_cmyk(image, note)
    if meaning == PHOTOMETRIC.YCBCR and page.compression in LOSSY:
        return image  # the decoder has converted it
    if meaning == PHOTOMETRIC.YCBCR and channels == 3:
        return rgb_from_ycbcr(image)
    if meaning in UNREAD:
        raise UnetppError(
            f"{path} has colours of the kind {PHOTOMETRIC(meaning).name} ({image.dtype}), which are not "
            "read. Save it as RGB."
        )
    return image


def _inverted(image: NDArray[Any], page: Any, note: Note) -> NDArray[Any]:
    """MinIsWhite: 0 is white, so the values are inverted; a note says so."""
    if image.dtype.kind == "b" and page.software.startswith("tifffile"):
        return image  # tifffile marks all boolean images like this, and reads them as they are
    if image.dtype.kind not in "bu":
        note(f"MinIsWhite means nothing for {image.dtype}: its values are read as they are")
        return image
    note(
        "the file says that 0 is white (MinIsWhite), so its values are inverted; ImageJ says so, too, of "
        "images with an inverting table"
    )
    return ~image if image.dtype.kind == "b" else np.array((1 << page.bitspersample) - 1, image.dtype) - image


def _from_table(image: NDArray[Any], page: Any, note: Note) -> NDArray[Any]:
    """Colours of shape (Y, X, 3), or the values where the table only displays intensities in colour."""
    table = page.colormap.astype(np.int64)  # (3, N)
    steps = np.diff(table, axis=1)
    ramp = bool((steps >= 0).all()) and float((steps.sum(axis=0) > 0).mean()) > RAMP
    if ramp or page.parent.is_imagej:
        note("its colour table only displays intensities, which are read as grey")
        return image
    eight = (table >> 8 if table.max() > 255 else table).astype(np.uint8)
    return np.moveaxis(eight[:, image], 0, -1)


def _without_extras(path: Path, image: NDArray[Any], page: Any, note: Note) -> NDArray[Any]:
    """Drop the alpha channel of grey; refuse what is not grey, RGB or RGBA."""
    if image.ndim == 2:
        return image
    samples = image.shape[-1]
    alpha = any(int(kind) in (1, 2) for kind in page.extrasamples)
    if samples == 1:
        return image[..., 0]
    if samples == 2 and alpha:
        note(GREY_ALPHA)
        return image[..., 0]
    if samples == 3 or (samples == 4 and (alpha or page.photometric == PHOTOMETRIC.RGB)):
        return image
    raise UnetppError(
        f"{path} holds {samples} channels (shape {image.shape}); expected one 2D image, grey or RGB. "
        "Save the channels as single images."
    )
