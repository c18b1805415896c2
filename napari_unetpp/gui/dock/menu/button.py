"""The button beside the models: a menu of what is seldom needed."""

from __future__ import annotations

from psygnal import Signal
from qtpy.QtWidgets import QMenu, QToolButton

ENTRIES: tuple[tuple[str, str, str], ...] = (
    ("rename_model", "&Rename…", "Give one of your own models another name"),
    ("delete_model", "&Delete…", "Move one of your own models out of the list; it can be brought back"),
    ("import_model", "&Import a file…", "Add a model file, or an exported package, to your own models"),
    ("model_card", "Model &card", "What the model was trained on, its scores and its licence"),
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
            action = menu.addAction(text)
            assert action is not None
            action.setObjectName(name)
            action.setToolTip(tip)
            action.triggered.connect(lambda _on=False, name=name: self.chosen.emit(name))
        self.setMenu(menu)
