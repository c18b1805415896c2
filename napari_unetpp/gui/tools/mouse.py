"""The mouse as a tool: a click, a box or a line on an image, told in pixels of its displayed plane."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.gui.compat import camera_of
from napari_unetpp.gui.planes import grid_under, index_of
from napari_unetpp.gui.tools.bands import Bands
from napari_unetpp.session.ports import LayerSignals
from napari_unetpp.session.values import Click, Line, MouseTool, Plane

DRAG = 5.0
"""Screen px from which a click is a box or a line."""

REMOVE = "Shift"
OTHER_TOOLS: dict[str, MouseTool] = {"Alt": "merge", "Control": "split"}
"""What a key makes of the click tool."""


class Mouse:
    """Listens to the mouse while it is a tool; panning is off then, zooming goes on.

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
        self._tool: MouseTool = "click"
        self._bands = Bands()

    def set(self, image: Hashable | None, tool: MouseTool = "click") -> None:
        """Be a tool on an image; None: none."""
        active_before, self._image, self._tool = self._image is not None, image, tool
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
        self._bands.hide()
        self._viewer = None

    def _disable_panning(self, _event: Any = None) -> None:
        camera_of(self._viewer).mouse_pan = False

    def _on_drag(self, viewer: Any, event: Any) -> Iterator[None]:
        """One gesture, from the press to the release."""
        layer = viewer.layers.selection.active
        if layer is not None and layer.mode != "pan_zoom":
            self._signals.mouse_tool_ended.emit()  # another tool was picked
            return
        if event.button != 1:
            return
        keys = [str(getattr(key, "name", key)) for key in event.modifiers]
        others = [OTHER_TOOLS[key] for key in keys if key in OTHER_TOOLS and self._tool == "click"]
        tool = others[0] if others else self._tool
        if tool == "click":
            yield from self._box(viewer, event, remove=REMOVE in keys)
        else:
            yield from self._line(viewer, event, tool)

    def _box(self, viewer: Any, event: Any, *, remove: bool) -> Iterator[None]:
        """A click, or a box from where it was pressed to where it was released."""
        first, pressed = np.array(event.position), np.array(event.pos)
        yield
        while event.type == "mouse_move":
            self._bands.show_box(viewer, pressed, np.array(event.pos))
            yield
        self._bands.hide()
        last = np.array(event.position) if _is_drag([pressed, event.pos]) else first
        region = self._region(first, last)
        if region is not None:
            self._signals.clicked.emit(self._image, Click(region, remove))

    def _line(self, viewer: Any, event: Any, tool: MouseTool) -> Iterator[None]:
        """A click, or all places that the mouse went through."""
        places, on_screen = [np.array(event.position)], [np.array(event.pos)]
        yield
        while event.type == "mouse_move":
            places.append(np.array(event.position))
            on_screen.append(np.array(event.pos))
            self._bands.show_line(viewer, on_screen)
            yield
        self._bands.hide()
        if _is_drag([*on_screen, event.pos]):
            places.append(np.array(event.position))
        else:
            del places[1:]
        points = self._points(places)
        if points:
            self._signals.drawn.emit(self._image, Line(tool, points))

    def _region(self, first: Any, last: Any) -> Region | None:
        """Pixels between two points of the world, both included; None outside the image."""
        found = self._on_plane([first, last])
        if found is None:
            return None
        corners, shape = found
        (y0, x0), (y1, x1) = np.maximum(corners.min(axis=0), 0), np.minimum(corners.max(axis=0) + 1, shape)
        return Region(int(y0), int(x0), int(y1), int(x1)) if y1 > y0 and x1 > x0 else None

    def _points(self, places: list[Any]) -> tuple[tuple[int, int], ...]:
        """The pixels at points of the world, without repetitions; none where all lie outside the image."""
        found = self._on_plane(places)
        if found is None:
            return ()
        pixels, (height, width) = found
        points = [(int(y), int(x)) for y, x in pixels]
        if not any(0 <= y < height and 0 <= x < width for y, x in points):
            return ()
        return tuple(point for n, point in enumerate(points) if n == 0 or point != points[n - 1])

    def _on_plane(self, places: list[Any]) -> tuple[NDArray[np.intp], tuple[int, int]] | None:
        """Pixels (N, 2) of the displayed plane at points of the world, and its shape; None: no image."""
        if self._image is None:
            return None  # the tool was put away, or the dock closed, during the gesture
        plane = self._read(self._image)
        index = index_of(plane)
        layer = next((one for one in self._viewer.layers if one.unique_id == plane.image), None)
        if layer is None:
            return None
        grid = grid_under(layer, index)
        found = np.array([index.on_plane(grid.from_world(place)) for place in places])
        return np.floor(found + 0.5).astype(np.intp), plane.shape


def _is_drag(on_screen: list[Any]) -> bool:
    """Whether the mouse went away from where it was pressed."""
    return bool(np.linalg.norm(np.array(on_screen) - on_screen[0], axis=1).max() > DRAG)
