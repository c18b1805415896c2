"""OME-Zarr images and plain zarr arrays, opened at full resolution; needs the package zarr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_unetpp._types import UnetppError
from napari_unetpp.files.notes import Note, no_note
from napari_unetpp.volumes.axes import Axes, axes_from_shape
from napari_unetpp.volumes.metadata import axes_of_ome_zarr

MOST_COUNTED = 1_000_000
"""Chunks that are looked for one by one; metadata may claim far more, and counting these would never end."""


def open_zarr(path: Path, *, series: int | None = None, note: Note = no_note) -> tuple[Any, Axes]:
    """The array of the finest level of an image, not read yet, and its axes.

    Parameters
    ----------
    path : Path
        A folder: OME-Zarr of format 0.1 to 0.5, a zarr of bioformats2raw, or an array.
    series : int, optional
        Which image of a zarr that holds several (bioformats2raw), from 0.
    note : callable, optional
        Called with a note on missing chunks.

    Raises
    ------
    UnetppError
        The folder is not a zarr, is a plate or holds no image, or the package zarr is not installed.
    """
    try:
        import zarr
    except ImportError as error:
        raise UnetppError(
            f"{path} is a zarr; reading it needs the package zarr, version 3 or later: pip install "
            "'napari-unetpp[zarr]'."
        ) from error
    try:
        found = zarr.open(str(path), mode="r")
    except Exception as error:  # zarr's stores and codecs raise many kinds
        raise UnetppError(f"{path} cannot be read as zarr: {error}.") from error
    array, axes = (
        (found, axes_from_shape(found.shape)) if hasattr(found, "shape") else _image(found, path, series)
    )
    _tell_missing(array, note)
    return array, axes


def _image(group: Any, path: Path, series: int | None) -> tuple[Any, Axes]:
    """The image in a group, or in its subgroup with the number `series`."""
    attributes = _attributes(group)
    if "plate" in attributes or "well" in attributes:
        raise UnetppError(f"{path} is a plate of many images. Give the images in it, such as {path}/A/1/0.")
    if "multiscales" not in attributes:
        name = str(series or 0)
        if name not in group or "multiscales" not in _attributes(group[name]):
            raise UnetppError(f"{path} holds no image: expected an OME-Zarr image or a zarr array.")
        group = group[name]
        attributes = _attributes(group)
    elif series:
        raise UnetppError(f"{path} has no series {series}: it holds one image.")
    try:
        array = group[attributes["multiscales"][0]["datasets"][0]["path"]]
    except (KeyError, IndexError, TypeError) as error:
        raise UnetppError(f"{path}: the finest level of the image is not there ({error}).") from error
    return array, axes_of_ome_zarr(dict(group.attrs), array.shape)


def _attributes(group: Any) -> dict[str, Any]:
    attributes = dict(group.attrs)
    found: dict[str, Any] = attributes.get("ome", attributes)
    return found


def _tell_missing(array: Any, note: Note) -> None:
    """A note on missing chunks, which read as the fill value: intended, or an incomplete copy."""
    total = array.nchunks
    if total > MOST_COUNTED:
        return
    there = array.nchunks_initialized
    if there < total:
        note(f"{total - there} of its {total} chunks are not there and are read as {array.fill_value}")
