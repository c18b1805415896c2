"""Which plane of an image layer is displayed, and how to read it without touching the rest."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.gui.compat import is_given_label
from napari_unetpp.gui.grids import Grid, grid_of, pixel_size
from napari_unetpp.session.messages.common import reason
from napari_unetpp.session.messages.image import UNLABELLED
from napari_unetpp.session.values import Plane, Step

MAX_PIXELS = 64_000_000
"""Of a level of a multiscale image: what is larger takes too long, and too much memory, for a dock."""


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
    level : int
        Of a multiscale image; `point` counts its pixels.
    """

    image: Hashable
    version: int
    point: tuple[int | None, ...]
    transposed: bool
    level: int = 0

    @property
    def canonical(self) -> PlaneIndex:
        """The same plane, whichever way round it is displayed."""
        return replace(self, transposed=False)

    def view(self, data: NDArray[Any]) -> NDArray[Any]:
        """The plane of `data`, (Y, X) or (Y, X, C), for reading and writing."""
        return self._turned(data[self._key])

    def read(self, data: Any) -> NDArray[Any]:
        """The plane of any array that can be indexed."""
        return self._turned(np.asarray(data[self._key]))

    @property
    def _key(self) -> tuple[Any, ...]:
        return tuple(slice(None) if p is None else p for p in self.point)

    def _turned(self, plane: NDArray[Any]) -> NDArray[Any]:
        return plane.swapaxes(0, 1) if self.transposed else plane

    def pixel(self, y: Any, x: Any) -> tuple[Any, ...]:
        """A pixel of the plane, or arrays of them, as a position in the whole array."""
        shown = iter((x, y) if self.transposed else (y, x))
        return tuple(next(shown) if p is None else p for p in self.point)

    def on_plane(self, position: Iterable[float]) -> tuple[float, float]:
        """A position in the whole array as (y, x) of the plane."""
        first, second = (at for at, p in zip(position, self.point, strict=True) if p is None)
        return (second, first) if self.transposed else (first, second)

    def slices(self, region: Region) -> tuple[slice, ...]:
        """A rectangle of the plane as an index into the whole array."""
        rows, columns = region.slices
        shown = iter((columns, rows) if self.transposed else (rows, columns))
        return tuple(next(shown) if p is None else slice(p, p + 1) for p in self.point)


def index_of(plane: Plane) -> PlaneIndex:
    """The identity of a plane that `plane_of` made."""
    assert isinstance(plane.key, PlaneIndex)
    return plane.key


@dataclass(frozen=True, eq=False)
class LazyPlane:
    """A plane that is read when `numpy.asarray` asks for it: in the worker."""

    source: Any
    index: PlaneIndex
    shape: tuple[int, ...]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        try:
            plane = self.index.read(self.source)
        except MemoryError:
            raise
        except Exception as error:  # of a file that is gone, of whatever library reads it
            raise UnetppError(
                f"The pixels of this plane could not be read ({reason(error)}). Open the image again."
            ) from error
        return plane if dtype is None else plane.astype(dtype)


def shown_axes(dims: Any, ndim: int) -> tuple[int, ...]:
    """The axes of a layer that napari shows: also of one with fewer axes than the viewer, whose own are last.

    Then they may be others than the ones that are displayed of the viewer, where those were rolled.
    """
    offset = dims.ndim - ndim
    return tuple(axis - offset for axis in dims.order if axis >= offset)[-2:]


def grid_under(image: Image, index: PlaneIndex) -> Grid:
    """The pixels of `image` that a plane is one of."""
    return grid_of(image, index.level, [axis for axis, point in enumerate(index.point) if point is None])


