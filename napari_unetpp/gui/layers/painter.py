"""Writes rectangles into a Labels layer and shows just them.

A full refresh of a 4096 x 4096 layer takes the GUI thread 30 to 170 ms. The path for a part of it is
private to napari: it is guarded, and where it fails a full refresh follows, at most twice a second.
"""

from __future__ import annotations

from typing import Any

from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject
from superqt.utils import qdebounced, qthrottled

from napari_unetpp._types import Region
from napari_unetpp.gui.compat import drop_history, refresh_part, update_thumbnail
from napari_unetpp.gui.planes import PlaneIndex

REFRESH_MS = 500
"""Between two refreshes of whole layers, at least."""

THUMBNAIL_MS = 250
"""After the last rectangle."""


class Painter:
    """Paints; keeps nothing but the layers that still need a full refresh."""

    def __init__(self, parent: QObject) -> None:
        self._pending: list[Labels] = []
        self._painted: Labels | None = None
        self._refresh_later = qthrottled(self._refresh_pending, REFRESH_MS, leading=False, parent=parent)
        self._thumbnail_later = qdebounced(self._refresh_thumbnail, THUMBNAIL_MS, parent=parent)

    def paint(
        self, layer: Labels, index: PlaneIndex, region: Region, values: NDArray[Any], *, final: bool
    ) -> None:
        """Write `values` at `region` of the plane `index`, and show it if that plane is displayed."""
        if values.size == 0:
            return
        plane = index.view(layer.data)
        plane[region.slices] = values
        if final:
            drop_history(layer)  # undo would write old pixels into the new result
            self._painted = layer
            self._thumbnail_later()
        if not refresh_part(layer, plane, region.slices, index.slices(region)):
            if layer not in self._pending:
                self._pending.append(layer)
            self._refresh_later()

    def close(self) -> None:
        """Forget what is pending."""
        self._refresh_later.cancel()
        self._thumbnail_later.cancel()
        self._painted = None
        self._pending.clear()

    def _refresh_thumbnail(self) -> None:
        layer, self._painted = self._painted, None
        if layer is not None and layer.visible:
            update_thumbnail(layer)

    def _refresh_pending(self) -> None:
        for layer in self._pending:
            layer.refresh()
        self._pending.clear()
