"""Our layers of all planes of an image: one Labels layer, filled plane by plane, and the tracks of a film."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer, Tracks
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.gui.grids import Grid, grid_of, pixel_size
from napari_unetpp.gui.layers.axes_of_layer import full_array
from napari_unetpp.gui.layers.class_colours import set_colours
from napari_unetpp.gui.layers.layers import NapariLayers
from napari_unetpp.gui.layers.painter import Painter
from napari_unetpp.gui.planes import PlaneIndex
from napari_unetpp.session.stacks.values import StackSource
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.selection import Position

MARK = "napari_unetpp_stack"
"""Key of the metadata of our layers of all planes: of which image."""

TRACKS = "napari_unetpp_tracks"
MAX_BYTES = 8 << 30
MOST_AXES = 4
"""Of tracks in napari."""


@dataclass(frozen=True, eq=False)
class _Stack:
    """A layer of all planes, how its axes are read, and of which data of the image it is."""

    layer: Labels
    axes: Axes
    version: int


class NapariStacks:
    """`StackLayers` by a napari viewer.

    Parameters
    ----------
    viewer : napari.Viewer
    layers : NapariLayers
        Knows the open images, and the layers of displayed planes.
    """

    def __init__(self, viewer: Any, layers: NapariLayers, parent: QObject) -> None:
        self._viewer, self._layers = viewer, layers
        self._stacks: dict[Hashable, _Stack] = {}
        self._painter = Painter(parent)

    def source(self, image: Hashable) -> StackSource:
        """The pixels of a whole image at full resolution."""
        layer = self._layers.open.get(image)
        grid = _grid(layer)
        rows_and_columns = list(range(layer.ndim))[-2:]
        return StackSource(
            image,
            self._layers.open.version(image),
            layer.name,
            full_array(layer),
            pixel_size(grid, rows_and_columns),
        )

    def go_to(self, image: Hashable, axis: int, index: int) -> None:
        """Display another plane along an axis of the image."""
        layer, dims = self._layers.open.get(image), self._viewer.dims
        point = np.array(layer.world_to_data(dims.point[-layer.ndim :]))
        point[axis] = index
        world = layer.data_to_world(point)
        dims.set_point(axis + dims.ndim - layer.ndim, world[axis])

    def begin(self, image: Hashable, axes: Axes, *, classes: bool) -> None:
        """Make our layer of all planes, or empty it."""
        layer = self._layers.open.get(image)
        data = _blank(axes)
        stack = self._stacks.get(image)
        if stack is not None and stack.layer in self._viewer.layers:
            ours = stack.layer
            ours.data = data
        else:
            ours = self._add(layer, Labels, data, "all planes", MARK)
        ours.editable = False  # corrections have a layer of their own
        _grid(layer).place(ours)
        set_colours(ours, classes=classes)
        self._stacks[image] = _Stack(ours, axes, self._layers.open.version(image))

    def paint(self, image: Hashable, position: Position, region: Region, values: NDArray[np.uint32]) -> bool:
        """Write a rectangle of a plane; False when the image or our layer was closed or replaced."""
        stack = self._stacks.get(image)
        if stack is None or stack.layer not in self._viewer.layers:
            return False
        if self._layers.open.find(image) is None or stack.version != self._layers.open.version(image):
            return False
        index = self._index(image, stack, position)
        self._painter.paint(stack.layer, index, region, values, final=True)
        return True

    def show(self, image: Hashable, *, stack: bool) -> None:
        """Show our layer of all planes and hide that of the displayed plane, or the other way round."""
        found = self._stacks.get(image)
        if found is None or found.layer not in self._viewer.layers:
            return
        if found.layer.visible != stack:
            found.layer.visible = stack
        self._layers.show_result(image, shown=not stack)

    def show_tracks(self, image: Hashable, rows: NDArray[Any]) -> bool:
        """Show where objects are in each frame; False where the image has too many axes for that."""
        layer, stack = self._layers.open.find(image), self._stacks.get(image)
        if not isinstance(layer, Image) or stack is None or layer.ndim > MOST_AXES:
            return False
        names = stack.axes.names.replace("S", "")
        columns = {"T": rows[:, 1], "Y": rows[:, -2], "X": rows[:, -1]}
        if rows.shape[1] == 5:
            columns["Z"] = rows[:, 2]
        nothing = np.zeros(len(rows))
        data = np.column_stack([rows[:, 0], *(columns.get(name, nothing) for name in names)])
        before = next((one for one in self._viewer.layers if one.metadata.get(TRACKS) == _key(layer)), None)
        if before is not None:
            before.data = data
        else:
            self._add(layer, Tracks, data, "tracks", TRACKS)
        return True

    def name(self, image: Hashable) -> str | None:
        """Name of our layer of all planes; None where there is none."""
        stack = self._stacks.get(image)
        return stack.layer.name if stack is not None and stack.layer in self._viewer.layers else None

    def close(self) -> None:
        """Let go of the viewer; the layers stay."""
        self._painter.close()
        self._stacks.clear()

    # ------------------------------------------------------------------ helpers

    def _add(self, image: Image, kind: Callable[..., Any], data: Any, what: str, mark: str) -> Any:
        """Add a layer over an image; what was selected stays selected."""
        selected = self._viewer.layers.selection.active
        name, metadata = f"{image.name} {what}", {mark: _key(image)}
        made = kind(data, name=name, metadata=metadata, **_grid(image).transforms)
        self._viewer.add_layer(made)
        self._viewer.layers.selection.active = selected
        return made

    def _index(self, image: Hashable, stack: _Stack, position: Position) -> PlaneIndex:
        """Where a plane lies in our layer: at the displayed channel, for all channels have the same."""
        layer = self._layers.open.get(image)
        shown = layer.world_to_data(self._viewer.dims.point[-layer.ndim :])
        names = stack.axes.names.replace("S", "")
        at = {"T": position.t, "Z": position.z or 0, "Y": None, "X": None}
        if "C" in names:
            axis = names.index("C")
            at["C"] = int(np.clip(np.round(shown[axis]), 0, stack.layer.data.shape[axis] - 1))
        point = tuple(at.get(name, 0) for name in names)
        return PlaneIndex(image, stack.version, point, names.index("Y") > names.index("X"))


def _blank(axes: Axes) -> NDArray[np.uint32]:
    """Labels of all planes (0), of which every channel shows the same ones: they are in memory once."""
    lengths = [(name, n) for name, n in zip(axes.names, axes.shape, strict=True) if name != "S"]
    single = tuple(1 if name == "C" else n for name, n in lengths)
    size = 4 * int(np.prod(single, dtype=np.float64))
    if size > MAX_BYTES:
        raise UnetppError(
            f"The labels of all planes would take {size / 1e9:.0f} GB of memory. Crop the image first, or "
            "use the command line: napari-unetpp segment."
        )
    labels = np.zeros(single, np.uint32)
    strides = [0 if name == "C" else step for (name, _), step in zip(lengths, labels.strides, strict=True)]
    return as_strided(labels, tuple(n for _, n in lengths), strides)


def _grid(image: Image) -> Grid:
    """All pixels of an image at full resolution."""
    return grid_of(image, 0, range(image.ndim)[-2:])


def _key(image: Layer) -> str:
    return str(image.unique_id)
