"""Opens for napari what its own readers do not: microscope formats, NIfTI, DICOM, video; lazily."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from napari_unetpp._types import UnetppError
from napari_unetpp.gui.layer_axes import AXES
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.inputs.other_formats import format_of
from napari_unetpp.volumes.inputs.source import open_image

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
    names, shape = image.axes.names, image.axes.shape
    chunks = tuple(n if name in "YXS" else 1 for name, n in zip(names, shape, strict=True))
    array = da.from_array(  # type: ignore[no-untyped-call]
        image.array, chunks=chunks, asarray=False, lock=True, name=False
    )
    weakref.finalize(image.array, opened.close)
    options: dict[str, Any] = {"name": Path(path).name, **_placed(image.axes)}
    if "S" in names:
        options["rgb"] = True
    return [(array, options, "image")]


def _placed(axes: Axes) -> dict[str, Any]:
    """The axes, and micrometres where the file gives them."""
    names, sides = axes.names.replace("S", ""), dict(zip("ZYX", axes.spacing, strict=True))
    placed: dict[str, Any] = {"axis_labels": tuple(name.lower() for name in names), "metadata": {AXES: axes}}
    if any(sides[name] for name in "YX"):
        placed["scale"] = tuple(sides.get(name) or 1.0 for name in names)
        placed["units"] = tuple("micrometer" if sides.get(name) else "pixel" for name in names)
    return placed
