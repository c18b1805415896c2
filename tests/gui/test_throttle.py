"""The first event of a shower is answered at once, the last one surely."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("qtpy")


@pytest.fixture
def answers(qtbot: Any) -> Any:
    from qtpy.QtCore import QObject

    from napari_unetpp.gui.throttle import Throttle

    owner = QObject()
    times: list[float] = []
    throttle = Throttle(lambda: times.append(time.perf_counter()), 200, owner)
    yield throttle, times, qtbot
    throttle.stop()


def test_one_event_is_answered_at_once(answers: Any) -> None:
    throttle, times, qtbot = answers
    start = time.perf_counter()
    throttle.event()
    assert not times, "napari does its part first"
    qtbot.waitUntil(lambda: len(times) == 1)
    qtbot.wait(500)
    assert len(times) == 1 and times[0] - start < 0.19, "not after the interval"


def test_a_shower_is_answered_now_and_then_and_in_the_end(answers: Any) -> None:
    throttle, times, qtbot = answers
    for _ in range(40):
        throttle.event()
        qtbot.wait(20)
    last = time.perf_counter()
    qtbot.waitUntil(lambda: times[-1] > last - 0.03, timeout=2000)
    gaps = [b - a for a, b in pairwise(times)]
    assert 3 <= len(times) <= 8 and min(gaps) > 0.19


def test_nothing_comes_after_the_stop(answers: Any) -> None:
    throttle, times, qtbot = answers
    throttle.event()
    throttle.stop()
    qtbot.wait(300)
    assert not times
