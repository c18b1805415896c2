"""Ctrl-C and SIGTERM while a training runs."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROCESS = """
import signal
import sys

from napari_unetpp.train.scratch.processes.signals import STOPPING, stopped_by_signals

number = int(sys.argv[1])
before = signal.getsignal(number)
said = []
try:
    with stopped_by_signals(said.append) as should_stop:
        assert not should_stop() and not said
        signal.raise_signal(number)
        assert should_stop() and said == [STOPPING], "a step takes seconds: who reads nothing presses again"
        signal.raise_signal(number)
except KeyboardInterrupt:
    assert signal.getsignal(number) is before
    print("interrupted")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_and_the_second_an_order(number: int) -> None:
    """In a process of its own: one that held Qt and much else ended at SIGINT without a word, sometimes."""
    command = [sys.executable, "-c", PROCESS, str(int(number))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "interrupted"), ended.stderr
