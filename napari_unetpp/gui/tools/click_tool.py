"""The click tool: a click or a box dragged on an image, told in pixels of its displayed plane."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from qtpy.QtCore import QPoint, QRect
from qtpy.QtWidgets import QRubberBand

from napari_unetpp._types import Region
from napari_unetpp.gui.compat import camera_of, canvas_widget
from napari_unetpp.gui.planes import grid_under, index_of
from napari_unetpp.session.ports import LayerSignals
from napari_unetpp.session.values import Click, Plane

DRAG = 5.0
"""Screen px from which a click is a box."""

REMOVE = "Shift"


class ClickTool:
    """Listens to the mouse while it is active; panning is off then, zooming goes on.

    Parameters
    ----------
    viewer : napari.Viewer
    signals : LayerSignals
    read : callable
        Gives the displayed plane of an image.
    """

    def __init__(self, viewer: Any, signals: LayerSignals, read: Callable[[Hashable], Plane]) -> None:
        self._viewer, self._signals, self._read = viewer, signals, read
        self._image: Hashable | None = None
        self._band: QRubberBand | None = None

    def set(self, image: Hashable | None) -> None:
        """Make the tool active for an image; None: inactive."""
        active_before, self._image = self._image is not None, image
        selected = self._viewer.layers.selection.events.active
        if image is not None and not active_before:
            self._viewer.mouse_drag_callbacks.append(self._on_drag)
            selected.connect(self._disable_panning)
        elif image is None and active_before:
            self._viewer.mouse_drag_callbacks.remove(self._on_drag)
            selected.disconnect(self._disable_panning)
        if image is not None:
            layer = self._viewer.layers.selection.active
            if layer is not None and layer.mode != "pan_zoom":
                layer.mode = "pan_zoom"
            self._disable_panning()
        elif active_before:
            layer = self._viewer.layers.selection.active
            camera_of(self._viewer).mouse_pan = layer is None or layer.mouse_pan

    def close(self) -> None:
        """Let go of the viewer."""
        self.set(None)
        self._hide_band()
        self._viewer = None

    def _disable_panning(self, _event: Any = None) -> None:
        camera_of(self._viewer).mouse_pan = False

    def _on_drag(self, viewer: Any, event: Any) -> Iterator[None]:
        """One gesture, from the press to the release."""
        layer = viewer.layers.selection.active
        if layer is not None and layer.mode != "pan_zoom":
            self._signals.click_tool_ended.emit()  # another tool was picked
            return
        if event.button != 1:
            return
        first, pressed = np.array(event.position), np.array(event.pos)
        remove = REMOVE in [str(getattr(key, "name", key)) for key in event.modifiers]
        yield
        while event.type == "mouse_move":
            self._show_band(pressed, np.array(event.pos))
            yield
        self._hide_band()
        box = float(np.linalg.norm(np.array(event.pos) - pressed)) > DRAG
        last = np.array(event.position) if box else first
        region = self._region(first, last)
        if region is not None:
            self._signals.clicked.emit(self._image, Click(region, remove))

    def _region(self, first: Any, last: Any) -> Region | None:
        """Pixels between two points of the world, both included; None outside the image."""
        plane = self._read(self._image)
        index = index_of(plane)
        layer = next((one for one in self._viewer.layers if one.unique_id == plane.image), None)
        if layer is None:
            return None
        grid = grid_under(layer, index)
        corners = [index.on_plane(grid.from_world(point)) for point in (first, last)]
        low, high = np.floor(np.min(corners, axis=0) + 0.5), np.floor(np.max(corners, axis=0) + 0.5)
        (y0, x0), (y1, x1) = np.maximum(low, 0), np.minimum(high + 1, plane.shape)
        return Region(int(y0), int(x0), int(y1), int(x1)) if y1 > y0 and x1 > x0 else None

    def _show_band(self, first: Any, last: Any) -> None:
        """The box as it is dragged; a viewer without a window has none."""
        canvas = canvas_widget(self._viewer)
        if canvas is None:
            return
        if self._band is None:
            self._band = QRubberBand(QRubberBand.Shape.Rectangle, canvas)
        (x0, y0), (x1, y1) = np.minimum(first, last), np.maximum(first, last)
        self._band.setGeometry(QRect(QPoint(int(x0), int(y0)), QPoint(int(x1), int(y1))))
        self._band.show()

    def _hide_band(self) -> None:
        band, self._band = self._band, None
        if band is not None:
            with suppress(RuntimeError):
                band.hide()
                band.deleteLater()
