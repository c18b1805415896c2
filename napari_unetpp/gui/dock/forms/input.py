"""The fold Input: which intensities and which scale the network sees."""

from __future__ import annotations

import math

from magicgui.widgets import ComboBox
from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent, QStandardItemModel
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QWidget,
)

from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE
from napari_unetpp.gui.dock.forms.fields import Field, Form, button, make_widget, show_number
from napari_unetpp.gui.dock.forms.picker import Picker
from napari_unetpp.gui.dock.widgets import Note
from napari_unetpp.session.messages.image import times
from napari_unetpp.session.ports import ViewSignals

DISPLAYED = 1
"""Row of the contrast picker that needs contrast limits."""


CIRCLE_HINT = "Drag the small dots around the circle until it is as large as a typical object."


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
        self.setSpecialValueText("auto" if auto is None else f"auto {times(auto)}")

    def valueFromText(self, text: str | None) -> float:
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


def _limit(name: str, spoken: str, tip: str) -> Field:
    return Field(
        name,
        ShortSpin,
        tip,
        spoken=spoken,
        qt={
            "range": (-1e12, 1e12),
            "decimals": 6,
            "keyboardTracking": False,
            "buttonSymbols": QDoubleSpinBox.ButtonSymbols.NoButtons,  # two of them fit side by side
            "styleSheet": "min-width: 50px",
            "alignment": Qt.AlignmentFlag.AlignLeft,
        },
    )


class Contrast(QStackedWidget):
    """A note of the intensities that are used, or two numbers to set: both take the same room."""

    LIMITS = (
        _limit("contrast_low_spin", "Contrast, low", "Intensity that becomes 0"),
        _limit("contrast_high_spin", "Contrast, high", "Intensity that becomes 1"),
    )

    def __init__(self) -> None:
        super().__init__()
        self.note = Note()
        self.note.setObjectName("contrast_note")
        self.low: ShortSpin
        self.high: ShortSpin
        self.low, self.high = (make_widget(one) for one in self.LIMITS)
        numbers = QWidget()
        row = QHBoxLayout(numbers)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self.low, 1)
        row.addWidget(QLabel("to"))
        row.addWidget(self.high, 1)
        self.addWidget(self.note)
        self.addWidget(numbers)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Both pages get the room of the higher one, which the style of napari decides."""
        super().showEvent(event)
        self.setFixedHeight(max(page.sizeHint().height() for page in (self.note, self.low)))


class InputForm(Form):
    """Contrast and scale, each with a note of what it comes to."""

    region_combo: QComboBox
    contrast_combo: QComboBox
    contrast_row: Contrast
    scale_spin: ScaleSpin
    circle_button: QPushButton
    scale_note: Note
    circle_hint: Note
    batch_button: QPushButton

    FIELDS = (
        Field(
            "region_combo",
            Picker,
            "What Segment segments: the whole image, what is visible now, or what you drew in a Shapes layer;"
            " a part takes less time",
            caption="Re&gion",
            spoken="Region",
        ),
        Field(
            "contrast_combo",
            ComboBox,
            "Which intensities the network sees as 0 and 1: measured from the image, the layer's contrast"
            " limits, or two numbers. After a change the network runs again",
            caption="Cont&rast",
            spoken="Contrast",
            options={"choices": [("auto", "auto"), ("as displayed", "displayed"), ("numbers", "given")]},
        ),
        Field("contrast_row", Contrast, caption=""),
        Field(
            "scale_spin",
            ScaleSpin,
            "The image is shrunk or magnified by this factor before the network sees it;"
            " the lowest value is automatic. Time and memory grow with its square",
            caption="Sc&ale",
            spoken="Object scale",
            convert=lambda scale: scale or None,
            stretch=1,
            qt={"keyboardTracking": False, "minimumWidth": 64},
        ),
        button(
            "circle",
            "Circle",
            "Draw a circle on the image; drag it to the size of a typical object",
            beside=True,
            stretch=0,
            checkable=True,
        ),
        Field("scale_note", Note, options={"lines": 2}),
        Field("circle_hint", Note, shown=False),
        button(
            "batch",
            "Segment a folder…",
            "Segment all images of a folder, or the files of all image layers, with these settings, in a"
            " process of its own: it needs memory for a second network; you can go on meanwhile",
        ),
    )

    def __init__(self, signals: ViewSignals) -> None:
        super().__init__(signals)
        self.contrast_note = self.contrast_row.note
        self.circle_hint.show_text(CIRCLE_HINT)
        low, high = self.contrast_row.low, self.contrast_row.high
        for spin in (low, high):
            spin.valueChanged.connect(lambda _: signals.range_changed.emit((low.value(), high.value())))

    def set_undisplayed(self, why: str) -> None:
        """Whether and why the image has no contrast limits; empty: it has."""
        model = self.contrast_combo.model()
        assert isinstance(model, QStandardItemModel)
        item = model.item(DISPLAYED)
        assert item is not None
        item.setEnabled(not why)
        item.setText("as displayed – not for colour" if why else "as displayed")
        item.setToolTip(why)

    def set_numbers(self, low: float, high: float, *, shown: bool) -> None:
        """Set two numbers, to be changed in steps that suit their distance; emits nothing.

        `shown`: they take the place of the note.
        """
        step = 10 ** math.floor(math.log10(max(abs(high - low), 1e-5) / 10))
        for spin, value in ((self.contrast_row.low, low), (self.contrast_row.high, high)):
            spin.setSingleStep(step)
            show_number(spin, value)
        self.contrast_row.setCurrentIndex(int(shown))
