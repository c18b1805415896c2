"""Labels as OME-Zarr (format 0.4), written part by part: a ``labels`` group with a pyramid of levels.

The zarr itself is an image, too, with the pixels of the labels, because readers open images and look for
labels in them.

::

    NAME.ome.zarr/
      labels/
        objects/
          0  1  2 ...    levels, each half as large as the one before, in chunks
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ShouldStop, UnetppError, never_stop
from napari_unetpp.volumes.axes import Axes

VERSION = "0.4"

OBJECTS = "objects"
"""Name of the label image."""

CHUNK = 512
"""Side of a chunk, px; other axes have chunks of length 1."""

SMALLEST = 512
"""Coarser levels are added until there are at most so many rows and columns."""

OURS = "napari-unetpp"
"""Key of our own attributes: whether all of the zarr was written."""

KINDS = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}


@dataclass(frozen=True, eq=False)
class LabelsZarr:
    """Labels in a zarr.

    Attributes
    ----------
    path : Path
        The whole zarr.
    group : zarr group
        The label image.
    levels : tuple of zarr arrays
        The finest first; of uint32.
    """

    path: Path
    group: Any
    levels: tuple[Any, ...]

    @property
    def complete(self) -> bool:
        """Whether all levels were written to their end."""
        return bool(self.group.attrs.get(OURS, {}).get("complete", False))

    def write(self, where: tuple[int | slice, ...], labels: NDArray[Any]) -> None:
        """Write a part of the finest level; other parts do not change, also if this fails."""
        _write(self.path, self.levels[0], where, labels)

    def write_coarser(self, should_stop: ShouldStop = never_stop) -> Iterator[tuple[int, int]]:
        """Write the coarser levels from the finest, which must be complete: every second pixel and row.

        Yields
        ------
        (int, int)
            Chunks done, and chunks in all.
        """
        steps = [
            (finer, coarser, where)
            for finer, coarser in zip(self.levels, self.levels[1:], strict=False)
            for where in _chunks(coarser)
        ]
        for done, (finer, coarser, where) in enumerate(steps, start=1):
            if should_stop():
                return
            *rest, rows, columns = where
            doubled = (*rest, _doubled(rows), _doubled(columns))
            _write(self.path, coarser, where, finer[doubled])
            yield done, len(steps)
        self.group.attrs[OURS] = {"complete": True}


def create_labels(path: str | Path, axes: Axes) -> LabelsZarr:
    """Make an empty zarr for labels.

    Parameters
    ----------
    path : str or Path
        ``NAME.ome.zarr``; an existing one is refused.
    axes : Axes
        Of the labels: T and Z where they have them, Y and X. Distances are written where they are known.

    Raises
    ------
    UnetppError
        The path exists or cannot be written to, labels cannot have such axes, or zarr is not installed.
    """
    path = Path(path)
    if path.exists():
        raise UnetppError(f"{path} exists already. Choose another name, or remove it first.")
    if not set("YX") <= set(axes.names) <= set(KINDS):
        raise UnetppError(f"labels with axes {axes.names!r} were given; expected letters of TCZYX.")
    zarr = load_zarr()
    try:
        root = zarr.open_group(str(path), mode="w-", zarr_format=2)
    except OSError as error:
        raise UnetppError(
            f"{path} could not be made: {error}. Check that its folder may be written to."
        ) from error
    shapes = level_shapes(axes.shape)
    root.attrs["multiscales"] = [_multiscale(axes, len(shapes), f"labels/{OBJECTS}/")]
    root.create_group("labels").attrs["labels"] = [OBJECTS]
    group = root["labels"].create_group(OBJECTS)
    levels = tuple(_create(group, str(n), shape) for n, shape in enumerate(shapes))
    group.attrs["multiscales"] = [_multiscale(axes, len(shapes))]
    group.attrs["image-label"] = {"version": VERSION}
    group.attrs[OURS] = {"complete": False}
    return LabelsZarr(path, group, levels)


def open_labels(path: str | Path) -> LabelsZarr:
    """Open labels that `create_labels` made, complete or not, for reading or writing."""
    path = Path(path)
    try:
        group = load_zarr().open_group(str(path), mode="r+")["labels"][OBJECTS]
        count = len(group.attrs["multiscales"][0]["datasets"])
    except (OSError, KeyError, ValueError) as error:
        raise UnetppError(
            f"{path} holds no labels of this program ({error}). Give a .ome.zarr that it wrote."
        ) from error
    return LabelsZarr(path, group, tuple(group[str(n)] for n in range(count)))


def level_shapes(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Shapes of all levels; rows and columns are halved, rounded up."""
    shapes = [shape]
    while max(shapes[-1][-2:]) > SMALLEST:
        *rest, height, width = shapes[-1]
        shapes.append((*rest, -(-height // 2), -(-width // 2)))
    return tuple(shapes)


def load_zarr() -> Any:
    """The package zarr, or an error that says how to get it."""
    try:
        import zarr
    except ImportError as error:
        raise UnetppError(
            "writing OME-Zarr needs the package zarr, version 3 or later: pip install 'napari-unetpp[zarr]'."
        ) from error
    return zarr


def _create(group: Any, name: str, shape: tuple[int, ...]) -> Any:
    chunks = (*([1] * (len(shape) - 2)), *(min(n, CHUNK) for n in shape[-2:]))
    separator = {"name": "v2", "separator": "/"}
    return group.create_array(
        name, shape=shape, chunks=chunks, dtype="uint32", fill_value=0, chunk_key_encoding=separator
    )


def _multiscale(axes: Axes, levels: int, folder: str = "") -> dict[str, Any]:
    """The multiscales metadata: axes, and levels, which lie in `folder` of the group."""
    steps = dict(zip("ZYX", axes.spacing, strict=True)) | {"T": axes.interval, "C": None}
    described = [
        {"name": name.lower(), "type": KINDS[name], **({"unit": _unit(name)} if steps[name] else {})}
        for name in axes.names
    ]
    scales = [
        [(steps[name] or 1.0) * (2**n if name in "YX" else 1) for name in axes.names] for n in range(levels)
    ]
    datasets = [
        {"path": f"{folder}{n}", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        for n, scale in enumerate(scales)
    ]
    return {"version": VERSION, "name": OBJECTS, "axes": described, "datasets": datasets}


def _unit(name: str) -> str:
    return "second" if name == "T" else "micrometer"


def _chunks(array: Any) -> Iterator[tuple[slice, ...]]:
    """The chunks of an array as slices."""
    yield from product(
        *(
            [slice(start, min(start + step, length)) for start in range(0, length, step)]
            for length, step in zip(array.shape, array.chunks, strict=True)
        )
    )


def _doubled(part: slice) -> slice:
    return slice(2 * part.start, 2 * part.stop, 2)


def _write(path: Path, array: Any, where: tuple[int | slice, ...], labels: NDArray[Any]) -> None:
    try:
        array[where] = np.asarray(labels, np.uint32)
    except OSError as error:
        raise UnetppError(
            f"{path} could not be written at {where}: {error.strerror or error}. What was written before is "
            "kept. Check that the disk has room."
        ) from error
