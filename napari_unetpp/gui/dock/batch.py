"""Segments a folder, or the files of all image layers, by the command in a process of its own."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unetpp._types import ModelInfo
from napari_unetpp.files.objects.formats import FORMATS
from napari_unetpp.gui.dock.menu.command import CommandProcess
from napari_unetpp.gui.dock.widgets import Note, row_of
from napari_unetpp.session import batch
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Interval

Settings = Callable[[], tuple[SessionState, ModelInfo | None, Interval | None]]

BEST_TIP = (
    "Average what the network says of each image turned by quarters and mirrored: somewhat better. Images of"
    " one plane; Auto is the recommended depth then"
)


class BatchDialog(QDialog):
    """A form for many images: where they are, what is written, how far it is, what came out.

    Parameters
    ----------
    parent : QWidget
    settings : callable
        Gives the state of the dock, its model, and the intensities that its image is displayed between.
    files : sequence of Path
        Of the image layers, which `layers_button` takes as input.
    """

    def __init__(self, parent: QWidget, settings: Settings, files: Sequence[Path]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Segment a folder")
        self.resize(560, 420)
        self._settings, self._files = settings, tuple(files)
        self._report, self._out = Path(), Path()
        self.input_edit, self.out_edit = QLineEdit(), QLineEdit()
        self.layers_button = QPushButton(f"Files of all image layers ({len(self._files)})")
        self.layers_button.setEnabled(bool(self._files))
        self.layers_button.clicked.connect(self._take_files)
        self.recursive_box, self.table_box = (
            QCheckBox("subfolders, too"),
            QCheckBox("tables and a summary (CSV)"),
        )
        self.table_box.setChecked(True)
        self.best_box = QCheckBox("best: the mean of eight orientations, eight times as long")
        self.best_box.setToolTip(BEST_TIP)
        self.also_boxes = {name: QCheckBox(kind.program) for name, kind in FORMATS.items()}
        self.start_button, self.stop_button = QPushButton("Start"), QPushButton("Stop")
        self.stop_button.setEnabled(False)
        self.start_button.clicked.connect(lambda _on=False: self.start())
        self.stop_button.clicked.connect(lambda _on=False: self.stop())
        self.bar, self.note, self.table = QProgressBar(), Note(lines=2), QTableWidget(0, len(batch.HEADS))
        self.bar.setTextVisible(False)
        self.table.setHorizontalHeaderLabels(list(batch.HEADS))
        head = self.table.horizontalHeader()
        assert head is not None
        head.setStretchLastSection(True)
        self.command = CommandProcess(self)
        self.process = self.command.process
        self.command.said.connect(lambda line: self.note.show_text(line))
        self.command.ended.connect(lambda code: self._on_finished(code))
        self._arrange()
        self.note.show_text(
            "With the model, depth, scale and contrast of the dock, and its threshold, sizes and choices of"
            " objects.",
            faint=True,
        )

    @property
    def running(self) -> bool:
        """Whether images are being segmented."""
        return self.command.running

    def start(self) -> None:
        """Segment what is missing in the output folder."""
        state, model, limits = self._settings()
        inputs = tuple(
            Path(text.strip()) for text in self.input_edit.text().split(os.pathsep) if text.strip()
        )
        if model is None or not inputs or not self.out_edit.text().strip():
            self.note.show_text("Choose the images, and a folder for the results.", "warning")
            return
        self._out = Path(self.out_edit.text().strip())
        also = tuple(name for name, box in self.also_boxes.items() if box.isChecked())
        request = batch.BatchRequest(
            inputs,
            self._out,
            self.recursive_box.isChecked(),
            self.table_box.isChecked(),
            also,
            self.best_box.isChecked(),
        )
        handle, name = tempfile.mkstemp(suffix=".json")
        os.close(handle)
        self._report = Path(name)
        self._show_running(True)
        self.note.show_text("getting ready")
        self.command.start(batch.arguments(request, state, model, self._report, limits))

    def stop(self) -> None:
        """Stop as Ctrl-C does: results that are complete stay."""
        self.command.stop()

    def closeEvent(self, event: QCloseEvent | None) -> None:
        self.stop()
        super().closeEvent(event)

    # ------------------------------------------------------------------ helpers

    def _arrange(self) -> None:
        form = QFormLayout()
        form.addRow("Images", row_of(self.input_edit, self._button("Folder…", self._choose_input)))
        form.addRow("", row_of(self.layers_button, self.recursive_box))
        form.addRow("Results", row_of(self.out_edit, self._button("Folder…", self._choose_out)))
        form.addRow("Quality", self.best_box)
        form.addRow("Also", row_of(self.table_box, *self.also_boxes.values()))
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(row_of(self.start_button, self.stop_button))
        for widget in (self.bar, self.note, self.table):
            column.addWidget(widget)

    def _button(self, text: str, reaction: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.clicked.connect(lambda _on=False: reaction())
        return button

    def _choose_input(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of images")
        if folder:
            self.input_edit.setText(folder)
            self.out_edit.setText(self.out_edit.text() or str(Path(folder) / "results"))

    def _choose_out(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the results")
        if folder:
            self.out_edit.setText(folder)

    def _take_files(self, _on: bool = False) -> None:
        self.input_edit.setText(os.pathsep.join(map(str, self._files)))
        self.out_edit.setText(self.out_edit.text() or str(self._files[0].parent / "results"))

    def _show_running(self, running: bool) -> None:
        self.start_button.setEnabled(not running)
        self.stop_button.setEnabled(running)
        self.bar.setRange(0, 0 if running else 1)
        self.bar.setValue(0)

    def _on_finished(self, code: int) -> None:
        self._show_running(False)
        entries = self._entries()
        self.table.setRowCount(0)
        for number, row in enumerate(batch.rows(entries)):
            self.table.insertRow(number)
            for column, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.table.setItem(number, column, item)
        if self.command.stopped:
            self.note.show_text(batch.STOPPED)
        elif entries:
            self.note.show_text(batch.summary(entries, self._out), "warning" if code else "info")

    def _entries(self) -> list[dict[str, Any]]:
        """What the command reports of each image; nothing where it failed before the first one."""
        try:
            found: list[dict[str, Any]] = json.loads(self._report.read_text() or "[]")
        except (OSError, ValueError):
            found = []
        self._report.unlink(missing_ok=True)
        return found
