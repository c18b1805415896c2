"""The form for exports: a format, a depth and a file; written by the command in a process of its own."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QLineEdit,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unetpp._types import ModelInfo
from napari_unetpp.exports.target import SUFFIXES
from napari_unetpp.gui.dock.menu.command import CommandProcess
from napari_unetpp.gui.dock.widgets import Note, row_of
from napari_unetpp.session.models import export


class ExportDialog(QDialog):
    """Exports one level of a model.

    Parameters
    ----------
    parent : QWidget
    model : ModelInfo
    level : int
        The shown one; the recommended one where that is no level of the network, as Auto is not.
    folder : Path
        Where the file is suggested to be.
    """

    def __init__(self, parent: QWidget, model: ModelInfo, level: int, folder: Path) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"Export {model.name}")
        self.resize(520, 220)
        self._model, self._folder, self._suggested = model, folder, ""
        self.format_combo, self.level_combo = QComboBox(), QComboBox()
        for kind, text in export.FORMATS.items():
            self.format_combo.addItem(text, kind)
        for one in model.net.levels:
            self.level_combo.addItem(f"L{one}", one)
        shown = level if level in model.net.levels else model.recommended_level
        self.level_combo.setCurrentIndex(self.level_combo.findData(shown))
        self.out_edit, self.author_edit = QLineEdit(), QLineEdit()
        self.author_edit.setPlaceholderText("who made the model; of a package only")
        self.browse_button = QPushButton("File…")
        self.browse_button.setAutoDefault(False)
        self.browse_button.clicked.connect(lambda _on=False: self._browse())
        self.start_button, self.stop_button = QPushButton("Export"), QPushButton("Stop")
        self.start_button.clicked.connect(lambda _on=False: self.start())
        self.stop_button.clicked.connect(lambda _on=False: self.command.stop())
        self.bar, self.note = QProgressBar(), Note(lines=3)
        self.bar.setTextVisible(False)
        self.note.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.command = CommandProcess(self)
        self.command.said.connect(lambda line: self._on_said(line))
        self.command.ended.connect(lambda code: self._on_ended(code))
        self._said = ""
        self._arrange()
        for combo in (self.format_combo, self.level_combo):
            combo.currentIndexChanged.connect(lambda _row=0: self._on_choice())
        self._show_running(False)
        self._on_choice()

    def start(self) -> None:
        """Write the file; the user is asked where one of the name exists."""
        text = self.out_edit.text().strip()
        if not text:
            self.note.show_text("Choose a file to write.", "warning")
            return
        kind = self.format_combo.currentData()
        out = export.with_suffix(Path(text).expanduser(), kind)
        self.out_edit.setText(str(out))
        replaces = out.is_file()
        if replaces and not self.ask_whether_to_replace(out):
            return
        request = export.ExportRequest(
            self._model, kind, self.level_combo.currentData(), out, self.author_edit.text().strip(), replaces
        )
        self._said = ""
        self._show_running(True)
        self.note.show_text("getting ready")
        self.command.start(export.arguments(request))

    def ask_whether_to_replace(self, out: Path) -> bool:
        """Whether the user wants to lose the file that is there."""
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self, "Export", f"{out} exists already. Replace it?", buttons.Yes | buttons.No, buttons.No
        )
        return bool(answer == buttons.Yes)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        self.command.stop()
        self.command.process.waitForFinished(1000)
        super().closeEvent(event)

    # ------------------------------------------------------------------ helpers

    def _arrange(self) -> None:
        form = QFormLayout()
        form.addRow("Format", self.format_combo)
        form.addRow("Depth", self.level_combo)
        form.addRow("File", row_of(self.out_edit, self.browse_button))
        form.addRow("Author", self.author_edit)
        column = QVBoxLayout(self)
        column.addLayout(form)
        for widget in (row_of(self.start_button, self.stop_button), self.bar, self.note):
            column.addWidget(widget)

    def _on_choice(self) -> None:
        """Another format or level: another suggestion, unless the user typed a name; say what is missing."""
        kind, level = self.format_combo.currentData(), self.level_combo.currentData()
        typed = self.out_edit.text() not in ("", self._suggested)
        self._suggested = str(export.suggestion(self._model, kind, level, self._folder))
        if not typed:
            self.out_edit.setText(self._suggested)
        self.author_edit.setEnabled(kind == "bioimageio")
        lacking = export.missing(kind)
        self.start_button.setEnabled(not lacking and not self.command.running)
        self.note.show_text(lacking, "warning")

    def _browse(self) -> None:
        kind = self.format_combo.currentData()
        chosen, _ = QFileDialog.getSaveFileName(
            self,
            "Export to",
            self.out_edit.text(),
            f"{export.FORMATS[kind]} (*{SUFFIXES[kind]})",
            options=QFileDialog.Option.DontConfirmOverwrite,  # asked when it begins
        )
        if chosen:
            self.out_edit.setText(str(export.with_suffix(Path(chosen), kind)))

    def _show_running(self, running: bool) -> None:
        for widget in (
            self.format_combo,
            self.level_combo,
            self.out_edit,
            self.browse_button,
            self.start_button,
        ):
            widget.setEnabled(not running)
        self.stop_button.setEnabled(running)
        self.bar.setRange(0, 0 if running else 1)
        self.bar.setValue(0)

    def _on_said(self, line: str) -> None:
        self._said = line
        step = export.step_of(line)
        if step is not None:
            number, count, line = step
            self.bar.setRange(0, count)
            self.bar.setValue(number - 1)
        self.note.show_text(line)

    def _on_ended(self, code: int) -> None:
        self._show_running(False)
        if self.command.stopped:
            self.note.show_text(export.STOPPED)
        elif code == 0:
            self.bar.setValue(1)
            notes = self._said if self._said.startswith("note:") else ""
            self.note.show_text(f"Written: {self.command.output()} {notes}".strip())
        else:
            self.note.show_text(self._said.removeprefix("error: ") or "The export failed.", "error")
