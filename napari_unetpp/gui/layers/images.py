"""The images of a viewer: which are open, the version and level that is worked on, what happens to them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from napari.layers import Image, Layer
from psygnal import Signal
from qtpy.QtCore import QObject
from superqt.utils import qdebounced

from napari_unetpp._types import UnetppError
from napari_unetpp.gui.compat import camera_of
from napari_unetpp.gui.throttle import Throttle
from napari_unetpp.gui.viewer_memory import memory_of
from napari_unetpp.session.display.playback import PLAYING
from napari_unetpp.session.ports import LayerSignals

DISPLAYED_MS = 30
"""Time between two looks at what is displayed, at least, while a stack plays or the view is dragged."""

REST_MS = int(1000 * PLAYING) + 100
"""Without another plane for this long the stack rests."""

LIMITS_REST_MS = 300
"""Contrast limits that were not moved for this long are final."""


class ImageSignals:
    """What the layers that were made for an image need to know about it."""

    list_changed = Signal()
    """Layers were added, removed, moved or renamed."""

    closed = Signal(object)
    """Key of an image that is no longer open."""

    displayed = Signal(object, int)
    """Key and level of an image of which something else may be displayed."""


class OpenImages(QObject):
    """Follows the image layers of a viewer, and emits `LayerSignals` about them.

    Parameters
    ----------
    viewer : napari.Viewer
    told : LayerSignals
    is_ours : callable
        Whether an image layer is one that we made.
    parent : QObject
    """

    def __init__(
        self, viewer: Any, told: LayerSignals, is_ours: Callable[[Layer], bool], parent: QObject
    ) -> None:
        super().__init__(parent)
        self.signals = ImageSignals()
        self._viewer, self._told, self._is_ours = viewer, told, is_ours
        self._memory = memory_of(viewer)
        self._versions = self._memory.versions
        self._shown: dict[Hashable, int] = {}  # the level that napari shows
        self._held: dict[Hashable, int] = {}  # the level that is worked on, whatever napari shows
        self._watched: dict[Hashable, Image] = {}
        self._limits_changed: set[Hashable] = set()
        self._displayed = Throttle(self._on_displayed, DISPLAYED_MS, self)
        self._view = Throttle(told.view_moved.emit, DISPLAYED_MS, self)
        self._rest = qdebounced(told.rested.emit, REST_MS, parent=self)
        self._limits_rest = qdebounced(self._on_limits_rested, LIMITS_REST_MS, parent=self)
        layers, dims, camera = viewer.layers.events, viewer.dims.events, camera_of(viewer).events
        self._links: list[tuple[Any, Callable[..., None]]] = [
            *((one, self._on_layers) for one in (layers.inserted, layers.removed, layers.reordered)),
            *((one, self._on_dims) for one in (dims.current_step, dims.ndisplay, dims.order)),
            *((one, self._on_camera) for one in (camera.center, camera.zoom)),
        ]
        for emitter, callback in self._links:
            emitter.connect(callback)
        self._watch()

    def all(self) -> list[Image]:
        """The image layers that the user opened, the topmost last."""
        return [one for one in self._viewer.layers if isinstance(one, Image) and not self._is_ours(one)]

    def find(self, image: Hashable) -> Layer | None:
        """The open layer with this key."""
        return next((layer for layer in self._viewer.layers if layer.unique_id == image), None)

    def get(self, image: Hashable) -> Layer:
        """The open layer with this key; an error where there is none."""
        layer = self.find(image)
        if layer is None:
            raise UnetppError("This image is no longer open: choose another one.")
        return layer

    def version(self, image: Hashable) -> int:
        """How often the data of an image were replaced."""
        return self._versions.get(image, 0)

    def level(self, layer: Layer) -> int:
        """The level of an image that is worked on."""
        return self._held.get(layer.unique_id, getattr(layer, "data_level", 0))

    def hold_level(self, image: Hashable, level: int) -> None:
        """Work on this level of an image from now on, whatever napari shows."""
        self._held[image] = level

    def free_level(self, image: Hashable) -> None:
        """Work on the level that napari shows again."""
        level, layer = self._held.pop(image, 0), self.find(image)
        if layer is not None and level != self.level(layer):
            self._on_dims()

    def close(self) -> None:
        """Let go of the viewer."""
        for pending in (self._rest, self._limits_rest):
            pending.cancel()
        self._displayed.stop()
        self._view.stop()
        for emitter, callback in self._links:
            emitter.disconnect(callback)
        self._links.clear()
        self._memory.remember_data({key: layer.data for key, layer in self._watched.items()})
        for layer in self._watched.values():
            self._unwatch(layer)
        self._watched.clear()
        self._viewer = None

    def _watch(self) -> None:
        """Follow the images that were opened, forget those that were closed."""
        present = {layer.unique_id: layer for layer in self.all()}
        for key in self._watched.keys() - present.keys():
            self._unwatch(self._watched.pop(key))
            self.signals.closed.emit(key)
        for key in present.keys() - self._watched.keys():
            layer = self._watched[key] = present[key]
            self._memory.check_data(key, layer.data)
            self._shown[key] = layer.data_level
            for emitter, callback in self._layer_links(layer):
                emitter.connect(callback)

    def _unwatch(self, layer: Image) -> None:
        for emitter, callback in self._layer_links(layer):
            emitter.disconnect(callback)

    def _layer_links(self, layer: Image) -> list[tuple[Any, Callable[..., None]]]:
        return [
            (layer.events.data, self._on_data),
            (layer.events.name, self._on_layers),
            (layer.events.set_data, self._on_drawn),
            (layer.events.contrast_limits, self._on_limits),
        ]

    def _on_layers(self, _event: Any = None) -> None:
        self._watch()
        self.signals.list_changed.emit()
        self._told.images_changed.emit()

    def _on_data(self, event: Any) -> None:
        key = event.source.unique_id
        self._versions[key] = self._versions.get(key, 0) + 1
        self._told.plane_changed.emit(key)

    def _on_drawn(self, event: Any) -> None:
        """Perhaps at another level, which napari announces by nothing else."""
        layer = event.source
        if self._shown.get(layer.unique_id) != layer.data_level:
            self._shown[layer.unique_id] = layer.data_level
            self._on_dims()

    def _on_limits(self, event: Any) -> None:
        self._limits_changed.add(event.source.unique_id)
        self._limits_rest()

    def _on_limits_rested(self) -> None:
        changed, self._limits_changed = self._limits_changed, set()
        for image in changed:
            self._told.limits_changed.emit(image)

    def _on_dims(self, _event: Any = None) -> None:
        self._displayed.event()
        self._rest()

    def _on_camera(self, _event: Any = None) -> None:
        self._view.event()

    def _on_displayed(self) -> None:
        for key, layer in list(self._watched.items()):
            self.signals.displayed.emit(key, self.level(layer))
            self._told.plane_changed.emit(key)
