"""What real runs took on this machine, kept between sittings. Touched by the worker only."""

from __future__ import annotations

from collections.abc import Mapping

from napari_unetpp.files.machine_cache import recall, remember
from napari_unetpp.session.display.measured_speed import from_text, learn, to_text, typical

FILE = "speed"
SMALLEST = 0.05
"""Megapixels: what a smaller plane takes says little about megapixels."""


class Speeds:
    """What the levels of a network took on a device in a number format.

    Parameters
    ----------
    machine : mapping from str to str
        All that the time depends on (see `files.machine_cache`).

    Attributes
    ----------
    warm : bool
        Whether the levels were timed in this process. The calls before that load libraries and choose
        kernels, so that nothing is learned from them.
    """

    def __init__(self, machine: Mapping[str, str]) -> None:
        self._machine = machine
        self._record = from_text(recall(FILE, machine))
        self.warm = False

    @property
    def levels(self) -> dict[int, float]:
        """Seconds per megapixel of each level that was run."""
        return typical(self._record)

    def took(self, level: int, seconds: float, megapixels: float, known: int | None) -> bool:
        """Learn from a run (see `learn`); False where there is nothing to learn."""
        if not self.warm or megapixels < SMALLEST:
            return False
        record = learn(self._record, level, seconds / megapixels, known)
        if record is self._record:
            return False
        self._record = record
        remember(FILE, self._machine, to_text(record))
        return True
