"""Which plane of an image layer is displayed, and how to read it without touching the rest."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.session.values import Plane


@dataclass(frozen=True, slots=True)
class PlaneIndex:
    """Identity of a displayed plane.

    Attributes
    ----------
    image : hashable
    version : int
        Counts how often the data of the layer were replaced.
    point : tuple of int or None
        Position along the axes that are not displayed; None along those that are.
    transposed : bool
        The viewer shows the axes in reverse order.
    """

    image: Hashable
    version: int
    point: tuple[int | None, ...]
    transposed: bool

    def view(self, data: Any) -> Any:
        """The plane of `data`: (Y, X) or (Y, X, C)."""
        plane = data[tuple(slice(None) if p is None else p for p in self.point)]
        return plane.swapaxes(0, 1) if self.transposed else plane

    def pixel(self, y: Any, x: Any) -> tuple[Any, ...]:
        """A pixel of the plane, or arrays of them, as a position in the whole array."""
        shown = iter((x, y) if self.transposed else (y, x))
        return tuple(next(shown) if p is None else p for p in self.point)

    def on_plane(self, position: Sequence[float]) -> tuple[float, float]:
        """A position in the whole array as (y, x) of the plane."""
        first, second = (at for at, p in zip(position, self.point, strict=True) if p is None)
        return (second, first) if self.transposed else (first, second)

    def slices(self, region: Region) -> tuple[slice, ...]:
        """A rectangle of the plane as an index into the whole array."""
        rows, columns = region.slices
        shown = iter((columns, rows) if self.transposed else (rows, columns))
        return tuple(next(shown) if p is None else slice(p, p + 1) for p in self.point)


@dataclass(frozen=True, eq=False)
class LazyPlane:
    """A plane that is read when `numpy.asarray` asks for it: in the worker."""

    source: Any
    index: PlaneIndex
    shape: tuple[int, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        plane = np.asarray(self.index.view(self.source))
        return plane if dtype is None else plane.astype(dtype)


def plane_of(layer: Layer, dims: Any, version: int) -> Plane:
    """The displayed plane of `layer`; UnetppError says why there is none."""
    _check(layer, dims)
    offset = dims.ndim - layer.ndim
    displayed = [axis - offset for axis in dims.displayed]
    if min(displayed) < 0:
        raise UnetppError(f"The viewer does not show a plane of '{layer.name}': change the displayed axes.")
    sizes = layer.data.shape[: layer.ndim]
    position = np.round(np.atleast_1d(layer.world_to_data(dims.point))).astype(int)
    point = tuple(None if axis in displayed else int(position[axis]) for axis in range(layer.ndim))
    if any(p is not None and not 0 <= p < size for p, size in zip(point, sizes, strict=True)):
        raise UnetppError(f"'{layer.name}' has no plane at this position of the slider.")
    index = PlaneIndex(layer.unique_id, version, point, displayed[0] > displayed[1])
    height, width = (int(sizes[axis]) for axis in displayed)
    if height == 0 or width == 0:
        raise UnetppError(f"'{layer.name}' is empty (shape {tuple(sizes)}): open another image.")
    shape = (height, width, int(layer.data.shape[-1])) if layer.rgb else (height, width)
    return Plane(
        key=index,
        image=layer.unique_id,
        name=layer.name,
        data=LazyPlane(layer.data, index, shape),
        rgb=bool(layer.rgb),
        viewport=_viewport(layer, displayed, (height, width)),
        pixel_size=_pixel_size(layer, displayed),
        folder=_folder(layer),
    )


def _check(layer: Layer, dims: Any) -> None:
    name = layer.name
    if not isinstance(layer, Image):
        kind = type(layer).__name__.lower()
        raise UnetppError(f"'{name}' is a {kind} layer, not an image: choose an image layer.")
    if layer.multiscale:
        raise UnetppError(
            f"'{name}' is a multiscale image, which cannot be segmented here yet:"
            " open one of its levels as a plain image."
        )
    if layer.ndim < 2:
        raise UnetppError(f"'{name}' has {layer.ndim} dimension(s); an image needs at least two.")
    if dims.ndisplay != 2:
        raise UnetppError("The viewer shows 3D: switch to 2D (Ctrl+Y); the displayed plane is segmented.")
    if np.dtype(layer.data.dtype).kind not in "buif":
        raise UnetppError(
            f"'{name}' holds {layer.data.dtype} values; expected integers, floats or booleans."
            " Convert it first (complex: take its magnitude)."
        )


def _viewport(layer: Layer, displayed: list[int], shape: tuple[int, int]) -> Region | None:
    (y0, x0), (y1, x1) = (corner[displayed] for corner in np.asarray(layer.corner_pixels))
    y0, x0 = max(0, int(y0)), max(0, int(x0))
    y1, x1 = min(shape[0], int(y1) + 1), min(shape[1], int(x1) + 1)
    return Region(y0, x0, y1, x1) if y1 - y0 > 1 and x1 - x0 > 1 else None


def _pixel_size(layer: Layer, displayed: list[int]) -> float | None:
    """Micrometres per pixel, where the layer carries a unit of length and square pixels."""
    try:
        sizes = [
            float((1.0 * layer.units[axis]).to("micrometer").magnitude) * float(layer.scale[axis])
            for axis in displayed
        ]
    except Exception:
        return None
    square = abs(sizes[0] - sizes[1]) <= 0.01 * max(sizes)
    return sizes[0] if square and sizes[0] > 0 else None


def _folder(layer: Layer) -> Path | None:
    path = layer.source.path
    folder = Path(path).parent if path else None
    return folder if folder is not None and folder.is_dir() else None
