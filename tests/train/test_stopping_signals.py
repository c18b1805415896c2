"""Ctrl-C and SIGTERM while a training runs."""

from __future__ import annotations

import signal

import pytest

from napari_unetpp.train.stopping_signals import stopped_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_a_wish_and_the_second_an_order(number: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stopped_by_signals() as should_stop:
        assert not should_stop()
        signal.raise_signal(number)
        assert should_stop()
        signal.raise_signal(number)
    assert signal.getsignal(number) is before
