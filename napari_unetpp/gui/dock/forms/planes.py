"""The pickers of images of several planes: what each axis is, which channel, which planes."""

from __future__ import annotations

from functools import partial

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QLineEdit, QWidget
from superqt.utils import signals_blocked

from napari_unetpp.gui.dock.forms.fields import select, set_checked
from napari_unetpp.session.stacks.values import AxisShown, StackShown

SPAN_TIP = (
    "From 0, as napari's sliders count, the end excluded: 3:10 is 3 to 9. One number is that alone."
    " Empty: all"
)
LETTERS = {"T": "time", "Z": "depth", "C": "channels"}


class AxesRow(QWidget):
    """A picker for each axis that is not displayed: ``T 20``, ``C 2``, ``Z 31``."""

    chosen = Signal(int, str)
    """Number of an axis and the letter that the user gives it."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self.combos = [QComboBox() for _ in LETTERS]
        for number, combo in enumerate(self.combos):
            combo.setObjectName(f"axis_{number}_combo")
            combo.setAccessibleName(f"Axis {number + 1}")
            combo.setToolTip("What this axis is: time, depth or channels")
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(4)
            combo.activated.connect(partial(self._on_activated, number))
            row.addWidget(combo, 1)
        self._axes: tuple[AxisShown, ...] = ()

    def set_axes(self, axes: tuple[AxisShown, ...]) -> None:
        """Show these axes; emits nothing."""
        if axes == self._axes:
            return
        self._axes = axes
        for number, combo in enumerate(self.combos):
            combo.setVisible(number < len(axes))
            if number < len(axes):
                _fill(combo, axes[number], alone=len(axes) == 1)

    def _on_activated(self, number: int, _row: int = 0) -> None:
        axis, letter = self._axes[number], self.combos[number].currentData()
        if letter != axis.letter:
            self.chosen.emit(axis.number, letter)


class SpansRow(QWidget):
    """Which frames and planes are segmented: ``T 0:20``, ``Z 3:10``."""

    changed = Signal(str, str)
    """The letter of an axis, and the range that the user wrote."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        self.fields: dict[str, tuple[QLabel, QLineEdit]] = {}
        for letter in "TZ":
            name, field = QLabel(letter), QLineEdit()
            field.setObjectName(f"{letter.lower()}_span_edit")
            field.setAccessibleName(f"Range of {LETTERS[letter]}")
            field.setToolTip(SPAN_TIP)
            field.setMinimumWidth(40)
            field.editingFinished.connect(partial(self._on_edited, letter))
            row.addWidget(name)
            row.addWidget(field, 1)
            self.fields[letter] = name, field

    def set_spans(self, spans: tuple[tuple[str, str, int], ...]) -> None:
        """Show these ranges; emits nothing."""
        shown = {letter: (text, length) for letter, text, length in spans}
        for letter, (name, field) in self.fields.items():
            name.setVisible(letter in shown)
            field.setVisible(letter in shown)
            text, length = shown.get(letter, ("", 0))
            field.setPlaceholderText(f"0:{length}")
            if not (field.hasFocus() and field.isModified()):
                field.setText(text)

    def _on_edited(self, letter: str) -> None:
        field = self.fields[letter][1]
        if field.isModified():
            field.setModified(False)
            self.changed.emit(letter, field.text())


def _fill(combo: QComboBox, axis: AxisShown, *, alone: bool) -> None:
    """Offer what an axis can be; a picker that stands alone has room for words."""
    with signals_blocked(combo):
        combo.clear()
        for letter, word in LETTERS.items():
            combo.addItem(f"{letter} {axis.length}" + (f" – {word}" if alone else ""), letter)
            combo.setItemData(combo.count() - 1, word, Qt.ItemDataRole.ToolTipRole)
    select(combo, axis.letter)


def show_channels(combo: QComboBox, caption: QLabel, shown: StackShown) -> None:
    """Offer the channels; hidden where there are none."""
    for widget in (combo, caption):
        widget.setVisible(bool(shown.channels))
    if [combo.itemText(row) for row in range(combo.count())] != list(shown.channels):
        with signals_blocked(combo):
            combo.clear()
            for number, name in enumerate(shown.channels):
                combo.addItem(name, number)
    select(combo, shown.channel)


def show_planes(combo: QComboBox, caption: QLabel, shown: StackShown) -> None:
    """Offer this plane, all of them, some, or a projection; hidden where there is one."""
    for widget in (combo, caption):
        widget.setVisible(shown.planes > 1)
    texts = {"plane": "this one", "all": f"all {shown.planes}", "range": "a range"}
    texts |= {"max": "maximum over Z", "mean": "mean over Z"} if shown.deep else {}
    if [combo.itemText(row) for row in range(combo.count())] != list(texts.values()):
        with signals_blocked(combo):
            combo.clear()
            for scope, text in texts.items():
                combo.addItem(text, scope)
    select(combo, shown.scope)


def show_link(box: QCheckBox, linked: bool | None) -> None:
    """Whether objects are linked; hidden where there is nothing to link."""
    box.setVisible(linked is not None)
    set_checked(box, bool(linked))
