"""All that is read from and written to napari's layers. Layers we did not make are never touched."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.gui.camera import camera_of, window_of
from napari_unetpp.gui.layers.overlay import DEPTH, UNCERTAINTY, Overlay
from napari_unetpp.gui.layers.planes import PlaneIndex, grid_under, plane_of
from napari_unetpp.gui.layers.results import Results
from napari_unetpp.gui.throttle import Throttle
from napari_unetpp.gui.tools.circle import Circle
from napari_unetpp.gui.tools.click_tool import ClickTool
from napari_unetpp.gui.viewer_memory import memory_of
from napari_unetpp.session.display.playback import PLAYING
from napari_unetpp.session.ports import LayerSignals
from napari_unetpp.session.values import ImageChoice, Interval, Plane

SETTLE_MS = 30
"""How often, at most, it is looked at what is displayed, while a stack plays or the view is dragged."""

REST_MS = int(1000 * PLAYING) + 100
"""Without another plane for this long the stack rests."""

LIMITS_REST_MS = 300
"""Contrast limits that were not moved for this long are the ones that are wanted."""

LARGE_ENOUGH = 60.0
"""Screen px that an object measures at least when the view goes to it."""


class NapariLayers(QObject):
    """`Layers` by a napari viewer."""

    def __init__(self, viewer: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.signals = LayerSignals()
        self._viewer = viewer
        self._memory = memory_of(viewer)
        self._versions = self._memory.versions
        self._shown: dict[Hashable, int] = {}  # the level that napari shows
        self._held: dict[Hashable, int] = {}  # the level that is worked on, whatever napari shows
        self._watched: dict[Hashable, Layer] = {}
        self._results = Results(viewer, self.signals.tool_picked.emit, self)
        self._circle = Circle(viewer, self.signals)
        self._uncertainty = Overlay(viewer, UNCERTAINTY)
        self._depth = Overlay(viewer, DEPTH)
        self._click_tool = ClickTool(viewer, self.signals, self.read)
        self._displayed = Throttle(self._on_displayed, SETTLE_MS, self)
        self._view = Throttle(self.signals.view_moved.emit, SETTLE_MS, self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(lambda: self.signals.rested.emit())
        self._limits: set[Hashable] = set()  # of these images they were changed a moment ago
        self._limits_rest = QTimer(self)
        self._limits_rest.setSingleShot(True)
        self._limits_rest.setInterval(LIMITS_REST_MS)
        self._limits_rest.timeout.connect(self._on_limits_rested)
        self._links: list[tuple[Any, Callable[..., None]]] = []
        layers, dims = viewer.layers.events, viewer.dims.events
        for emitter in (layers.inserted, layers.removed, layers.reordered):
            self._link(emitter, self._on_layers)
        for emitter in (dims.current_step, dims.ndisplay, dims.order):
            self._link(emitter, self._on_dims)
        camera = camera_of(viewer).events
        for emitter in (camera.center, camera.zoom):
            self._link(emitter, self._on_camera)
        self._watch()

    # ------------------------------------------------------------------ reading

    def images(self) -> list[ImageChoice]:
        """Image layers, the topmost first. Labels and other layers are not offered."""
        return [ImageChoice(layer.unique_id, layer.name) for layer in reversed(self._images())]

    def preferred(self) -> Hashable | None:
        """The selected image, else the topmost one."""
        active = self._viewer.layers.selection.active
        found = self._images()
        if active in found:
            return active.unique_id  # type: ignore[no-any-return]
        return found[-1].unique_id if found else None

    def read(self, image: Hashable) -> Plane:
        """The displayed plane of an image."""
        layer = self.layer(image)
        if layer is None:
            raise UnetppError("This image is no longer open: choose another one.")
        version = self._versions.get(image, 0)
        window = window_of(self._viewer) if layer.multiscale else None
        return plane_of(layer, self._viewer.dims, version, self._level(layer), window)

    def limits(self, image: Hashable) -> Interval | None:
        """The contrast limits of an image; None for colour, which is displayed without."""
        layer = self.layer(image)
        if not isinstance(layer, Image) or layer.rgb:
            return None
        low, high = layer.contrast_limits
        return float(low), float(high)

    def as_colour(self, plane: Plane) -> Hashable:
        """Open the three planes of an image as one colour image beside it."""
        image = self.layer(plane.image)
        if image is None or image.multiscale:
            raise UnetppError("Only a single image of three planes can become a colour image.")
        (axis,) = (axis for axis, point in enumerate(self._index(plane).point) if point is not None)
        shown = [one for one in range(image.ndim) if one != axis]
        own = {name: [getattr(image, name)[one] for one in shown] for name in ("scale", "translate", "units")}
        colour = self._viewer.add_image(
            np.moveaxis(np.asarray(image.data), axis, -1),
            name=f"{image.name} colour",
            rgb=True,
            affine=image.affine.set_slice(shown),
            **own,
        )
        image.visible = False
        return colour.unique_id  # type: ignore[no-any-return]

    def result(self, plane: Plane) -> NDArray[Any] | None:
        """What our result layer holds for this plane (a view)."""
        layer = self._results.layer_of(self._index(plane))
        return None if layer is None else self._index(plane).view(layer.data)

    def version(self, image: Hashable) -> int:
        """How often the data of an image were replaced."""
        return self._versions.get(image, 0)

    def hold_level(self, image: Hashable, level: int) -> None:
        """Work on this level of an image from now on, whatever napari shows."""
        self._held[image] = level

    def free_level(self, image: Hashable) -> None:
        """Work on the level that napari shows again."""
        level, layer = self._held.pop(image, 0), self.layer(image)
        if layer is not None and level != self._level(layer):
            self._on_dims()

    # ------------------------------------------------------------------ writing

    def prepare(self, plane: Plane, *, classes: bool = False) -> None:
        """Find our result layer for the image, or make it; its transforms follow the image's."""
        image = self.layer(plane.image)
        if image is None:
            raise UnetppError("This image is no longer open: choose another one.")
        self._results.prepare(image, self._index(plane), classes=classes)

    def paint(self, plane: Plane, region: Region, values: NDArray[Any], *, final: bool) -> bool:
        """Write a rectangle; False when the image or our layer is gone or was replaced."""
        index = self._index(plane)
        if self.layer(plane.image) is None or index.version != self._versions.get(plane.image, 0):
            return False
        return self._results.paint(index, region, values, final=final)

    def cover(self, image: Hashable, *, hide: bool) -> None:
        """Lock our result layer and hide it, or not: another one is corrected. It is done only once."""
        self._results.cover(image, hide=hide)

    def uncover(self, image: Hashable) -> None:
        """Undo `cover`."""
        self._results.uncover(image)

    def show_circle(self, plane: Plane, diameter: float) -> None:
        """Draw a circle that can be resized over the image."""
        image = self.layer(plane.image)
        if image is not None:
            self._circle.show(image, plane, diameter)

    def hide_circle(self) -> None:
        """Remove the circle."""
        self._circle.hide()

    def set_click_tool(self, image: Hashable | None) -> None:
        """Let the mouse click on an image; None: let it do what it does otherwise."""
        self._click_tool.set(image)

    def show_uncertainty(self, plane: Plane, values: NDArray[np.uint8]) -> None:
        """Lay the uncertainty (Y, X) over the image."""
        image = self.layer(plane.image)
        if image is not None:
            self._uncertainty.show(image, self._index(plane), values)

    def hide_uncertainty(self) -> None:
        """Take it away."""
        self._uncertainty.hide()

    def show_depth(self, plane: Plane, values: NDArray[np.uint8]) -> None:
        """Lay the depth of each place (Y, X) over the image."""
        image = self.layer(plane.image)
        if image is not None:
            self._depth.show(image, self._index(plane), values)

    def hide_depth(self) -> None:
        """Take that away."""
        self._depth.hide()

    def go_to(self, plane: Plane, y: int, x: int, diameter: float) -> None:
        """Bring a pixel to the middle of the view, an object of this diameter large enough to see."""
        image = self.layer(plane.image)
        if image is None:
            return
        camera = camera_of(self._viewer)
        index = self._index(plane)
        grid = grid_under(image, index)
        here, beside = (grid.to_world(index.pixel(y, at)) for at in (x, x + 1))
        size = diameter * float(np.linalg.norm(np.subtract(beside, here)))
        camera.center = tuple(here[axis] for axis in self._viewer.dims.displayed)
        camera.zoom = max(camera.zoom, LARGE_ENOUGH / max(size, 1e-9))

    def close(self) -> None:
        """Let go of the viewer; the results stay."""
        if self._viewer is None:
            return
        self._displayed.stop()
        self._rest.stop()
        self._limits_rest.stop()
        self._view.stop()
        self._results.close()
        self._circle.hide()
        for emitter, callback in self._links:
            emitter.disconnect(callback)
        self._links.clear()
        self._memory.leave({key: layer.data for key, layer in self._watched.items()})
        for layer in self._watched.values():
            self._unwatch(layer)
        self._watched.clear()
        self._circle.close()
        self._uncertainty.close()
        self._depth.close()
        self._click_tool.close()
        self._viewer = None

    # ------------------------------------------------------------------ helpers

    def _link(self, emitter: Any, callback: Callable[..., None]) -> None:
        emitter.connect(callback)
        self._links.append((emitter, callback))

    def _images(self) -> list[Image]:
        layers = self._viewer.layers
        ours = self._uncertainty, self._depth
        return [
            layer
            for layer in layers
            if isinstance(layer, Image) and not any(overlay.is_ours(layer) for overlay in ours)
        ]

    def layer(self, image: Hashable) -> Layer | None:
        """The open layer with this key."""
        return next((layer for layer in self._viewer.layers if layer.unique_id == image), None)

    def _index(self, plane: Plane) -> PlaneIndex:
        assert isinstance(plane.key, PlaneIndex)
        return plane.key

    def _level(self, layer: Layer) -> int:
        """The level that is worked on."""
        return self._held.get(layer.unique_id, getattr(layer, "data_level", 0))

    def _watch(self) -> None:
        """Listen to the data, the names and the levels of the images that are open."""
        present = {layer.unique_id: layer for layer in self._images()}
        for key in self._watched.keys() - present.keys():
            self._unwatch(self._watched.pop(key))
            self._results.forget(key)
        for key in present.keys() - self._watched.keys():
            layer = self._watched[key] = present[key]
            self._memory.meet(key, layer.data)
            self._shown[key] = layer.data_level
            layer.events.data.connect(self._on_data)
            layer.events.name.connect(self._on_layers)
            layer.events.set_data.connect(self._on_drawn)
            layer.events.contrast_limits.connect(self._on_limits)

    def _unwatch(self, layer: Layer) -> None:
        layer.events.data.disconnect(self._on_data)
        layer.events.name.disconnect(self._on_layers)
        layer.events.set_data.disconnect(self._on_drawn)
        layer.events.contrast_limits.disconnect(self._on_limits)

    def _on_layers(self, _event: Any = None) -> None:
        self._watch()
        self._circle.check()
        for image in self._results.deleted():
            self.signals.result_removed.emit(image)
        self.signals.images_changed.emit()

    def _on_data(self, event: Any) -> None:
        key = event.source.unique_id
        self._versions[key] = self._versions.get(key, 0) + 1
        self.signals.plane_changed.emit(key)

    def _on_drawn(self, event: Any) -> None:
        """Perhaps at another level: napari says no more than this."""
        layer = event.source
        if self._shown.get(layer.unique_id) != layer.data_level:
            self._shown[layer.unique_id] = layer.data_level
            self._on_dims()

    def _on_limits(self, event: Any) -> None:
        self._limits.add(event.source.unique_id)
        self._limits_rest.start()

    def _on_limits_rested(self) -> None:
        changed, self._limits = self._limits, set()
        for image in changed:
            self.signals.limits_changed.emit(image)

    def _on_dims(self, _event: Any = None) -> None:
        self._displayed.event()
        self._rest.start()

    def _on_camera(self, _event: Any = None) -> None:
        self._view.event()

    def _on_displayed(self) -> None:
        for key, layer in list(self._watched.items()):
            self._circle.leave(key, self._level(layer))
            self.signals.plane_changed.emit(key)
