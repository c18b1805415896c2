"""The dock with the shipped model of nuclei, and runs over all planes of a stack."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gestures import choose
from nuclei_stacks import TIMEOUT

from napari_unetpp.session.stacks import runs
from napari_unetpp.session.stacks.events import StackPainted


@pytest.fixture
def dock(dock_opener: Callable[[], Any]) -> Callable[[], Any]:
    """Opens the dock with the shipped model of nuclei, at level 1 and scale 1."""

    def opened() -> Any:
        dock = dock_opener()
        dock.controller.state.level = 1
        dock.controller.state.scale = 1.0
        dock.controller.state.device = "cpu"
        return dock

    return opened


@pytest.fixture
def all_planes(wait: Any, qtbot: Any) -> Callable[[Any], None]:
    """Chooses all planes, presses Segment, and waits for the end."""

    def run(dock: Any) -> None:
        choose(dock.form.head.planes_combo, "all")
        wait(dock)
        dock.form.head.segment_button.click()
        qtbot.waitUntil(lambda: dock.stacks.running is None, timeout=TIMEOUT)

    return run


@pytest.fixture
def halt(
    monkeypatch: pytest.MonkeyPatch, wait: Any, qtbot: Any
) -> Iterator[Callable[[Any], threading.Event]]:
    """Runs all planes, and halts after the first one: until the event is set, or the run is stopped."""
    go, reached = threading.Event(), threading.Event()
    real = runs.segment_stack

    def halting(*arguments: Any) -> Iterator[Any]:
        should_stop = arguments[-1]
        for event in real(*arguments):
            yield event
            if isinstance(event, StackPainted):
                reached.set()
                while not go.wait(0.01) and not should_stop():
                    pass

    def begin(dock: Any) -> threading.Event:
        monkeypatch.setattr(runs, "segment_stack", halting)
        choose(dock.form.head.planes_combo, "all")
        wait(dock)
        dock.form.head.segment_button.click()
        qtbot.waitUntil(reached.is_set, timeout=TIMEOUT)
        qtbot.waitUntil(lambda: "plane 1" in dock.form.head.progress_bar.format(), timeout=TIMEOUT)
        return go

    yield begin
    go.set()
