"""Axes from the metadata of files and arrays: TIFF (OME, ImageJ), OME-Zarr, xarray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import tifffile

from napari_unetpp.files.images.pixel_size import MICROMETRES
from napari_unetpp.volumes.axes import Axes, axes_from_letters, axes_from_names, axes_from_shape

SECONDS = {
    **dict.fromkeys(("", "s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "millisecond"), 1e-3),
    **dict.fromkeys(("min", "minute"), 60.0),
    **dict.fromkeys(("h", "hour"), 3600.0),
}


def axes_of_tiff(file: tifffile.TiffFile, series: int = 0) -> Axes:
    """The axes of one series of an open TIFF file.

    Parameters
    ----------
    file : TiffFile
    series : int
        Number of the image in the file.
    """
    found = file.series[series]
    if file.is_ome and file.ome_metadata:
        return _with_ome(axes_from_letters(found.axes, found.shape, "OME metadata"), file, series)
    if file.is_imagej and file.imagej_metadata:
        return _with_imagej(axes_from_letters(found.axes, found.shape, "ImageJ metadata"), file)
    return axes_from_letters(found.axes, found.shape, "TIFF")


def axes_of_ome_zarr(attributes: Mapping[str, Any], shape: Sequence[int], level: int = 0) -> Axes:
    """The axes of a level of an OME-Zarr image.

    Parameters
    ----------
    attributes : mapping
        Of the group of the image; format versions 0.1 to 0.5.
    shape : sequence of int
        Of the array of that level.
    level : int
        0: full resolution.
    """
    attributes = attributes.get("ome", attributes)
    image = (attributes.get("multiscales") or [{}])[0]
    described = [axis if isinstance(axis, Mapping) else {"name": axis} for axis in image.get("axes", ())]
    names = [axis.get("name") for axis in described] or list("TCZYX"[-len(shape) :])
    axes = axes_from_names(names, shape, "OME-Zarr")
    labels = [channel.get("label") for channel in attributes.get("omero", {}).get("channels", ())]
    scale = _zarr_scale(image, level, len(shape))
    units = [str(axis.get("unit", "")) for axis in described] or [""] * len(shape)
    steps = {
        name: step * (SECONDS if name == "T" else MICROMETRES)[unit.lower()]
        for name, step, unit in zip(axes.names, scale, units, strict=True)
        if unit and unit.lower() in (SECONDS if name == "T" else MICROMETRES)
    }
    spacing = (steps.get("Z"), steps.get("Y"), steps.get("X"))
    return replace(_named(axes, labels), spacing=spacing, interval=steps.get("T"))


def axes_of_array(array: Any) -> Axes:
    """The axes of an array: by its ``dims`` where it has them (xarray), else guessed from its shape."""
    dims = getattr(array, "dims", None)
    if not dims:
        return axes_from_shape(array.shape)
    axes = axes_from_names(dims, array.shape, "the names of its dimensions")
    coords = getattr(array, "coords", {})
    if "C" in axes.names and (dim := dims[axes.names.index("C")]) in coords:
        return _named(axes, [str(value) for value in coords[dim].values])
    return axes


def _with_ome(axes: Axes, file: tifffile.TiffFile, series: int) -> Axes:
    """The axes with names of channels and pixel sizes; missing or invalid values are left out."""
    images = _list(tifffile.xml2dict(file.ome_metadata or "").get("OME", {}).get("Image"))
    pixels = images[series].get("Pixels", {}) if series < len(images) else {}
    spacing = tuple(
        _amount(pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm"), MICROMETRES)
        for axis in "ZYX"
    )
    interval = _amount(pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", ""), SECONDS)
    named = _named(axes, [channel.get("Name") for channel in _list(pixels.get("Channel"))])
    return replace(named, spacing=(spacing[0], spacing[1], spacing[2]), interval=interval)


def _with_imagej(axes: Axes, file: tifffile.TiffFile) -> Axes:
    """The axes with pixel sizes: one unit for all directions, pixels per unit in tags of the first page."""
    imagej = file.imagej_metadata or {}
    unit = str(imagej.get("unit", "pixel")).encode().decode("unicode_escape").lower()
    y, x = (_per_pixel(file.pages[0], f"{name}Resolution") for name in "YX")
    spacing = tuple(_amount(length, unit, MICROMETRES) for length in (imagej.get("spacing"), y, x))
    interval = _amount(imagej.get("finterval"), str(imagej.get("tunit", "s")), SECONDS)
    return replace(axes, spacing=(spacing[0], spacing[1], spacing[2]), interval=interval)


def _per_pixel(page: Any, tag: str) -> float | None:
    """The inverse of a resolution tag, which is a fraction."""
    found = page.tags.get(tag)
    above, below = found.value if found is not None else (0, 1)
    return below / above if above and below else None


def _amount(value: Any, unit: str, units: Mapping[str, float]) -> float | None:
    """A length or a time in micrometres or seconds; None if it is not a positive number with a known unit."""
    factor = units.get(str(unit).lower())
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number * factor if factor and number > 0 else None


def _named(axes: Axes, names: Sequence[str | None]) -> Axes:
    """The axes with names of channels, if there is one for each channel."""
    usable = len(names) == axes.size("C") and all(names)
    return replace(axes, channels=tuple(map(str, names))) if usable else axes


def _list(found: Any) -> list[Any]:
    """A list of the elements, of which XML gives none, one or several."""
    return found if isinstance(found, list) else [found] if found else []


def _zarr_scale(image: Mapping[str, Any], level: int, ndim: int) -> list[float]:
    """Pixel sizes of a level: its own transformation, and the one of the whole image."""
    sizes = [1.0] * ndim
    levels = image.get("datasets", ())
    own = levels[level] if level < len(levels) else {}
    for part in (own, image):
        for step in part.get("coordinateTransformations", ()):
            if step.get("type") == "scale" and len(step.get("scale", ())) == ndim:
                sizes = [size * float(by) for size, by in zip(sizes, step["scale"], strict=True)]
    return sizes
