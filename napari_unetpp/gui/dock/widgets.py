"""Parts that the folds of the dock are made of."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QAbstractSpinBox,
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

from napari_unetpp.gui.dock.tones import inks_of
from napari_unetpp.session.values import Tone

CAPTIONS = 76
"""Width of the captions, px: that of the longest one, so that all widgets begin at the same place."""


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
    grid.setColumnMinimumWidth(0, CAPTIONS)
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


class Note(QLabel):
    """Text that wraps, with room for so many lines: nothing below moves when the text changes.

    Its colours follow the theme.
    """

    def __init__(self, name: str, lines: int) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.RichText)
        self._grows = False
        self._said: tuple[str, Tone, bool, tuple[tuple[str, str], ...]] | None = None
        self._full = QLabel("<br>".join("x" * lines), self)  # never shown: it is as high as there is room
        self._full.hide()
        for label in (self, self._full) if lines else ():
            label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)

    def say(
        self, text: str, tone: Tone = "info", *, faint: bool = False, offers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Show a text in the colour of its tone, and links: their texts and actions."""
        self._said = text, tone, faint, tuple(offers)
        self._render()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange) and self._said is not None:
            self._render()

    def _render(self) -> None:
        text, tone, faint, offers = self._said
        inks = inks_of(self)
        colour = inks.faint if faint and tone == "info" else getattr(inks, tone)
        body = escape(text, quote=False).replace("\n", "<br>")
        lines = [f'<span style="color: {colour}">{body}</span>' if colour else body]
        links = [
            f'<a style="color: {inks.link}" href="{action}">{escape(label, quote=False)}</a>'
            for label, action in offers
        ]
        shown = "<br>".join((*lines, " · ".join(links))) if links else lines[0]
        if shown != self.text():
            self.setText(shown)
            self._grow()

    def show_all(self) -> None:
        """Be as high as the text needs, for a place that scrolls."""
        self._grows = True

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._grow()

    def _grow(self) -> None:
        if self._grows:
            self.setMinimumHeight(0)  # a label is never lower than this, whatever its text
            self.setMinimumHeight(self.heightForWidth(self.width()))

    def heightForWidth(self, width: int) -> int:
        return max(super().heightForWidth(width), self._room())

    def minimumSizeHint(self) -> QSize:
        return super().minimumSizeHint().expandedTo(QSize(0, self._room()))

    def _room(self) -> int:
        return 0 if self._grows else self._full.sizeHint().height()


def note(name: str, *, lines: int = 0) -> Note:
    """Text that wraps, with room for so many lines."""
    return Note(name, lines)


def show_number(spin: QAbstractSpinBox, value: float) -> None:
    """Show a number, unless the user is in the middle of typing another one; emits nothing."""
    if not (spin.hasFocus() and spin.lineEdit().isModified()):
        quietly(spin, "setValue", value)


def quietly(widget: QWidget, method: str, value: object) -> None:
    """Set a value of a widget that tells nobody."""
    blocked = widget.blockSignals(True)
    getattr(widget, method)(value)
    widget.blockSignals(blocked)
