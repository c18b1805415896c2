"""Ctrl-C and SIGTERM while a training runs."""

from __future__ import annotations

import signal

import pytest

from napari_unetpp.train.scratch.processes.signals import STOPPING, stopped_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_and_the_second_an_order(number: int) -> None:
    before = signal.getsignal(number)
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt), stopped_by_signals(said.append) as should_stop:
        assert not should_stop() and not said
        signal.raise_signal(number)
        assert should_stop() and said == [STOPPING], "a step takes seconds: who reads nothing presses again"
        signal.raise_signal(number)
    assert signal.getsignal(number) is before
