"""One object of a result is marked by its outline: the one that was clicked, or chosen in napari's table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray

from napari_unetpp.files.objects.outlines import Ring, object_outlines
from napari_unetpp.gui.compat import camera_of, visible_corners
from napari_unetpp.gui.grids import TRANSFORMS
from napari_unetpp.gui.planes import PlaneIndex, shown_axes

NAME = "selected object"
COLOUR = "#ffd000"

WIDTH = 3.0
"""Of the outline, in px of the screen when it is drawn."""

CLICK = 5.0
"""Screen px that the mouse may move in a click."""


class ObjectMark:
    """Follows the selected label of result layers, which napari's table of features follows and sets, too."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._planes: dict[Labels, PlaneIndex] = {}
        self._seen: dict[Labels, int] = {}  # the label that was selected when a layer was last looked at
        self._layer: Shapes | None = None
        self._marked: tuple[Labels, int] | None = None

    def watch(self, layer: Labels, index: PlaneIndex) -> None:
        """Listen to a layer, whose features are of this plane from now on."""
        if layer not in self._planes:
            layer.events.selected_label.connect(self._on_selected)
            layer.mouse_drag_callbacks.append(self._on_drag)
            self._seen[layer] = int(layer.selected_label)
        self._planes[layer] = index
        if self._marked is not None and self._marked[0] is layer:
            self._mark(*self._marked)  # it has changed, or is gone

    def leave(self, layer: Labels) -> None:
        """Listen no more."""
        if self._planes.pop(layer, None) is not None:
            layer.events.selected_label.disconnect(self._on_selected)
            with suppress(ValueError):
                layer.mouse_drag_callbacks.remove(self._on_drag)
            del self._seen[layer]
        if self._marked is not None and self._marked[0] is layer:
            self.hide()

    def hide(self) -> None:
        """Take the outline away."""
        layer, self._layer, self._marked = self._layer, None, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def close(self) -> None:
        """Let go of the viewer."""
        for layer in list(self._planes):
            self.leave(layer)
        self.hide()
        self._viewer = None

    # ------------------------------------------------------------------- events

    def _on_selected(self, event: Any) -> None:
        """It is also said when only the colour of the selected label has changed."""
        layer = event.source
        number = int(layer.selected_label)
        if self._seen.get(layer) != number:
            self._seen[layer] = number
            self._mark(layer, number)

    def _on_drag(self, layer: Labels, event: Any) -> Iterator[None]:
        """A click, without dragging, selects the object under the mouse."""
        if event.button != 1 or str(layer.mode) != "pan_zoom":
            return
        pressed = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if float(np.linalg.norm(np.array(event.pos) - pressed)) > CLICK:
            return
        number = layer.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=event.dims_displayed,
            world=True,
        )
        if number:
            self._seen[layer] = int(number)
            layer.selected_label = int(number)
            self._mark(layer, int(number))

    # ---------------------------------------------------------------- the outline

    def _mark(self, layer: Labels, number: int) -> None:
        """Draw the outline of an object; none where the plane has no such object."""
        index = self._planes.get(layer)
        rings = [] if index is None or number == 0 else _rings(index.view(layer.data), number)
        if index is None or not rings:
            self.hide()
            return
        self._marked = layer, number
        lines = [_line(index, ring) for ring in rings]
        if self._layer is None or self._layer not in self._viewer.layers:
            self._layer = self._make(layer)
        self._layer.data = []
        pixel = camera_of(self._viewer).zoom * abs(float(layer.scale[-1]))  # in px of the screen
        self._layer.add(lines, shape_type="path", edge_color=COLOUR, edge_width=WIDTH / pixel)
        self._bring_into_view(layer, np.concatenate(lines).mean(axis=0))

    def _make(self, layer: Labels) -> Shapes:
        selection = self._viewer.layers.selection
        active = selection.active
        outline = Shapes(ndim=layer.ndim, name=NAME, **{name: getattr(layer, name) for name in TRANSFORMS})
        # napari selects what is added. Nobody is told: its table would be filled anew, twice.
        with selection.events.blocker_all():
            self._viewer.add_layer(outline)
            selection.active = active
        return outline

    def _bring_into_view(self, layer: Labels, middle: NDArray[np.float64]) -> None:
        point = np.asarray(layer.data_to_world(middle))[list(shown_axes(self._viewer.dims, layer.ndim))]
        low, high = visible_corners(self._viewer)
        if ((point < low) | (point > high)).any():
            camera_of(self._viewer).center = tuple(point)


def _rings(plane: NDArray[Any], number: int) -> list[Ring]:
    """All rings of an object, in corners of the plane's pixels."""
    inside = plane == number
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return []
    cut = inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    (outline,) = object_outlines(cut.astype(np.uint8))
    corner = np.array([rows[0], columns[0]])
    return [ring + corner for part in outline.parts for ring in part]


def _line(index: PlaneIndex, ring: Ring) -> NDArray[np.float64]:
    """A closed line in the whole array, where the middle of a pixel, not its corner, has whole numbers."""
    closed = np.concatenate([ring, ring[:1]]) - 0.5
    return np.stack(np.broadcast_arrays(*index.pixel(closed[:, 0], closed[:, 1])), axis=1).astype(float)
