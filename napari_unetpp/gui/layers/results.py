"""Our result layers: one Labels layer for each image, found again or made, placed, painted, locked."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.gui.grids import Grid
from napari_unetpp.gui.layers.class_colours import set_colours
from napari_unetpp.gui.layers.painter import Painter
from napari_unetpp.gui.planes import PlaneIndex, grid_under
from napari_unetpp.gui.tools.features_table import fit_columns_to_few_rows
from napari_unetpp.gui.tools.object_mark import ObjectMark

MARK = "napari_unetpp"
MAX_BYTES = 8 << 30
PAINT_TOOLS = ("paint", "erase", "fill", "polygon")


class Results:
    """The result layers of a viewer.

    Parameters
    ----------
    tool_picked : callable
        Told the image and the tool when a paint tool was picked on a result.

    Attributes
    ----------
    mark : ObjectMark
        Marks the selected object, also of the layers of all planes.
    """

    def __init__(self, viewer: Any, tool_picked: Callable[[Hashable, str], None], parent: QObject) -> None:
        self._viewer = viewer
        self._tool_picked = tool_picked
        self._layers: dict[Hashable, Labels] = {}
        self._levels: dict[Hashable, int] = {}  # of the image, that a layer is of
        self._locked: dict[Hashable, tuple[Labels, bool]] = {}
        self._painter = Painter(parent)
        self.mark = ObjectMark(viewer)

    def prepare(self, image: Image, index: PlaneIndex, *, classes: bool) -> None:
        """Find the layer of an image, or make it; its transforms follow the image's.

        `classes`: numbers are classes, not objects.
        """
        key, grid = index.image, grid_under(image, index)
        layer = self.layer(key) or self._adopt(image)
        before = self._levels.get(key, index.level)
        if layer is None:
            layer = self._make(grid)
        elif layer.data.shape != grid.shape or before != index.level:
            layer.data = _blank(grid.shape)
        self._layers[key], self._levels[key] = layer, index.level
        layer.events.mode.connect(self._on_mode)
        grid.place(layer)
        set_colours(layer, classes=classes)

    def layer(self, image: Hashable) -> Labels | None:
        """The layer of an image, if it is still open."""
        layer = self._layers.get(image)
        return layer if layer is not None and layer in self._viewer.layers else None

    def layer_of(self, index: PlaneIndex) -> Labels | None:
        """The layer of an image, if it is of the level of this plane."""
        return self.layer(index.image) if self._levels.get(index.image) == index.level else None

    def paint(self, index: PlaneIndex, region: Region, values: NDArray[Any], *, final: bool) -> bool:
        """Write a rectangle of a plane; False when the layer was deleted or replaced."""
        layer = self.layer_of(index)
        if layer is None:
            return False
        if values.dtype.itemsize > layer.data.dtype.itemsize:
            layer.data = layer.data.astype(values.dtype)  # more than 65535 objects
        self._painter.paint(layer, index, region, values, final=final)
        return True

    def set_features(self, index: PlaneIndex, columns: Mapping[str, NDArray[Any]]) -> None:
        """Give the layer of an image the features of the objects of a plane, one row for each number."""
        layer = self.layer_of(index)
        if layer is not None:
            fit_columns_to_few_rows(self._viewer)
            layer.features = dict(columns)
            self.mark.watch(layer, index)

    def show(self, image: Hashable, *, shown: bool) -> None:
        """Show or hide the layer of an image; while it is locked it stays as it is."""
        layer = self.layer(image)
        if layer is not None and layer.editable and layer.visible != shown:
            layer.visible = shown

    def lock(self, image: Hashable, *, hide: bool) -> None:
        """Lock the layer while another one is corrected, and hide it if asked; once for all calls."""
        layer = self.layer(image)
        if layer is not None and self._locked.get(image) != (layer, hide):
            self._locked[image] = (layer, hide)
            layer.editable = False
            layer.visible = not hide

    def unlock(self, image: Hashable) -> None:
        """Undo `lock`."""
        layer, _ = self._locked.pop(image, (None, False))
        if layer is not None and layer in self._viewer.layers:
            layer.visible = layer.editable = True

    def deleted(self) -> list[Hashable]:
        """Images whose layer was deleted since the last call."""
        gone = [image for image in self._layers if self.layer(image) is None]
        for image in gone:
            layer = self._layers.pop(image)
            layer.events.mode.disconnect(self._on_mode)
            self.mark.leave(layer)
            self._locked.pop(image, None)
        return gone

    def forget(self, image: Hashable) -> None:
        """The image was closed; its layer is the user's now."""
        layer = self._layers.pop(image, None)
        if layer is not None:
            self.mark.leave(layer)

    def close(self) -> None:
        """Let go of the layers; they stay."""
        self._painter.close()
        self.mark.close()
        for layer in self._layers.values():
            layer.events.mode.disconnect(self._on_mode)
        self._layers.clear()
        self._locked.clear()

    def _adopt(self, image: Image) -> Labels | None:
        """The layer that an earlier dock of this viewer made."""
        shapes = [tuple(shape) for shape in image.level_shapes]
        for layer in self._viewer.layers:
            ours = isinstance(layer, Labels) and layer.metadata.get(MARK) == str(image.unique_id)
            if ours and layer.data.shape in shapes and isinstance(layer.data, np.ndarray):
                return layer
        return None

    def _make(self, grid: Grid) -> Labels:
        selected = self._viewer.layers.selection.active
        layer = Labels(
            _blank(grid.shape),
            name=f"{grid.image.name} prediction",
            metadata={MARK: str(grid.image.unique_id)},
            **grid.transforms,
        )
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = selected
        return layer

    def _on_mode(self, event: Any) -> None:
        """A paint tool was picked on a result, which is corrected in a layer of its own."""
        layer = event.source
        image = next((key for key, ours in self._layers.items() if ours is layer), None)
        tool = str(layer.mode)
        if image is not None and tool in PAINT_TOOLS and layer.editable:
            layer.mode = "pan_zoom"
            self._tool_picked(image, tool)


def _blank(shape: tuple[int, ...]) -> NDArray[np.uint16]:
    if 2 * np.prod(shape, dtype=np.float64) > MAX_BYTES:
        raise UnetppError(
            f"A result layer for this stack of shape {shape} would not fit into memory."
            " Crop the stack first, or use the command line."
        )
    # 16 bits: napari shows them as they are, while it converts wider ones at every repaint
    return np.zeros(shape, np.uint16)
