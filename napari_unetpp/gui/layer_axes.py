"""Which of the axes of an image layer are time, channel, depth: as the layer says, its file, or its shape."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import tifffile
from napari.layers import Image

from napari_unetpp._types import UnetppError
from napari_unetpp.files.formats.kinds import is_zarr
from napari_unetpp.volumes.axes import GUESSED, MEANT, UNKNOWN, Axes, axes_from_names, axes_from_shape
from napari_unetpp.volumes.metadata import axes_of_array, axes_of_ome_zarr, axes_of_tiff

AXES = "napari_unetpp_axes"
"""Key of the metadata of a layer that our own reader made: its `Axes`."""

QUICK = ("is_ome", "is_imagej", "is_shaped")
"""Kinds of TIFF whose first page says everything; of others every page would have to be looked at."""


def axes_of(layer: Image) -> Axes:
    """The axes of the whole layer at full resolution; colour comes last.

    Believed are, in this order, labels of the axes, the names of dimensions that xarray gives, and the file
    that the layer was read from, where it has the shape of the layer.
    """
    shape = _shape(layer)
    for found in _said(layer, shape):
        if found.shape == shape and found.colour == bool(layer.rgb):
            return found
    return axes_from_shape(shape, colour=bool(layer.rgb))


def _shape(layer: Image) -> tuple[int, ...]:
    return tuple(int(length) for length in full_array(layer).shape)


def _said(layer: Image, shape: tuple[int, ...]) -> Iterator[Axes]:
    """What each source says that says something."""
    if isinstance(layer.metadata.get(AXES), Axes):
        yield layer.metadata[AXES]
    labels = [str(label) for label in getattr(layer, "axis_labels", ())] + ["s"] * bool(layer.rgb)
    if any(_meant(label) not in (UNKNOWN, "S") for label in labels) and len(labels) == len(shape):
        with suppress(UnetppError):
            yield axes_from_names(labels, shape)
    with suppress(UnetppError):
        found = axes_of_array(full_array(layer))
        if found.source != GUESSED:
            yield found
    path = layer.source.path
    if path:
        # whatever is wrong with the file: its pixels are in the layer, and the shape has to tell
        with suppress(UnetppError, OSError, ValueError, KeyError, TypeError, IndexError):
            said = _of_zarr(Path(path), shape) if is_zarr(Path(path)) else _of_tiff(Path(path))
            if said is not None:
                yield from _fitting(said, shape)


def _meant(label: str) -> str:
    return MEANT.get(label.strip().lower(), UNKNOWN)


def _of_tiff(path: Path) -> Axes | None:
    """What the header of a TIFF says of its first image, which napari reads."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return None
    with tifffile.TiffFile(path, _multifile=False) as file:
        if not any(getattr(file, kind) for kind in QUICK):
            return None
        found = axes_of_tiff(file)
    return found if found.source != "TIFF" or set("TCZ") & set(found.names) else None


def _of_zarr(path: Path, shape: tuple[int, ...]) -> Axes | None:
    """What OME-Zarr says, of an image at full resolution with or without its axis of channels."""
    for name in (".zattrs", "zarr.json"):
        if (path / name).is_file():
            found = json.loads((path / name).read_text())
            attributes = found.get("attributes", {}) if name == "zarr.json" else found
            said = attributes.get("ome", attributes)["multiscales"][0].get("axes", ())
            names = [axis["name"] if isinstance(axis, dict) else axis for axis in said]
            names = names or list("tczyx"[-len(shape) :])
            if len(names) == len(shape):
                return axes_of_ome_zarr(attributes, shape)
            # a layer for each channel
            kept = [n for n in names if _meant(n) != "C"]
            return axes_from_names(kept, shape, "OME-Zarr") if len(kept) == len(shape) else None
    return None


def _fitting(axes: Axes, shape: tuple[int, ...]) -> Iterator[Axes]:
    """The same for the shape of the layer: readers drop axes of length 1, or open each channel by itself."""
    lengths = list(zip(axes.names, axes.shape, strict=True))
    for kept in (
        lengths,
        [(name, n) for name, n in lengths if n > 1],
        [(name, n) for name, n in lengths if n > 1 and name != "C"],
    ):
        if tuple(n for _, n in kept) == shape:
            names = "".join(name for name, _ in kept)
            yield replace(axes, names=names, shape=shape, channels=axes.channels if "C" in names else ())
            return


def full_array(layer: Image) -> Any:
    """The pixels at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data
