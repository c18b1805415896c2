"""Our layers of all planes of an image: one Labels layer, filled plane by plane, and the tracks of a film."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import psutil
from napari.layers import Image, Labels, Layer, Tracks
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from superqt.utils import qthrottled

from napari_unetpp._types import Region
from napari_unetpp.gui.grids import Grid, grid_of, pixel_size
from napari_unetpp.gui.layer_axes import full_array
from napari_unetpp.gui.layers.class_colours import set_colours
from napari_unetpp.gui.layers.layers import NapariLayers
from napari_unetpp.gui.layers.painter import REFRESH_MS, Painter
from napari_unetpp.gui.planes import PlaneIndex, index_of, shown_axes
from napari_unetpp.gui.tools.areas import drawn_area, user_shapes, visible_area
from napari_unetpp.gui.tools.features_table import fit_columns_to_few_rows
from napari_unetpp.session.stacks.labels import StoredLabels, blank_labels, labels_at
from napari_unetpp.session.stacks.request import StackRequest
from napari_unetpp.session.stacks.values import VIEW, Area, StackSource
from napari_unetpp.session.values import ImageChoice, Plane
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.ome_zarr import LabelsZarr
from napari_unetpp.volumes.selection import Position

MARK = "napari_unetpp_stack"
"""Key of the metadata of our layers of all planes: of which image."""

TRACKS = "napari_unetpp_tracks"
"""The same of our tracks."""

HOLDS = "napari_unetpp_holds"
"""Key of the metadata that says what a layer of ours holds."""

ALL = "all planes"
MAX_BYTES = 8 << 30
"""Of labels in memory."""

MOST_IN_3D = 16_000_000
"""Voxels of a stack that is drawn anew in 3D while it is segmented."""

MOST_AXES = 4
"""Of tracks in napari."""


@dataclass(frozen=True, eq=False)
class _Stack:
    """A layer of ours, how its axes are read, and of which data of the image it is.

    `projected`: it shows the same along depth.
    """

    layer: Labels
    axes: Axes
    version: int
    projected: bool = False


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
        self._stale: list[Labels] = []  # layers that show less than they hold
        self._painter = Painter(parent)
        layers.open.signals.closed.connect(self._forget)
        self._refresh_later = qthrottled(self._refresh_stale, REFRESH_MS, leading=False, parent=parent)

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

    def areas(self) -> list[ImageChoice]:
        """Shapes layers of the user, the topmost first."""
        return user_shapes(self._viewer)

    def area(self, image: Hashable, axes: Axes, region: Hashable) -> Area:
        """What of an image the view shows, or a Shapes layer covers."""
        layer = self._layers.open.get(image)
        if region == VIEW:
            return visible_area(self._viewer, layer, axes)
        return drawn_area(self._viewer, layer, axes, self._layers.open.get(region))

    def begin(self, request: StackRequest) -> None:
        """Make our layer for a request, or empty it; a region does not replace all planes."""
        image, axes = request.source.image, request.selection.axes
        layer, before = self._layers.open.get(image), self._stacks.get(image)
        projected, what = bool(request.selection.project), _what(request)
        data = blank_labels(axes, "CZ" if projected else "C")
        ours = self._find(layer, what)
        if ours is not None:
            ours.data = data
        else:
            ours = self._add(layer, Labels, data, what, MARK)
        if before is not None and before.layer is not ours and before.layer in self._viewer.layers:
            before.layer.visible = False
        ours.editable = False  # corrections have a layer of their own
        _grid(layer).place(ours)
        set_colours(ours, classes=not request.objects)
        self._stacks[image] = _Stack(ours, axes, self._layers.open.version(image), projected)

    def begin_stored(self, request: StackRequest, labels: LabelsZarr) -> None:
        """Make our layer of labels on disk anew: napari takes no other levels into one."""
        image, axes = request.source.image, request.selection.axes
        layer = self._layers.open.get(image)
        names = "".join(axis["name"].upper() for axis in labels.group.attrs["multiscales"][0]["axes"])
        levels = [StoredLabels(level, names, axes) for level in labels.levels]
        before = self._stacks.pop(image, None)
        if before is not None and before.layer in self._viewer.layers:
            before.layer.visible = False
            if before.layer.metadata.get(HOLDS) == _what(request):
                self._layers.mark.leave(before.layer)
                self._viewer.layers.remove(before.layer)
        data = levels if labels.complete and len(levels) > 1 else levels[0]
        ours = self._add(layer, Labels, data, _what(request), MARK)
        ours.editable = False
        set_colours(ours, classes=not request.objects)
        self._stacks[image] = _Stack(ours, axes, self._layers.open.version(image))

    def refresh(self, image: Hashable) -> bool:
        """Show what was written to labels on disk; False when the image or our layer is gone or replaced."""
        stack = self._stacks.get(image)
        there = stack is not None and self._is_current(image, stack)
        if stack is not None and there:
            self._refresh_soon(stack.layer)
        return there

    def fits(self, size: int) -> bool:
        """Whether so many bytes of labels fit into memory, and leave half of what is free."""
        return bool(size <= min(MAX_BYTES, psutil.virtual_memory().available // 2))

    def paint(self, image: Hashable, position: Position, region: Region, values: NDArray[np.uint32]) -> bool:
        """Write a rectangle of a plane; False when the image or our layer was closed or replaced."""
        stack = self._stacks.get(image)
        if stack is None or not self._is_current(image, stack):
            return False
        index = self._index(image, stack, position)
        self._painter.paint(stack.layer, index, region, values, final=True)
        if self._is_turned(stack):
            self._refresh_soon(stack.layer)
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

    def reader(self, image: Hashable) -> Callable[[Position], NDArray[Any]]:
        """Gives the labels (Y, X) of planes of our layer as it is now, also to a worker."""
        stack = self._stacks[image]
        data = stack.layer.data[0] if stack.layer.multiscale else stack.layer.data
        return partial(labels_at, data, stack.axes)

    def displayed(self, plane: Plane) -> NDArray[Any] | None:
        """What our layer shows for this plane, if it is of the same pixels."""
        stack, index = self._stacks.get(plane.image), index_of(plane)
        if stack is None or index.level or not stack.layer.visible or stack.version != plane.version:
            return None
        in_memory = isinstance(stack.layer.data, np.ndarray)
        return index.view(stack.layer.data) if in_memory and stack.layer in self._viewer.layers else None

    def set_features(self, plane: Plane, columns: Mapping[str, NDArray[Any]]) -> None:
        """Give our layer the features of the objects of this plane, one row for each number."""
        stack = self._stacks.get(plane.image)
        if stack is not None and stack.layer in self._viewer.layers:
            fit_columns_to_few_rows(self._viewer)
            stack.layer.features = dict(columns)
            self._layers.mark.watch(stack.layer, index_of(plane))

    def name(self, image: Hashable) -> str | None:
        """Name of our layer of all planes; None where there is none."""
        stack = self._stacks.get(image)
        return stack.layer.name if stack is not None and stack.layer in self._viewer.layers else None

    def close(self) -> None:
        """Let go of the viewer; the layers stay."""
        self._painter.close()
        self._refresh_later.cancel()
        self._stacks.clear()
        self._stale.clear()

    # ------------------------------------------------------------------ helpers

    def _is_current(self, image: Hashable, stack: _Stack) -> bool:
        """Whether our layer and the image are open, and the image is the one that was segmented."""
        there = stack.layer in self._viewer.layers and self._layers.open.find(image) is not None
        return there and stack.version == self._layers.open.version(image)

    def _forget(self, image: Hashable) -> None:
        """The image was closed; its layers are the user's now."""
        stack = self._stacks.pop(image, None)
        if stack is not None:
            self._layers.mark.leave(stack.layer)

    def _is_turned(self, stack: _Stack) -> bool:
        """Whether napari shows other axes than rows and columns: then a painted plane crosses the shown one.

        In 3D a refresh sends the whole stack to the screen, so only that of a small one is worth it.
        """
        names, dims = stack.axes.names.replace("S", ""), self._viewer.dims
        if dims.ndisplay == 3:
            return bool(stack.layer.data.size <= MOST_IN_3D)
        return shown_axes(dims, stack.layer.ndim) != (names.index("Y"), names.index("X"))

    def _refresh_soon(self, layer: Labels) -> None:
        if layer not in self._stale:
            self._stale.append(layer)
        self._refresh_later()

    def _refresh_stale(self) -> None:
        for layer in self._stale:
            if layer in self._viewer.layers:
                layer.refresh()
        self._stale.clear()

    def _find(self, image: Image, what: str) -> Labels | None:
        """The layer that was made for this before, also by an earlier dock; not one of labels on disk."""
        for layer in self._viewer.layers:
            ours = layer.metadata.get(MARK) == _key(image) and layer.metadata.get(HOLDS) == what
            if ours and isinstance(layer, Labels) and isinstance(layer.data, np.ndarray):
                return layer
        return None

    def _add(self, image: Image, kind: Callable[..., Any], data: Any, what: str, mark: str) -> Any:
        """Add a layer over an image; what was selected stays selected."""
        selected = self._viewer.layers.selection.active
        name, metadata = f"{image.name} {what}", {mark: _key(image), HOLDS: what}
        made = kind(data, name=name, metadata=metadata, **_grid(image).transforms)
        self._viewer.add_layer(made)
        self._viewer.layers.selection.active = selected
        return made

    def _index(self, image: Hashable, stack: _Stack, position: Position) -> PlaneIndex:
        """Where a plane lies in our layer: at the displayed channel, for all channels have the same.

        So it is with the planes of a projection.
        """
        layer = self._layers.open.get(image)
        shown = layer.world_to_data(self._viewer.dims.point[-layer.ndim :])
        names = stack.axes.names.replace("S", "")
        at = {"T": position.t, "Z": position.z or 0, "Y": None, "X": None}
        for name in "CZ" if stack.projected else "C":
            if name in names:
                axis = names.index(name)
                at[name] = int(np.clip(np.round(shown[axis]), 0, stack.layer.data.shape[axis] - 1))
        point = tuple(at.get(name, 0) for name in names)
        return PlaneIndex(image, stack.version, point, names.index("Y") > names.index("X"))


def _grid(image: Image) -> Grid:
    """All pixels of an image at full resolution."""
    return grid_of(image, 0, range(image.ndim)[-2:])


def _what(request: StackRequest) -> str:
    """What our layer for a request holds, in words: for its name."""
    if request.area is not None:
        return "region"
    if request.selection.project:
        return f"{request.selection.project} projection"
    return ALL if request.whole else "range"


def _key(image: Layer) -> str:
    return str(image.unique_id)
