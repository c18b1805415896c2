"""Notes on files: what was unusual about a file and how it was handled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

Note = Callable[[str], None]
"""Called with half a sentence, without the path, on how one file was handled specially."""


def counted(number: int, noun: str) -> str:
    """A number of things: ``1 image``, ``2 images``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def no_note(text: str) -> None:
    """Ignore a note."""


class Notes:
    """Collects the notes of many files: what holds for a whole folder is said once."""

    def __init__(self) -> None:
        self._files: dict[str, list[str]] = {}

    def of(self, path: Path) -> Note:
        """A function that takes the notes of one file."""
        return partial(self.add, path.name)

    def add(self, name: str, text: str) -> None:
        """Take a note of what is called `name`."""
        names = self._files.setdefault(text, [])
        if name not in names:
            names.append(name)

    def lines(self) -> list[str]:
        """A line for every kind of note: which file it is about, and how many more."""
        return [
            f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {text}"
            for text, names in self._files.items()
        ]
