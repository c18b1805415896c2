"""A command of ours in a process of its own, with what it says while it runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

import napari_unetpp

PATIENCE_MS = 5000
"""A process that was asked to stop, and has not after so long, is killed."""


class CommandProcess(QObject):
    """Runs ``napari-unetpp`` with this Python and this package.

    Signals
    -------
    said : str
        The last line that it said.
    ended : int
        Its exit status.
    """

    said = Signal(str)
    ended = Signal(int)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.stopped = False
        self.process = QProcess(self)
        self.process.readyReadStandardError.connect(self._on_said)
        self.process.finished.connect(lambda code, _status=None: self._on_finished(code))
        self._late = QTimer(self)
        self._late.setSingleShot(True)
        self._late.setInterval(PATIENCE_MS)
        self._late.timeout.connect(self.process.kill)

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return bool(self.process.state() != QProcess.ProcessState.NotRunning)

    def start(self, arguments: Sequence[str]) -> None:
        """Begin."""
        self.stopped = False
        environment = QProcessEnvironment.systemEnvironment()
        package = str(Path(napari_unetpp.__file__).parents[1])
        known = environment.value("PYTHONPATH")
        environment.insert("PYTHONPATH", os.pathsep.join([package, known]) if known else package)
        self.process.setProcessEnvironment(environment)
        self.process.start(sys.executable, ["-m", "napari_unetpp", *arguments])

    def stop(self) -> None:
        """Stop as Ctrl-C does."""
        if not self.running:
            return
        self.stopped = True
        if sys.platform == "win32":
            self.process.kill()
        else:
            os.kill(self.process.processId(), signal.SIGINT)
            self._late.start()

    def output(self) -> str:
        """What it wrote as its result."""
        return bytes(self.process.readAllStandardOutput().data()).decode(errors="replace").strip()

    def _on_said(self) -> None:
        said = bytes(self.process.readAllStandardError().data()).decode(errors="replace")
        lines = [line.strip() for line in said.replace("\r", "\n").splitlines() if line.strip()]
        if lines:
            self.said.emit(lines[-1])

    def _on_finished(self, code: int) -> None:
        try:
            self._late.stop()
            self._on_said()
        except RuntimeError:  # the window is gone, and Qt ends the process while it deletes it
            return
        self.ended.emit(code)
