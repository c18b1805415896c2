"""What the menu beside the models needs from the outside; see `session.ports` for the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from psygnal import Signal


class MenuSignals:
    """What the user picks in the menu."""

    rename_model_pressed = Signal()
    delete_model_pressed = Signal()
    import_model_pressed = Signal()
    export_model_pressed = Signal()
    model_card_pressed = Signal()
    copy_command_pressed = Signal()
    caches_pressed = Signal()
    copy_diagnostics_pressed = Signal()


class MenuView(Protocol):
    """The questions of the menu, and the texts that it shows."""

    def ask_name(self, title: str, text: str, name: str) -> str | None:
        """A name, with `name` to begin with; None: the user wants none."""
        ...

    def ask_model_file(self) -> Path | None: ...
    def ask_whether(self, title: str, text: str, answer: str) -> bool:
        """Whether the user presses the button `answer`, which does what `text` says."""
        ...

    def show_page(self, title: str, text: str) -> None:
        """Show a text of many lines in a window of its own."""
        ...

    def copy_text(self, text: str) -> None:
        """Put a text on the clipboard."""
        ...

    def toolkit(self) -> str:
        """What draws the windows, with its versions."""
        ...
