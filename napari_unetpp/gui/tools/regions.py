"""Layers in which the user draws regions that were reviewed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Shapes

from napari_unetpp._types import Outline
from napari_unetpp.gui.planes import PlaneIndex, grid_under

COLOUR = "#f2b705"
MARK, LEVEL = "napari_unetpp_regions", "napari_unetpp_regions_level"
"""Where a layer notes whose regions it holds, for a later dock."""


class Regions:
    """At most one Shapes layer per image.

    Parameters
    ----------
    viewer : napari.Viewer
    changed : callable
        Told the key of the image when its regions changed.
    """

    def __init__(self, viewer: Any, changed: Callable[[Hashable], None]) -> None:
        self._viewer = viewer
        self._changed = changed
        self._layers: dict[Hashable, Shapes] = {}
        self._levels: dict[Hashable, int] = {}

    def show(self, image: Image, index: PlaneIndex) -> None:
        """Make or select the layer, ready to draw rectangles."""
        layer = self._layer_for(image, index)
        self._viewer.layers.selection.active = layer
        layer.visible = True
        layer.mode = "add_rectangle"

    def draw(self, image: Image, index: PlaneIndex, outlines: Sequence[Outline]) -> None:
        """Draw those outlines on a plane that are not there yet."""
        outlines = [one for one in outlines if one not in self.outlines(image.unique_id, index)]
        corners = [np.transpose(points) for _, points in outlines]
        shapes = [np.stack(np.broadcast_arrays(*index.pixel(y, x)), axis=1) for y, x in corners]
        selected = self._viewer.layers.selection.active
        self._layer_for(image, index).add(shapes, shape_type=[kind for kind, _ in outlines])
        self._viewer.layers.selection.active = selected

    def _layer_for(self, image: Image, index: PlaneIndex) -> Shapes:
        """The layer of an image, made where there is none; one of another level is replaced."""
        layer = self._layers.get(image.unique_id)
        if layer is not None and self._levels[image.unique_id] != index.level:
            self._forget(image.unique_id)
            layer = None
        if layer is None:
            layer = Shapes(
                ndim=image.ndim,
                name=f"{image.name} regions",
                edge_color=COLOUR,
                face_color="transparent",
                edge_width=2,
                metadata={MARK: str(image.unique_id), LEVEL: index.level},
                **grid_under(image, index).transforms,
            )
            self._viewer.add_layer(layer)
            self._follow(image.unique_id, layer, index.level)
        return layer

    def adopt(self, image: Image) -> None:
        """Take up the layer of an earlier dock of this viewer."""
        for layer in self._viewer.layers:
            ours = isinstance(layer, Shapes) and layer.metadata.get(MARK) == str(image.unique_id)
            if ours and image.unique_id not in self._layers and layer.ndim == image.ndim:
                self._follow(image.unique_id, layer, layer.metadata.get(LEVEL, 0))

    def _follow(self, image: Hashable, layer: Shapes, level: int) -> None:
        self._layers[image], self._levels[image] = layer, level
        layer.events.data.connect(self._on_data)

    def outlines(self, image: Hashable, index: Hashable) -> tuple[Outline, ...]:
        """What is drawn on a plane."""
        layer = self._layers.get(image)
        if layer is None or not isinstance(index, PlaneIndex) or self._levels[image] != index.level:
            return ()
        shown = [axis for axis, point in enumerate(index.point) if point is None]
        if index.transposed:
            shown.reverse()
        outlines = []
        for kind, corners in zip(layer.shape_type, layer.data, strict=True):
            points = np.asarray(corners)
            fixed = [axis for axis in range(points.shape[1]) if axis not in shown]
            if all((np.round(points[:, axis]) == index.point[axis]).all() for axis in fixed):
                corners = tuple((float(y), float(x)) for y, x in points[:, shown])
                outlines.append((str(kind), corners))
        return tuple(outlines)

    def check(self) -> None:
        """Look for layers that the user removed; until then they count."""
        for image, layer in list(self._layers.items()):
            if layer not in self._viewer.layers:
                self._forget(image)
                self._changed(image)

    def close(self) -> None:
        """Let go of the viewer; the layers stay."""
        for image in list(self._layers):
            self._forget(image)
        self._viewer = None

    def remove(self, image: Hashable) -> None:
        """Delete the layer of an image."""
        layer = self._layers.get(image)
        if layer is not None:
            self._forget(image)
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _forget(self, image: Hashable) -> None:
        self._layers.pop(image).events.data.disconnect(self._on_data)

    def _on_data(self, event: Any) -> None:
        for image, layer in self._layers.items():
            if layer is event.source:
                self._changed(image)
