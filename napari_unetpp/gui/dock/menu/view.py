"""The dock's half of `session.models.ports.MenuView`: asks what the menu needs to know, shows its texts."""

from __future__ import annotations

from pathlib import Path

from qtpy import API_NAME, PYQT_VERSION, PYSIDE_VERSION, QT_VERSION
from qtpy.QtCore import Qt
from qtpy.QtGui import QFontDatabase
from qtpy.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QInputDialog,
    QMessageBox,
    QPlainTextEdit,
    QVBoxLayout,
)

from napari_unetpp.gui.dock.correct_view import CorrectDockView

MODEL_FILES = "Models (*.safetensors *.zip)"


class MenuDockView(CorrectDockView):
    """Questions and pages of the menu."""

    def ask_name(self, title: str, text: str, name: str) -> str | None:
        asked, accepted = QInputDialog.getText(self, title, text, text=name)
        return asked.strip() if accepted else None

    def ask_model_file(self) -> Path | None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Import a model", "", MODEL_FILES)
        return Path(chosen) if chosen else None

    def ask_whether(self, title: str, text: str, answer: str) -> bool:
        box = QMessageBox(QMessageBox.Icon.Question, title, text, parent=self)
        yes = box.addButton(answer, QMessageBox.ButtonRole.AcceptRole)
        box.addButton(QMessageBox.StandardButton.Cancel)
        box.exec()
        return box.clickedButton() is yes

    def copy_text(self, text: str) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)

    def toolkit(self) -> str:
        return f"{API_NAME} {PYQT_VERSION or PYSIDE_VERSION}, Qt {QT_VERSION}, {QApplication.platformName()}"

    def show_page(self, title: str, text: str) -> None:
        page = self.page = QDialog(self)
        page.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        page.setWindowTitle(title)
        page.resize(640, 480)
        shown = QPlainTextEdit(text)
        shown.setReadOnly(True)
        shown.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        shown.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(page.close)
        column = QVBoxLayout(page)
        column.addWidget(shown)
        column.addWidget(buttons)
        page.show()
