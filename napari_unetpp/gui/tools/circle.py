"""The circle that tells how large the objects are: an ellipse over the image, resized with the mouse."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
from napari.layers import Image, Shapes

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.gui.compat import camera_of
from napari_unetpp.gui.planes import PlaneIndex, grid_under, index_of
from napari_unetpp.session.ports import LayerSignals
from napari_unetpp.session.values import Plane

NAME = "object size"
COLOUR = "#ffd000"

LARGE_ENOUGH = 100.0
"""Screen px that the circle measures at first, at least: its handles hide a smaller one."""


class Circle:
    """At most one circle, in a layer of its own that is removed with it."""

    def __init__(self, viewer: Any, signals: LayerSignals) -> None:
        self._viewer = viewer
        self._signals = signals
        self._layer: Shapes | None = None
        self._plane: PlaneIndex | None = None
        self._before: Any = None
        self._zoom: tuple[float, float] | None = None  # of the camera, before and because of the circle

    def show(self, image: Image, plane: Plane, diameter: float) -> None:
        """Draw the circle in the middle of what is visible; zoom in where it would be too small to see."""
        self.hide()
        displayed = [axis - (self._viewer.dims.ndim - image.ndim) for axis in self._viewer.dims.displayed]
        if displayed != [image.ndim - 2, image.ndim - 1]:
            raise UnetppError("The circle needs the last two axes displayed: reset the axis order first.")
        self._before = self._viewer.layers.selection.active
        self._plane = index_of(plane)
        transforms = grid_under(image, self._plane).transforms
        self._zoom_in(diameter * abs(float(transforms["scale"][-1])))
        view = plane.viewport or Region(0, 0, *plane.shape)
        centre = np.array([(view.y0 + view.y1) / 2, (view.x0 + view.x1) / 2])
        corners = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]) * diameter / 2 + centre
        self._layer = Shapes(
            [corners],
            shape_type="ellipse",
            name=NAME,
            edge_color=COLOUR,
            face_color="transparent",
            edge_width=max(0.5, diameter / 20),
            scale=transforms["scale"][-2:],
            translate=transforms["translate"][-2:],
        )
        self._viewer.add_layer(self._layer)
        self._viewer.layers.selection.active = self._layer
        self._layer.mode = "select"
        self._layer.selected_data = {0}
        self._layer.events.data.connect(self._on_data)

    def hide(self) -> None:
        """Remove the circle and select what was selected before."""
        layer, self._layer = self._layer, None
        if layer is None:
            return
        layer.events.data.disconnect(self._on_data)
        if layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
            if self._before in self._viewer.layers:
                self._viewer.layers.selection.active = self._before
        self._before = None
        self._zoom_back()

    def close(self) -> None:
        """Let go of the viewer."""
        self.hide()
        self._viewer = None

    def check(self) -> None:
        """Notice that the user removed the layer."""
        if self._layer is not None and self._layer not in self._viewer.layers:
            self._layer = None
            self._signals.circle_removed.emit()

    def check_level(self, image: Hashable, level: int) -> None:
        """Remove the circle if the image is worked on at another level now: its pixels have another size."""
        plane = self._plane
        if self._layer is not None and plane is not None and plane.image == image and plane.level != level:
            self.hide()
            self._signals.circle_removed.emit()

    def _zoom_in(self, size: float) -> None:
        """Show `size`, in units of the world, large enough."""
        camera = camera_of(self._viewer)
        wanted = LARGE_ENOUGH / max(size, 1e-9)
        if camera.zoom < wanted:
            before = camera.zoom
            camera.zoom = wanted
            self._zoom = before, camera.zoom

    def _zoom_back(self) -> None:
        """As before the circle, unless the user has zoomed since."""
        zoom, self._zoom = self._zoom, None
        camera = camera_of(self._viewer)
        if zoom is not None and camera.zoom == zoom[1]:
            camera.zoom = zoom[0]

    def _on_data(self, _event: Any = None) -> None:
        if self._layer is None or not self._layer.data:
            return
        box = np.ptp(np.asarray(self._layer.data[0])[:, -2:], axis=0)
        self._signals.circle_changed.emit(float(np.sqrt(box[0] * box[1])))
