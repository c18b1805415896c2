"""The corrections layers of a viewer: made, taken up from an earlier dock, replaced, listened to."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any

from napari.layers import Labels
from numpy.typing import NDArray

from napari_unetpp.gui.grids import level_data
from napari_unetpp.gui.layers.corrections_layer import (
    CERTAIN,
    LEVEL,
    MARK,
    CorrectionsLayer,
    copy_without_history,
    new_layer,
)
from napari_unetpp.gui.layers.layers import NapariLayers
from napari_unetpp.gui.planes import PlaneIndex, grid_under
from napari_unetpp.gui.tools.new_label import bind_new_label
from napari_unetpp.session.values import ImageChoice


class OpenCorrections:
    """At most one corrections layer per image.

    Parameters
    ----------
    viewer : napari.Viewer
    layers : NapariLayers
    on_paint, on_refresh : callable
        Told events of the layers; undo and redo are only told by the second.
    """

    def __init__(
        self,
        viewer: Any,
        layers: NapariLayers,
        on_paint: Callable[[Any], None],
        on_refresh: Callable[[Any], None],
    ) -> None:
        self._viewer, self._layers = viewer, layers
        self._on_paint, self._on_refresh = on_paint, on_refresh
        self._by_image: dict[Hashable, CorrectionsLayer] = {}

    def __iter__(self) -> Iterator[CorrectionsLayer]:
        return iter(list(self._by_image.values()))

    def get(self, image: Hashable) -> CorrectionsLayer | None:
        """That of an image."""
        return self._by_image.get(image)

    def of(self, layer: Labels) -> CorrectionsLayer | None:
        """The one that is this layer of napari."""
        return next((one for one in self if one.layer is layer), None)

    def make(self, index: PlaneIndex, labels: NDArray[Any]) -> CorrectionsLayer:
        """Add a layer over the image of a plane, with these labels there and nothing elsewhere."""
        image = self._layers.open.get(index.image)
        grid = grid_under(image, index)
        layer = new_layer(grid, labels.dtype)
        index.view(layer.data)[...] = labels
        made = CorrectionsLayer(index.image, image.name, grid.data, layer, index.level)
        self._by_image[index.image] = made
        self._layers.open.hold_level(index.image, index.level)
        selected = self._viewer.layers.selection.active
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = selected
        self._listen(made)
        return made

    def adopt(self, image: ImageChoice) -> None:
        """Take up the layer that an earlier dock of this viewer made for an image."""
        source = self._layers.open.get(image.key)
        for layer in self._viewer.layers:
            known = layer.metadata
            if known.get(MARK) != str(image.key) or image.key in self._by_image or CERTAIN not in known:
                continue
            level = known.get(LEVEL, 0)
            data = level_data(source, level)
            if data is not None and layer.data.shape == data.shape[: source.ndim]:
                found = CorrectionsLayer(image.key, image.name, data, layer, level)
                found.version = self._layers.open.version(image.key)
                found.restore()
                self._by_image[image.key] = found
                self._layers.open.hold_level(image.key, level)
                self._listen(found)

    def replace(self, one: CorrectionsLayer, dtype: Any) -> None:
        """Continue in a new layer with the same pixels and no history."""
        old, layers = one.layer, self._viewer.layers
        layer = copy_without_history(old, dtype)
        active = layers.selection.active is old
        self._stop_listening(one)
        one.move_to(layer)
        layers.insert(layers.index(old) + 1, layer)
        layers.remove(old)
        layer.name = old.name
        if active:
            layers.selection.active = layer
        self._listen(one)

    def release(self, one: CorrectionsLayer) -> None:
        """The layer is no longer ours; the result is shown again, at the level that napari shows."""
        self._by_image.pop(one.image, None)
        self._stop_listening(one)
        one.layer.metadata.pop(MARK, None)
        self._layers.open.free_level(one.image)
        self._layers.unlock(one.image)

    def close(self) -> None:
        """Save what is known with the layers, which stay."""
        for one in self:
            self._stop_listening(one)
            one.save()
        self._by_image.clear()

    def _listen(self, one: CorrectionsLayer) -> None:
        one.layer.events.paint.connect(self._on_paint)
        one.layer.events.set_data.connect(self._on_refresh)
        bind_new_label(one.layer)

    def _stop_listening(self, one: CorrectionsLayer) -> None:
        one.layer.events.paint.disconnect(self._on_paint)
        one.layer.events.set_data.disconnect(self._on_refresh)
