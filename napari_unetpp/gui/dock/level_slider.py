"""The depth slider, with the names of the levels under its stops.

Not superqt's labelled slider: that shows a number to be typed, while these names are clicked.
"""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QSlider, QStyle, QStyleOptionSlider, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_unetpp._types import AUTO
from napari_unetpp.files.models.card_text import level_name

TIP = (
    "Depth of the network. A deeper one takes the time of what it adds, a shallower one none."
    "\nL1 is fastest, L4 the most accurate"
)
WITH_AUTO = ", Auto as deep as each place needs"
WITHOUT_AUTO = (
    ".\nNo Auto: this model has no rule where it may stop early."
    " ‘napari-unetpp calibrate’ finds one on labelled images."
)

FAINT = 0.75
"""Opacity of the names of the other stops."""


class LevelSlider(QWidget):
    """A slider over a few levels with their names under the stops; names can be clicked."""

    level_changed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("level_slider")
        self.slider.setAccessibleName("Depth of the network")
        self.slider.setRange(1, 4)
        self.slider.setSingleStep(1)
        self.slider.setPageStep(1)
        self.setFocusProxy(self.slider)  # for the letter of the caption
        self.slider.valueChanged.connect(self.level_changed)
        self._marks = _Marks(self.slider)
        self.slider.valueChanged.connect(self._marks.update)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.slider)
        column.addWidget(self._marks)

    def set_levels(self, levels: Sequence[int], current: int) -> None:
        """Show these stops, the handle on `current`; emits nothing."""
        with signals_blocked(self.slider):
            self.slider.setRange(min(levels), max(levels))
            self.slider.setValue(current)
        self.slider.setToolTip(f"{TIP}{WITH_AUTO if AUTO in levels else WITHOUT_AUTO}")
        self._marks.update()


class _Marks(QWidget):
    """Names of the stops."""

    def __init__(self, slider: QSlider) -> None:
        super().__init__()
        self._slider = slider
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(100, self.fontMetrics().height() + 2)

    def centre(self, level: int) -> int:
        """Where the middle of the handle would stand."""
        option = QStyleOptionSlider()
        self._slider.initStyleOption(option)
        option.sliderPosition = option.sliderValue = level
        style = self._slider.style()
        assert style is not None
        handle = style.subControlRect(
            QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, self._slider
        )
        return handle.center().x()

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        current = self._slider.value()
        for level in range(self._slider.minimum(), self._slider.maximum() + 1):
            font = self.font()
            font.setBold(level == current)
            painter.setFont(font)
            painter.setOpacity(1.0 if level == current else FAINT)
            width = painter.fontMetrics().horizontalAdvance(level_name(level)) + 2
            left = min(max(self.centre(level) - width // 2, 0), self.width() - width)
            box = QRect(left, 0, width, self.height())
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, level_name(level))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        levels = range(self._slider.minimum(), self._slider.maximum() + 1)
        assert event is not None
        x = event.position().x()
        self._slider.setValue(min(levels, key=lambda level: abs(self.centre(level) - x)))
