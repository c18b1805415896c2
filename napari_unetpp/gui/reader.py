"""Opens for napari what its own readers do not: microscope formats, NIfTI, DICOM, video; lazily."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.gui.layer_axes import AXES
from napari_unetpp.volumes.axes import ORDER, Axes
from napari_unetpp.volumes.inputs.other_formats import format_of
from napari_unetpp.volumes.inputs.source import open_image

PLANE = "YXS"
"""Axes that are read together."""

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """What opens a file, for napari; None where it is of another format."""
    if not isinstance(path, str) or not Path(path).is_file():
        return None
    try:
        return _read if format_of(Path(path)) is not None else None
    except UnetppError:
        return None


def _read(path: str) -> list[LayerData]:
    """One layer with all axes of the image; its planes are read when they are displayed."""
    import dask.array as da

    opened = ExitStack()
    image = opened.enter_context(open_image(path))
    axes, planes = image.axes, _Planes(image.array, image.axes)
    weakref.finalize(planes, opened.close)
    chunks = tuple(n if name in PLANE else 1 for name, n in zip(axes.names, axes.shape, strict=True))
    array = da.from_array(planes, chunks=chunks, asarray=False, lock=True)  # type: ignore[no-untyped-call]
    order = sorted(range(len(axes.names)), key=lambda number: ORDER.find(axes.names[number]))
    names = "".join(axes.names[number] for number in order)
    axes = replace(axes, names=names, shape=tuple(axes.shape[number] for number in order))
    options: dict[str, Any] = {"name": Path(path).name, "rgb": axes.colour, **_placed(axes)}
    return [(array.transpose(order), options, "image")]


class _Planes:
    """An image as dask asks for it, with slices, of formats that are read plane by plane."""

    def __init__(self, array: Any, axes: Axes) -> None:
        self._array, self._names = array, axes.names
        self.shape, self.dtype, self.ndim = axes.shape, np.dtype(array.dtype), len(axes.shape)

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """A part of one plane."""
        numbers, part = [], []
        for name, at in zip(self._names, index, strict=True):
            inside = name in PLANE
            numbers.append(slice(None) if inside else at.start if isinstance(at, slice) else at)
            if inside or isinstance(at, slice):
                part.append(at if inside else np.newaxis)
        found: NDArray[Any] = np.asarray(self._array[tuple(numbers)])[tuple(part)]
        return found


def _placed(axes: Axes) -> dict[str, Any]:
    """The axes, and micrometres where the file gives them."""
    names, sides = axes.names.replace("S", ""), dict(zip("ZYX", axes.spacing, strict=True))
    placed: dict[str, Any] = {"axis_labels": tuple(name.lower() for name in names), "metadata": {AXES: axes}}
    if any(sides[name] for name in "YX"):
        placed["scale"] = tuple(sides.get(name) or 1.0 for name in names)
        placed["units"] = tuple("micrometer" if sides.get(name) else "pixel" for name in names)
    return placed
