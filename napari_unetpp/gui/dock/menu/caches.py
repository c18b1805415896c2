"""The form of what is kept on disk: how much it is, and a button that clears what can be made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QGridLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unetpp._types import UnetppError
from napari_unetpp.files.caches import Kept, clear, size_text
from napari_unetpp.gui.dock.widgets import Note

HEADS = {
    "measurements": "Measurements",
    "int8": "int8 ranges",
    "corrections": "Unsaved corrections",
    "models": "Own models",
    "deleted": "Deleted models",
}


class CachesDialog(QDialog):
    """Kinds of files with their sizes; a box to check stands before those that may be cleared.

    Parameters
    ----------
    parent : QWidget
    look : callable
        Gives what is kept.
    """

    def __init__(self, parent: QWidget, look: Callable[[], Sequence[Kept]]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Files of napari-unetpp")
        self.resize(620, 360)
        self._look = look
        self.boxes: dict[str, QCheckBox] = {}
        self.sizes: dict[str, QLabel] = {}
        self.clear_button, self.note = QPushButton("Clear what is checked"), Note(lines=1)
        self.clear_button.clicked.connect(lambda _on=False: self.clear())
        grid = QGridLayout()
        grid.setColumnStretch(2, 1)
        for row, one in enumerate(look()):
            self._add(grid, row, one)
        column = QVBoxLayout(self)
        column.addLayout(grid)
        column.addStretch(1)
        column.addWidget(self.note)
        column.addWidget(self.clear_button)
        self._show()

    def clear(self) -> None:
        """Delete the files of the kinds that are checked."""
        chosen = [one for one in self._look() if one.name in self.boxes and self.boxes[one.name].isChecked()]
        try:
            self.note.show_text(f"Freed {size_text(clear(chosen))}.")
        except UnetppError as error:
            self.note.show_text(str(error), "error")
        self._show()

    def _add(self, grid: QGridLayout, row: int, one: Kept) -> None:
        head: QWidget = QLabel(HEADS[one.name])
        if one.clearable:
            head = self.boxes[one.name] = QCheckBox(HEADS[one.name])
            self.boxes[one.name].setChecked(one.name == "measurements")
        size = self.sizes[one.name] = QLabel()
        size.setAlignment(Qt.AlignmentFlag.AlignTop)
        what = QLabel(f"{one.what}\n{one.folder}")
        what.setWordWrap(True)
        what.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        what.setAlignment(Qt.AlignmentFlag.AlignTop)
        grid.addWidget(head, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(size, row, 1, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(what, row, 2)  # no alignment: else its lines would be cut

    def _show(self) -> None:
        """The sizes, anew."""
        for one in self._look():
            self.sizes[one.name].setText(one.amount)
