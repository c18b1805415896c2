"""The fold Input: how the image is brought to the network. Widgets only: see `gui.dock.dock`."""

from __future__ import annotations

import math

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent, QStandardItemModel
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QWidget,
)

from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE
from napari_unetpp.gui.dock.widgets import combo_box, grid_layout, labelled_row, note, show_number
from napari_unetpp.session.display.image_description import times

DISPLAYED = 1
"""Row of the contrast picker that needs contrast limits."""


CIRCLE_HINT = "Drag the small squares around the circle until it is as large as a typical object."


class ShortSpin(QDoubleSpinBox):
    """A number without the zeros at its end."""

    def textFromValue(self, value: float) -> str:
        text = super().textFromValue(value)
        point = self.locale().decimalPoint()
        return text.rstrip("0").rstrip(point) if point in text else text


class ScaleSpin(ShortSpin):
    """A scale that can be worked at, or 0, which stands for automatic."""

    STEP = 0.05

    def __init__(self) -> None:
        super().__init__()
        self._auto: float | None = None
        self.setRange(0.0, LARGEST_SCALE)
        self.setDecimals(4)
        self.setPrefix("× ")
        self.set_auto(None)

    def set_auto(self, auto: float | None) -> None:
        """What automatic stands for, None where that is not known."""
        self._auto = auto
        self.setSpecialValueText("auto" if auto is None else f"auto ({times(auto)})")

    def valueFromText(self, text: str) -> float:
        return _legal(super().valueFromText(text))

    def setValue(self, value: float) -> None:
        super().setValue(_legal(value))

    def stepBy(self, steps: int) -> None:
        """To the next multiples of the step; upwards from automatic begins at what that stands for."""
        value = self.value()
        if not value:
            self.setValue(round(self._auto or 1.0, 2) if steps > 0 else 0.0)
            return
        nearest = math.floor(value / self.STEP + 1e-6) if steps > 0 else math.ceil(value / self.STEP - 1e-6)
        wanted = round((nearest + steps) * self.STEP, 4)
        self.setValue(wanted if wanted >= SMALLEST_SCALE or value > SMALLEST_SCALE else 0.0)
        self.selectAll()


def _legal(value: float) -> float:
    """0, or the nearest scale that can be worked at."""
    return 0.0 if value <= 0 else min(max(value, SMALLEST_SCALE), LARGEST_SCALE)


class InputFold(QWidget):
    """Contrast and scale, each with a note of what it comes to."""

    def __init__(self) -> None:
        super().__init__()
        self._make_contrast()
        self._make_scale()
        grid = grid_layout()
        grid.setContentsMargins(0, 4, 0, 0)
        self.setLayout(grid)
        labelled_row(grid, 0, "Cont&rast", self.contrast_combo)
        grid.addWidget(self.contrast_row, 1, 1)
        scale = QHBoxLayout()
        scale.addWidget(self.scale_spin, 1)
        scale.addWidget(self.circle_button)
        labelled_row(grid, 2, "Sc&ale", self.scale_spin, scale)
        grid.addWidget(self.scale_note, 3, 0, 1, 2)
        grid.addWidget(self.circle_hint, 4, 0, 1, 2)

    def set_undisplayed(self, why: str) -> None:
        """Whether and why the image has no contrast limits; empty: it has."""
        model = self.contrast_combo.model()
        assert isinstance(model, QStandardItemModel)
        item = model.item(DISPLAYED)
        item.setEnabled(not why)
        item.setText("as displayed – not for colour" if why else "as displayed")
        item.setToolTip(why)

    def show_numbers(self, shown: bool) -> None:
        """The two numbers, or the note of what is used: both take the same room."""
        self.contrast_row.setCurrentIndex(int(shown))

    def set_numbers(self, low: float, high: float) -> None:
        """Show two numbers, to be changed in steps that suit their distance; emits nothing."""
        step = 10 ** math.floor(math.log10(max(abs(high - low), 1e-5) / 10))
        for spin, value in ((self.contrast_low_spin, low), (self.contrast_high_spin, high)):
            spin.setSingleStep(step)
            show_number(spin, value)

    def showEvent(self, event: QShowEvent) -> None:
        """Both pages of the row get the room of the higher one, which the style of napari decides."""
        super().showEvent(event)
        pages = self.contrast_note, self.contrast_low_spin
        self.contrast_row.setFixedHeight(max(page.sizeHint().height() for page in pages))

    def _make_contrast(self) -> None:
        self.contrast_combo = combo_box(
            "contrast_combo",
            "Contrast",
            "Which intensities the network sees as 0 and 1: measured from the image, the layer's contrast"
            " limits, or two numbers",
        )
        for name, text in (("auto", "auto"), ("displayed", "as displayed"), ("given", "numbers")):
            self.contrast_combo.addItem(text, name)
        self.contrast_low_spin = _number("contrast_low_spin", "Contrast, low", "Intensity that becomes 0")
        self.contrast_high_spin = _number("contrast_high_spin", "Contrast, high", "Intensity that becomes 1")
        numbers = QWidget()
        row = QHBoxLayout(numbers)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.contrast_low_spin, 1)
        row.addWidget(QLabel("to"))
        row.addWidget(self.contrast_high_spin, 1)
        self.contrast_note = note("contrast_note")
        self.contrast_row = QStackedWidget()
        self.contrast_row.addWidget(self.contrast_note)
        self.contrast_row.addWidget(numbers)

    def _make_scale(self) -> None:
        self.scale_spin = ScaleSpin()
        self.scale_spin.setObjectName("scale_spin")
        self.scale_spin.setAccessibleName("Object scale")
        self.scale_spin.setToolTip(
            "The image is shrunk or magnified by this factor before the network sees it;"
            " the lowest value is automatic"
        )
        self.scale_spin.setKeyboardTracking(False)
        self.scale_spin.setMinimumWidth(64)
        self.circle_button = QPushButton("Circle")
        self.circle_button.setObjectName("circle_button")
        self.circle_button.setCheckable(True)
        self.circle_button.setToolTip("Draw a circle on the image; drag it to the size of a typical object")
        self.scale_note = note("scale_note", lines=2)
        self.circle_hint = note("circle_hint")
        self.circle_hint.say(CIRCLE_HINT)
        self.circle_hint.hide()


def _number(name: str, accessible: str, tip: str) -> ShortSpin:
    spin = ShortSpin()
    spin.setObjectName(name)
    spin.setAccessibleName(accessible)
    spin.setToolTip(tip)
    spin.setRange(-1e12, 1e12)
    spin.setDecimals(6)
    spin.setKeyboardTracking(False)
    spin.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)  # two of them fit side by side
    spin.setStyleSheet("min-width: 50px")
    spin.setAlignment(Qt.AlignmentFlag.AlignLeft)
    return spin
