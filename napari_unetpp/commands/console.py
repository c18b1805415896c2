"""What the command line shows: results on stdout, the rest on stderr, and one live line on a terminal."""

from __future__ import annotations

import shutil
import sys

BAR = 30
CLEAR = "\r\x1b[K"


def _printable(text: str) -> str:
    """The text with escapes for bytes of file names that are no text; they cannot be printed."""
    return text.encode(errors="backslashreplace").decode()


class Console:
    """Prints permanent lines, and one live line that the next text replaces."""

    def __init__(self) -> None:
        self._live = False

    def tell(self, text: str) -> None:
        """A result, on stdout."""
        self._end_live()
        print(_printable(text), flush=True)

    def say(self, text: str) -> None:
        """One line for people, on stderr."""
        self._end_live()
        print(_printable(text), file=sys.stderr, flush=True)

    def live(self, text: str) -> None:
        """A line on stderr that the next text replaces; nothing without a terminal."""
        if not sys.stderr.isatty():
            return
        width = shutil.get_terminal_size().columns - 1  # a line that wraps could not be replaced
        print(f"{CLEAR}{_printable(text)[:width]}", end="", file=sys.stderr, flush=True)
        self._live = True

    def progress(self, done: float, total: int, what: str = "") -> None:
        """A bar as a live line; it stays when all is done.

        Parameters
        ----------
        done : float
            Items done; a fraction counts a part of the next item.
        total : int
        what : str
            The current item.
        """
        bar = "#" * int(BAR * done / max(total, 1))
        self.live(f"[{bar:<{BAR}}] {int(done)}/{total} {what}".rstrip())
        if done >= total and self._live:
            print(file=sys.stderr, flush=True)
            self._live = False

    def _end_live(self) -> None:
        if self._live:
            print(CLEAR, end="", file=sys.stderr, flush=True)
            self._live = False
