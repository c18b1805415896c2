"""Values about a result as an image layer over it: at most one of a kind, removed when it is switched off."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from napari.utils import Colormap
from numpy.typing import NDArray

from napari_unetpp.gui.grids import Grid
from napari_unetpp.gui.planes import PlaneIndex, grid_under

UNCERTAINTY_COLOURS = Colormap(
    [[0, 0, 0, 0], [1, 0.5, 0, 0.5], [1, 0.95, 0.2, 1]], controls=[0, 0.5, 1], name="uncertainty"
)
"""From clear (sure) over orange to yellow (most unsure)."""

DEPTH_COLOURS = Colormap(
    [[0, 0, 0, 0], [0.1, 0.6, 1, 0.2], [0.2, 0.3, 1, 0.35], [0.6, 0.1, 0.9, 0.5]], name="depth"
)
"""From clear (L1) over blue to violet (L4)."""

UNCERTAINTY_LEGEND = (
    'Uncertainty: sure is clear, <span style="color: #ff8000">■</span> unsure,'
    ' <span style="color: #fff233">■</span> most unsure'
)
DEPTH_LEGEND = (
    'Auto: L1 is clear, <span style="color: #1a99ff">■</span> L2,'
    ' <span style="color: #334dff">■</span> L3, <span style="color: #991ae6">■</span> L4'
)

UNCERTAINTY = ("uncertainty", UNCERTAINTY_COLOURS, (0, 255))
DEPTH = ("depth", DEPTH_COLOURS, (1, 4))


class Overlay:
    """Shows one plane of values; other planes of a stack show nothing."""

    def __init__(self, viewer: Any, kind: tuple[str, Colormap, tuple[int, int]]) -> None:
        self._viewer = viewer
        self._name, self._colormap, self._limits = kind
        self._layer: Any = None
        self._shown: PlaneIndex | None = None

    def show(self, image: Image, index: PlaneIndex, values: NDArray[np.uint8]) -> None:
        """Show `values` (Y, X) over a plane of `image`."""
        layer, before, grid = self._layer, self._shown, grid_under(image, index)
        other = before and (before.image, before.level) != (index.image, index.level)
        if before is None or other or layer not in self._viewer.layers or layer.data.shape != grid.shape:
            self.hide()
            layer = self._make(grid)
        elif before.point != index.point:
            before.view(layer.data)[:] = 0
        self._shown = index
        index.view(layer.data)[:] = values
        layer.refresh()

    def hide(self) -> None:
        """Remove the layer."""
        layer, self._layer, self._shown = self._layer, None, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def close(self) -> None:
        """Let go of the viewer."""
        self.hide()
        self._viewer = None

    def is_ours(self, layer: Any) -> bool:
        """Whether this is the layer of the overlay, which is not offered as an image."""
        return layer is not None and layer is self._layer

    def _make(self, grid: Grid) -> Image:
        selected = self._viewer.layers.selection.active
        layer = Image(
            np.zeros(grid.shape, np.uint8),
            name=f"{grid.image.name} {self._name}",
            colormap=self._colormap,
            contrast_limits=self._limits,
            blending="translucent",
            **grid.transforms,
        )
        self._layer = layer  # before it is added: it is not to be offered as an image
        self._viewer.add_layer(layer)
        self._viewer.layers.selection.active = selected
        return layer
