"""Events that come many at a time, answered at once and then not too often.

Not superqt's `qthrottled`: that answers within the first event, before napari has reacted to it, and once
more for the other events of the same moment.
"""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer


class Throttle:
    """Answers the first of many events at once, then one per interval, and always the last one.

    "At once" is when Qt handles events again: what napari does about the event comes first.

    Parameters
    ----------
    answer : callable
    interval_ms : int
        Between two answers, at least.
    parent : QObject
        Owns the timer.
    """

    def __init__(self, answer: Callable[[], None], interval_ms: int, parent: QObject) -> None:
        self._answer = answer
        self._interval = interval_ms
        self._due = False
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_time)

    def event(self) -> None:
        """Something happened."""
        self._due = True
        if not self._timer.isActive():
            self._timer.start(0)

    def stop(self) -> None:
        """Answer nothing more."""
        self._due = False
        self._timer.stop()

    def _on_time(self) -> None:
        if self._due:
            self._due = False
            self._timer.start(self._interval)
            self._answer()