def plane_of(
    layer: Layer, dims: Any, version: int, level: int = 0, corners: NDArray[Any] | None = None
) -> Plane:
    """The displayed plane of a level of `layer`; UnetppError says why there is none.

    `corners` are two corners of the view, along the displayed axes of the world; None: what napari loaded
    is taken for the visible part, which for a multiscale image is often more.
    """
    _check(layer, dims)
    offset = dims.ndim - layer.ndim
    displayed = [axis - offset for axis in dims.displayed]
    if min(displayed) < 0:
        raise UnetppError(f"The viewer does not show a plane of '{layer.name}': change the displayed axes.")
    grid = grid_of(layer, level, displayed)
    point = _point(grid, displayed, np.asarray(layer.world_to_data(dims.point)))
    index = PlaneIndex(layer.unique_id, version, point, displayed[0] > displayed[1], level)
    height, width = (grid.shape[axis] for axis in displayed)
    if height == 0 or width == 0:
        raise UnetppError(f"'{layer.name}' is empty (shape {grid.shape}): open another image.")
    if layer.multiscale and height * width > MAX_PIXELS:
        raise UnetppError(
            f"The visible level of '{layer.name}' has {width} x {height} px; at most"
            f" {MAX_PIXELS // 1_000_000} megapixels are segmented here. Zoom out until a coarser level is"
            " shown, crop the image, or use the command line."
        )
    shape = (height, width, int(grid.data.shape[-1])) if layer.rgb else (height, width)
    return Plane(
        key=index,
        image=layer.unique_id,
        name=layer.name,
        data=LazyPlane(grid.data, index, shape),
        rgb=bool(layer.rgb),
        viewport=_viewport(grid, displayed, (height, width), dims, corners),
        pixel=pixel_size(grid, displayed),
        position=_position(layer, dims, point, grid.shape),
        path=_path(layer),
        level=level if layer.multiscale else None,
        factor=float(np.sqrt(np.prod(grid.factors[displayed]))),
        version=version,
    )


def _point(grid: Grid, displayed: list[int], position: NDArray[Any]) -> tuple[int | None, ...]:
    """Which plane napari shows when the sliders are at `position` of the full image."""
    full = grid.image.level_shapes[0]
    point: list[int | None] = [None] * len(full)
    for axis in set(range(len(full))) - set(displayed):
        if not 0 <= np.round(position[axis]) < full[axis]:
            raise UnetppError(f"'{grid.image.name}' has no plane at this position of the slider.")
        at = np.clip(position[axis] / grid.factors[axis], 0, grid.shape[axis] - 1)
        point[axis] = int(np.round(at))
    return tuple(point)


def _position(
    layer: Layer, dims: Any, point: tuple[int | None, ...], shape: tuple[int, ...]
) -> tuple[Step, ...]:
    """Where along the axes that are not displayed; axes without a label get a name from their number."""
    own = [str(label) for label in getattr(layer, "axis_labels", [""] * layer.ndim)]
    viewers = [str(label) for label in dims.axis_labels[-layer.ndim :]]
    hidden = [axis for axis, at in enumerate(point) if at is not None]
    names: dict[int, str] = {}
    for axis in hidden:
        label = next((one for one in (own[axis], viewers[axis]) if is_given_label(one)), "")
        unique = label and label not in names.values()
        names[axis] = label if unique else UNLABELLED if len(hidden) == 1 else f"axis{axis}"
    return tuple(Step(names[axis], point[axis] or 0, shape[axis], axis) for axis in hidden)


def _check(layer: Layer, dims: Any) -> None:
    name = layer.name
    if not isinstance(layer, Image):
        kind = type(layer).__name__.lower()
        raise UnetppError(f"'{name}' is a {kind} layer, not an image: choose an image layer.")
    if layer.ndim < 2:
        raise UnetppError(f"'{name}' has {layer.ndim} dimension(s); an image needs at least two.")
    if dims.ndisplay != 2:
        raise UnetppError("The viewer shows 3D: switch to 2D (Ctrl+Y); the displayed plane is segmented.")
    if np.dtype(layer.data.dtype).kind not in "buif":
        raise UnetppError(
            f"'{name}' holds {layer.data.dtype} values; expected integers, floats or booleans."
            " Convert it first (complex: take its magnitude)."
        )


def _viewport(
    grid: Grid, displayed: list[int], shape: tuple[int, int], dims: Any, corners: NDArray[Any] | None
) -> Region | None:
    """The visible part."""
    if corners is not None:
        points = np.tile(np.asarray(dims.point, float), (4, 1))
        points[:, list(dims.displayed)] = [(y, x) for y in corners[:, 0] for x in corners[:, 1]]
        pixels = np.array([grid.from_world(point)[displayed] for point in points])
        (y0, x0), (y1, x1) = np.floor(pixels.min(axis=0) + 0.5), np.floor(pixels.max(axis=0) + 0.5)
    else:
        (y0, x0), (y1, x1) = (corner[displayed] for corner in np.asarray(grid.image.corner_pixels))
    y0, x0 = max(0, int(y0)), max(0, int(x0))
    y1, x1 = min(shape[0], int(y1) + 1), min(shape[1], int(x1) + 1)
    return Region(y0, x0, y1, x1) if y1 - y0 > 1 and x1 - x0 > 1 else None


def _path(layer: Layer) -> Path | None:
    """The file of a layer, in a folder that is still there."""
    path = Path(layer.source.path) if layer.source.path else None
    return path if path is not None and path.parent.is_dir() else None
