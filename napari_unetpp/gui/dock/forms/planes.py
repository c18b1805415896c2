"""The pickers of images of several planes: what each axis is, which channel, which planes."""

from __future__ import annotations

from functools import partial

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QWidget
from superqt.utils import signals_blocked

from napari_unetpp.gui.dock.forms.fields import select, set_checked
from napari_unetpp.session.stacks.values import AxisShown, StackShown

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
    """Offer this plane or all of them; hidden where there is one."""
    for widget in (combo, caption):
        widget.setVisible(shown.planes > 1)
    texts = {"plane": "this one", "all": f"all {shown.planes}"}
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
