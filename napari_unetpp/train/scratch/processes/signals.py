"""Ctrl-C and SIGTERM as requests to stop: the step in progress is finished, and the state is saved."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from napari_unetpp._types import ShouldStop

SIGNALS = (signal.SIGINT, signal.SIGTERM)

STOPPING = "stopping after this step, whose state will be saved; Ctrl-C again ends at once, unsaved"


@contextmanager
def stopped_by_signals(say: Callable[[str], None]) -> Iterator[ShouldStop]:
    """A `should_stop` that the first signal makes true; a second one interrupts at once.

    `say` receives a line at the first signal. Under ``torchrun`` only the first process does so, and further
    signals are ignored: torchrun sends its own, and ends its processes after half a minute. Only for the main
    thread, where Python handles signals. The former handlers are restored afterwards.
    """
    received: list[int] = []
    rank = os.environ.get("RANK")

    def on_signal(number: int, frame: FrameType | None) -> None:
        if received and rank is None:
            raise KeyboardInterrupt
        received.append(number)
        if len(received) > 1 or rank not in (None, "0"):
            return
        with suppress(RuntimeError):  # a line was just being written
            say(STOPPING)

    before = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
