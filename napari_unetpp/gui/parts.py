"""Parts that the folds of the dock are made of."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

TONES = {"info": "", "warning": "#e0a100", "error": "#e5534b"}
"""Colours of what is said."""


class Fold(QWidget):
    """A heading that opens and closes what is under it; `aside` stands at its right."""

    def __init__(
        self, title: str, content: QWidget, *, open_: bool = True, aside: QWidget | None = None
    ) -> None:
        super().__init__()
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setCheckable(True)
        self.button.setChecked(open_)
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.setStyleSheet("QToolButton { border: none; background: transparent; font-weight: bold; }")
        self.content = content
        self.button.toggled.connect(self._toggle)
        line = QFrame()
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFixedHeight(1)
        line.setStyleSheet("background: rgba(128, 128, 128, 90); border: none;")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(2)
        heading = QHBoxLayout()
        heading.addWidget(self.button)
        if aside is not None:
            heading.addWidget(aside)
        column.addWidget(line)
        column.addLayout(heading)
        column.addWidget(content)
        self._toggle(open_)

    def _toggle(self, opened: bool) -> None:
        self.content.setVisible(opened)
        self.button.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)


def grid_layout() -> QGridLayout:
    """Captions on the left, widgets on the right."""
    grid = QGridLayout()
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(8)
    grid.setVerticalSpacing(4)
    grid.setColumnMinimumWidth(0, 62)
    grid.setColumnStretch(1, 1)
    return grid


def labelled_row(
    grid: QGridLayout, row: int, text: str, widget: QWidget, layout: QHBoxLayout | None = None
) -> QLabel:
    """A caption and its widget, or the layout that the widget stands in."""
    label = QLabel(text)
    label.setBuddy(widget)
    grid.addWidget(label, row, 0)
    if layout is None:
        grid.addWidget(widget, row, 1)
    else:
        layout.setSpacing(6)
        grid.addLayout(layout, row, 1)
    return label


def combo_box(name: str, accessible: str, tip: str) -> QComboBox:
    """A picker that is as narrow as the dock wants it."""
    combo = QComboBox()
    combo.setObjectName(name)
    combo.setAccessibleName(accessible)
    combo.setToolTip(tip)
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    return combo


def note(name: str, *, lines: int = 0) -> QLabel:
    """Text that wraps, with room for so many lines: nothing below moves when the text changes."""
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    if lines:
        label.setMinimumHeight(lines * label.fontMetrics().lineSpacing() + 2)
        label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
    return label


def quietly(widget: QWidget, method: str, value: object) -> None:
    """Set a value of a widget that tells nobody."""
    blocked = widget.blockSignals(True)
    getattr(widget, method)(value)
    widget.blockSignals(blocked)
