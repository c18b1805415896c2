"""Reading of image files: PNG, JPEG and TIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.files.formats.jpeg import read_jpeg
from napari_unetpp.files.formats.kinds import SUFFIXES, image_format
from napari_unetpp.files.formats.png import read_png
from napari_unetpp.files.formats.tiff import read_tiff
from napari_unetpp.files.notes import Note, no_note

IMAGE_SUFFIXES = tuple(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)


def read_image(path: str | Path, *, series: int | None = None, note: Note = no_note) -> NDArray[Any]:
    """Read one 2D image, grey or colour.

    Parameters
    ----------
    path : path
        PNG, JPEG, TIFF or OME-TIFF, by its content; a wrong suffix does not matter.
    series : int, optional
        Number of the image in a TIFF that holds several, from 0; None: the largest one that is no preview.
    note : callable, optional
        Called with notes on what was unusual, without the path.

    Returns
    -------
    ndarray of shape (Y, X) or (Y, X, C)
        Grey rises with the light. RGB with alpha keeps its four channels.

    Raises
    ------
    UnetppError
        Missing, unreadable, truncated, of an unknown kind, or not a single 2D image.
    """
    path = Path(path)
    image = read_array(path, series=series, note=note)
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise UnetppError(f"{path} has shape {image.shape}; expected one grey or colour image.")
    return image


def read_array(
    path: Path, *, stored: bool = False, series: int | None = None, note: Note = no_note
) -> NDArray[Any]:
    """Pixels of a file; `stored`: the stored numbers, as for labels, instead of the colours."""
    try:
        kind = image_format(path)
        if kind is None:
            raise UnetppError(_unknown(path))
        if path.suffix.lower() not in SUFFIXES[kind] and path.suffix.lower() in IMAGE_SUFFIXES:
            note(f"it is a {kind}, whatever its suffix says")
        if kind == "TIFF":
            return read_tiff(path, note, stored=stored, series=series)
        if series:
            raise UnetppError(f"{path} has no series {series}: a {kind} holds one image.")
        data = path.read_bytes()
        return read_png(data, note, stored=stored) if kind == "PNG" else read_jpeg(data, note)
    except UnetppError:
        raise
    except Exception as error:  # decoders raise many kinds on damaged files
        raise UnetppError(f"{path} {why_unreadable(error)}") from error


def _unknown(path: Path) -> str:
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return f"{path} cannot be read: it is damaged, truncated or not really {path.suffix}."
    return f"{path} is not an image of a known kind: expected PNG, JPEG or TIFF."


def why_unreadable(error: Exception) -> str:
    """Why a file could not be read; it is called damaged only if there is no other reason."""
    text = str(error).rstrip(".")
    if isinstance(error, FileNotFoundError):
        return "does not exist."
    if isinstance(error, PermissionError):
        return "may not be read: no permission."
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}."
    if isinstance(error, MemoryError):
        return "cannot be read: there is not enough memory for it."
    if isinstance(error, ImportError) or "imagecodecs" in text:
        return f"needs the package imagecodecs ({text}): pip install imagecodecs."
    odd = ("nsupported", "not supported", "COMPRESSION.")  # as tifffile and the decoders word it
    if isinstance(error, NotImplementedError) or any(word in text for word in odd):
        return f"is stored in a way that is not read ({text}). Save it as TIFF without compression."
    return f"cannot be read: it is damaged, truncated or not really an image ({text})."
