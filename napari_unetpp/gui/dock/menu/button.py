"""The button beside the models: a menu of what is seldom needed."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtWidgets import QMenu, QToolButton

LINE = ("", "", "")
ENTRIES = (
    ("rename_model", "&Rename…", "Give one of your own models another name"),
    ("delete_model", "&Delete…", "Move one of your own models out of the list; it can be brought back"),
    ("import_model", "&Import a file…", "Add a model file, or an exported package, to your own models"),
    ("export_model", "&Export…", "Write a depth of the model for other programs: ONNX or BioImage.IO"),
    ("model_card", "Model &card", "What the model was trained on, its scores and its licence"),
    LINE,
    ("copy_command", "Copy as c&ommand", "Copy the command that makes the shown result in a terminal"),
    LINE,
    ("caches", "&Files and caches…", "How much is kept on disk; clear what can be made again"),
    (
        "copy_diagnostics",
        "Copy dia&gnostics",
        "Copy versions, device, settings and the last error, for a report",
    ),
)
"""Names, texts and tips."""


class MenuButton(QToolButton):
    """Three dots that open a menu; `chosen` says which entry was."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setText("⋯")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for name, text, tip in ENTRIES:
            if not name:
                menu.addSeparator()
                continue
            action = menu.addAction(text)
            assert action is not None
            action.setObjectName(name)
            action.setToolTip(tip)
            action.triggered.connect(lambda _on=False, name=name: self.chosen.emit(name))
        self.setMenu(menu)
