"""What is seen while the mouse is dragged: a box, or a line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPoint, QPointF, QRect, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QRubberBand, QWidget

from napari_unetpp.gui.compat import canvas_widget

INK, RIM = QColor("#ffd000"), QColor(0, 0, 0, 160)
"""Of a line: it is seen on bright and on dark images."""


class LineBand(QWidget):
    """A line over the canvas, which lets the mouse through."""

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setGeometry(canvas.rect())
        self._points: list[QPointF] = []

    def set_points(self, points: Sequence[NDArray[Any]]) -> None:
        """Draw a line through points (x, y) of the canvas."""
        self._points = [QPointF(float(x), float(y)) for x, y in points]
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for colour, width in ((RIM, 4.0), (INK, 2.0)):
            painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPolyline(QPolygonF(self._points))
        painter.end()


class Bands:
    """One band at a time; a viewer without a window has none."""

    def __init__(self) -> None:
        self._band: QRubberBand | LineBand | None = None

    def show_box(self, viewer: Any, first: Any, last: Any) -> None:
        """Show a box between two points (x, y) of the canvas."""
        canvas = canvas_widget(viewer)
        if canvas is None:
            return
        if self._band is None:
            self._band = QRubberBand(QRubberBand.Shape.Rectangle, canvas)
        (x0, y0), (x1, y1) = np.minimum(first, last), np.maximum(first, last)
        self._band.setGeometry(QRect(QPoint(int(x0), int(y0)), QPoint(int(x1), int(y1))))
        self._band.show()

    def show_line(self, viewer: Any, points: Sequence[NDArray[Any]]) -> None:
        """Show a line through points (x, y) of the canvas."""
        canvas = canvas_widget(viewer)
        if canvas is None:
            return
        if not isinstance(self._band, LineBand):
            self._band = LineBand(canvas)
        self._band.set_points(points)
        self._band.show()

    def hide(self) -> None:
        """Take it away."""
        band, self._band = self._band, None
        if band is not None:
            with suppress(RuntimeError):
                band.hide()
                band.deleteLater()
