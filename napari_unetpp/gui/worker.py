"""One long-lived thread for all torch work; its events are handed to the GUI thread in small portions."""

from __future__ import annotations

import importlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event as Flag
from typing import Any

from qtpy.QtCore import QObject, Qt, QTimer, Signal, Slot

from napari_unetpp.session.events import Event, Job

PORTION = 0.006
"""Seconds of GUI thread that answers may take before other Qt events are handled."""

NICENESS = 10

Delivery = tuple[Callable[[Any], None], Any]
"""Who is told, and what."""


def _lower_priority() -> None:
    """Give the window priority where a thread can have one; threads that torch makes inherit it."""
    if sys.platform.startswith("linux"):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def import_ahead(should_stop: Callable[[], bool]) -> Iterator[Event]:
    """A job: import what napari needs for its first Labels layer: 0.3 s less until the first result."""
    del should_stop
    with suppress(ImportError):
        importlib.import_module("pandas")
    yield from ()


class ThreadRunner(QObject):
    """`Runner` by an executor with one thread.

    Jobs are stopped by a flag only: the generator then runs to its own end, in the worker.
    """

    _arrived = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="unetpp", initializer=_lower_priority)
        self._deliveries: deque[Delivery] = deque()
        self._flags: list[Flag] = []
        self._closed = False
        self._again = QTimer(self)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self._drain)
        queued = Qt.ConnectionType.QueuedConnection
        self._arrived.connect(self._drain, queued)  # type: ignore[call-arg]  # not in PyQt6's stub

    def submit(
        self,
        job: Job,
        on_event: Callable[[Event], None],
        on_end: Callable[[BaseException | None], None],
    ) -> None:
        """Ask the jobs before to stop, then queue this one."""
        if self._closed:
            return
        self.stop()
        flag = Flag()
        self._flags.append(flag)
        self._executor.submit(self._run, job, flag, on_event, on_end)

    def stop(self) -> None:
        """Ask all jobs to stop."""
        for flag in self._flags:
            flag.set()
        self._flags.clear()

    def close(self) -> None:
        """Stop, deliver nothing more, let the thread end by itself."""
        self._closed = True
        self.stop()
        with suppress(RuntimeError):  # the Qt half may be gone
            self._again.stop()
        self._deliveries.clear()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _run(
        self,
        job: Job,
        flag: Flag,
        on_event: Callable[[Event], None],
        on_end: Callable[[BaseException | None], None],
    ) -> None:
        error: BaseException | None = None
        try:
            for event in job(flag.is_set):
                self._post(on_event, event)
        except BaseException as caught:
            error = caught
        self._post(on_end, error)

    def _post(self, receiver: Callable[[Any], None], value: Any) -> None:
        if self._closed:
            return
        self._deliveries.append((receiver, value))
        try:
            self._arrived.emit()
        except RuntimeError:  # the Qt half of this object is gone: the window was closed
            self._closed = True

    @Slot()
    def _drain(self) -> None:
        until = time.perf_counter() + PORTION
        while self._deliveries and not self._closed:
            receiver, value = self._deliveries.popleft()
            receiver(value)
            if time.perf_counter() > until and self._deliveries:
                self._again.start(0)
                return
