"""Writes rectangles into a Labels layer and shows just them.

A full refresh of a 4096 x 4096 layer takes the GUI thread 30 to 170 ms. The path for a part of it is
private to napari: it is guarded, and where it fails a full refresh follows, at most twice a second.
"""

from __future__ import annotations

from typing import Any

from napari.layers import Labels
from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer

from napari_unetpp._types import Region
from napari_unetpp.gui.compat import drop_history, refresh_part, update_thumbnail
from napari_unetpp.gui.layers.planes import PlaneIndex

FALLBACK_MS = 500


class Painter:
    """Paints; keeps nothing but the layers that still want a full refresh."""

    def __init__(self, parent: QObject) -> None:
        self._pending: list[Labels] = []
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.setInterval(FALLBACK_MS)
        self._timer.timeout.connect(self._refresh_pending)
        self._thumbnail_of: Labels | None = None
        self._thumbnail = QTimer(parent)
        self._thumbnail.setSingleShot(True)
        self._thumbnail.setInterval(FALLBACK_MS // 2)
        self._thumbnail.timeout.connect(self._refresh_thumbnail)

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
            self._thumbnail_of = layer
            self._thumbnail.start()
        if not refresh_part(layer, plane, region.slices, index.slices(region)):
            self._later(layer)

    def close(self) -> None:
        """Forget what is pending."""
        self._timer.stop()
        self._thumbnail.stop()
        self._thumbnail_of = None
        self._pending.clear()

    def _refresh_thumbnail(self) -> None:
        """Once, after the last rectangle: a refresh of a part leaves the thumbnail as it was."""
        layer, self._thumbnail_of = self._thumbnail_of, None
        if layer is not None and layer.visible:
            update_thumbnail(layer)

    def _later(self, layer: Labels) -> None:
        if layer not in self._pending:
            self._pending.append(layer)
        if not self._timer.isActive():
            self._timer.start()

    def _refresh_pending(self) -> None:
        for layer in self._pending:
            layer.refresh()
        self._pending.clear()
