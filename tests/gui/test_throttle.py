"""The first event of a shower is answered at once, the last one surely."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("qtpy")


@pytest.fixture
def throttle(qtbot: Any) -> Any:
    """Makes throttles; each comes with the times of its answers."""
    from qtpy.QtCore import QObject

    from napari_unetpp.gui.throttle import Throttle

    owner, made = QObject(), []

    def make(interval_ms: int) -> tuple[Any, list[float]]:
        times: list[float] = []
        made.append(Throttle(lambda: times.append(time.perf_counter()), interval_ms, owner))
        return made[-1], times

    yield make
    for one in made:
        one.stop()


def test_the_first_event_is_answered_at_once_and_once(throttle: Any, qtbot: Any) -> None:
    throttled, times = throttle(600_000)
    throttled.event()
    assert not times, "napari does its part first"
    qtbot.waitUntil(lambda: len(times) == 1)
    throttled.event()
    qtbot.wait(100)
    assert len(times) == 1, "the next one waits for the interval"


def test_a_shower_is_answered_now_and_then_and_in_the_end(throttle: Any, qtbot: Any) -> None:
    throttled, times = throttle(200)
    for _ in range(40):
        throttled.event()
        last = time.perf_counter()
        qtbot.wait(20)
    qtbot.waitUntil(lambda: times[-1] > last, timeout=10_000)
    assert len(times) >= 3
    assert min(b - a for a, b in pairwise(times)) > 0.15, "Qt may be a little early"


def test_nothing_comes_after_the_stop(throttle: Any, qtbot: Any) -> None:
    throttled, times = throttle(200)
    throttled.event()
    throttled.stop()
    qtbot.wait(300)
    assert not times
