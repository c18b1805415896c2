"""Notes on files: what was unusual about a file and how it was handled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

Note = Callable[[str], None]
"""Called with a text, without the path, on what was unusual about one file."""


def no_note(text: str) -> None:
    """Ignore a note."""


class Notes:
    """Collects the notes of many files; equal notes become one line."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def of(self, path: Path) -> Note:
        """A function that adds notes on one file."""
        return partial(self.add, path.name)

    def add(self, name: str, text: str) -> None:
        """Add a note on the file `name`."""
        names = self._files.setdefault(text, [])
        if name not in names:
            names.append(name)

    def lines(self) -> list[str]:
        """A line for each text: the first file with this note, and the number of others."""
        return [
            f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {text}"
            for text, names in self._files.items()
        ]
