"""Shortcuts that also work while the canvas has the focus; enabled only while the dock is visible."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QShortcut, QWidget

SEGMENT = "Shift+S"
CORRECT = "C"
NEXT = "N"
CLICK = "K"
MERGE = "J"
SPLIT = "Shift+J"


class Shortcuts:
    """Keys of the main window that belong to one dock."""

    def __init__(self, window: QWidget) -> None:
        self._window: QWidget | None = window
        self._shortcuts: list[QShortcut] = []

    def add(self, key: str, action: Callable[[], None]) -> None:
        """Call `action` on `key`."""
        shortcut = QShortcut(QKeySequence(key), self._window)
        shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
        shortcut.activated.connect(action)
        shortcut.setEnabled(False)
        self._shortcuts.append(shortcut)

    def set_enabled(self, enabled: bool) -> None:
        """Enable or disable all of them."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(enabled)

    def close(self) -> None:
        """Remove them from the window, which may be deleted already."""
        self._window = None
        for shortcut in self._shortcuts:
            with suppress(RuntimeError):
                shortcut.setEnabled(False)
                shortcut.deleteLater()
        self._shortcuts.clear()
