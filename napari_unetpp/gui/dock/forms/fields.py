"""Forms from tables: a form is a list of fields, with their captions, ranges, tips and signals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from magicgui.widgets import CheckBox, PushButton, Widget
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_unetpp.session.ports import ViewSignals

CAPTIONS = 76
"""Width of the captions, px: that of the longest one, so that the fields of all forms begin at one place."""


VERBS = {
    "combo": "chosen",
    "checkbox": "toggled",
    "button": "pressed",
    "spin": "changed",
    "slider": "changed",
}
"""How the signals of `ViewSignals` end, by the last word of the names of the widgets."""

BAR = {"alignment": Qt.AlignmentFlag.AlignCenter, "fixedHeight": 16}
"""Properties of a progress bar."""


@dataclass(frozen=True, slots=True)
class Field:
    """One widget of a form.

    Attributes
    ----------
    name : str
        Object name of the Qt widget, and of the attribute of the form that holds it.
    kind : callable
        Makes it: a widget class of magicgui; a Qt class where magicgui's has no prefix, suffix or number
        beside a slider, or where the widget is our own.
    tip : str
        Tooltip.
    caption : str or None
        What stands on its left; None: nothing, it begins where the captions do.
    beside : bool
        It stands in the row of the field before.
    spoken : str
        Accessible name of a widget without a text of its own.
    convert : callable
        From the value of the widget to that of the signal.
    stretch : int
        Share of the width that is left in the row.
    shown : bool
        Whether it is shown from the start.
    options : mapping
        Arguments of `kind`.
    qt : mapping
        Properties set by Qt's setters: ``{"suffix": " s"}`` calls ``setSuffix(" s")``; a tuple is several
        arguments.
    """

    name: str
    kind: Callable[..., Any]
    tip: str = ""
    caption: str | None = None
    beside: bool = False
    spoken: str = ""
    convert: Callable[[Any], Any] | None = None
    stretch: int = 0
    shown: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)
    qt: Mapping[str, Any] = field(default_factory=dict)


def button(
    name: str,
    text: str,
    tip: str,
    *,
    beside: bool = False,
    stretch: int = 1,
    shown: bool = True,
    enabled: bool = True,
    checkable: bool = False,
) -> Field:
    """A button."""
    options, qt = {"text": text, "enabled": enabled}, {"checkable": checkable}
    name = f"{name}_button"
    return Field(name, PushButton, tip, beside=beside, stretch=stretch, shown=shown, options=options, qt=qt)


def checkbox(
    name: str, text: str, tip: str, *, beside: bool = False, stretch: int = 0, shown: bool = True
) -> Field:
    """A box to check."""
    name, options = f"{name}_checkbox", {"text": text}
    return Field(name, CheckBox, tip, beside=beside, stretch=stretch, shown=shown, options=options)


class Form(QWidget):
    """Rows of fields under each other. A field is an attribute, which subclasses declare with its type.

    Not a container of magicgui: its captions are no buddies, so that Alt and a letter would reach nothing,
    and a row holds one widget only.

    Attributes
    ----------
    captions : dict
        The labels of the captions, by the name of the field.
    """

    FIELDS: Sequence[Field] = ()

    def __init__(self, signals: ViewSignals) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 4, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        grid.setColumnMinimumWidth(0, CAPTIONS)
        grid.setColumnStretch(1, 1)
        self.grid, self.captions, row = grid, dict[str, QLabel](), QHBoxLayout()
        for one in self.FIELDS:
            widget = make_widget(one)
            setattr(self, one.name, widget)
            connect(widget, signals, one.convert)
            if not one.beside:
                row = self._new_row(one, widget)
            row.addWidget(widget, one.stretch)

    def _new_row(self, one: Field, first: QWidget) -> QHBoxLayout:
        row, number = QHBoxLayout(), self.grid.rowCount()
        row.setSpacing(4)
        if one.caption:
            label = self.captions[one.name] = QLabel(one.caption)
            label.setBuddy(first)
            self.grid.addWidget(label, number, 0)
        column = 0 if one.caption is None else 1
        self.grid.addLayout(row, number, column, 1, 2 - column)
        return row


def make_widget(one: Field) -> Any:
    """The Qt widget of a field."""
    made = one.kind(**one.options)
    widget = made.native if isinstance(made, Widget) else made
    widget.setObjectName(one.name)
    if one.tip:
        widget.setToolTip(one.tip)
    if one.spoken:
        widget.setAccessibleName(one.spoken)
    if isinstance(widget, QComboBox):  # as narrow as the dock wants it
        widget.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        widget.setMinimumContentsLength(8)
    for name, value in one.qt.items():
        setter = getattr(widget, f"set{name[0].upper()}{name[1:]}")
        setter(*value) if isinstance(value, tuple) else setter(value)
    if not one.shown:
        widget.hide()
    return widget


def connect(widget: Any, signals: ViewSignals, convert: Callable[[Any], Any] | None = None) -> None:
    """Emit what the user does with a widget: its new value; nothing for a button that is pressed.

    The names tell which signal: ``kind_combo`` emits ``kind_chosen``, ``stop_button`` emits ``stop_pressed``.
    By lambdas: PySide6 drops arguments that it does not find in the signature of what it calls.
    """
    stem, _, kind = widget.objectName().rpartition("_")
    if kind not in VERBS:
        return
    checkable = isinstance(widget, QAbstractButton) and widget.isCheckable()
    emit = getattr(signals, f"{stem}_{'toggled' if checkable else VERBS[kind]}").emit
    if isinstance(widget, QComboBox):
        widget.activated.connect(lambda _row=0: emit(widget.currentData()))
    elif checkable:
        widget.toggled.connect(lambda on: emit(on))
    elif isinstance(widget, QAbstractButton):
        widget.clicked.connect(lambda _on=False: emit())
    else:
        widget.valueChanged.connect(lambda value: emit(convert(value) if convert else value))


def show_number(spin: Any, value: float) -> None:
    """Show a number, unless the user is in the middle of typing another one; emits nothing."""
    if not (spin.hasFocus() and spin.lineEdit().isModified()):
        with signals_blocked(spin):
            spin.setValue(value)


def select(combo: QComboBox, value: Any) -> None:
    """Show the row with this value; emits nothing."""
    with signals_blocked(combo):
        combo.setCurrentIndex(combo.findData(value))


def set_checked(button: QAbstractButton, on: bool) -> None:
    """Check a box or a button; emits nothing."""
    with signals_blocked(button):
        button.setChecked(on)


def show_fraction(bar: QProgressBar, fraction: float | None, text: str) -> None:
    """Show how far something is; None: the end is unknown."""
    bar.setUpdatesEnabled(False)  # else it paints at once, three times, and the canvas with it
    bar.setRange(0, 0 if fraction is None else 1000)
    if fraction is not None:
        bar.setValue(int(1000 * fraction))
    bar.setFormat(text)
    bar.setTextVisible(bool(text))
    bar.setUpdatesEnabled(True)
