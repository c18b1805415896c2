"""A first visit in a real viewer: each step is said when it comes, covers nothing, and does not come back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from gestures import is_active
from qtpy.QtCore import QPoint, Qt

from napari_unetpp._types import FinetuneDone
from napari_unetpp.gui.compat import plugin_settings
from napari_unetpp.gui.settings import PLUGIN, read_settings

LONG = 60_000


@pytest.fixture(autouse=True)
def with_preferences() -> None:
    if plugin_settings(PLUGIN) is None:
        pytest.skip("this napari has no preferences of plugins: nothing can be remembered")


@pytest.fixture
def step(dock: Any) -> Any:
    """The line that says the next step."""
    return dock.form.head.message_area.step


@pytest.fixture
def dock(viewer: Any, open_dock: Any, qtbot: Any) -> Iterator[Any]:
    window = viewer.window._qt_window
    window.resize(1366, 740)
    window.show()
    qtbot.waitUntil(lambda: is_active(window))
    dock = open_dock()
    qtbot.wait(50)
    yield dock


def press_hide(dock: Any, step: Any, qtbot: Any) -> None:
    """By the keyboard."""
    step.setFocus()
    qtbot.keyClick(step, Qt.Key.Key_Tab)  # to the link
    qtbot.keyClick(step, Qt.Key.Key_Return)


def test_the_steps_in_their_order(
    dock: Any, step: Any, viewer: Any, image: np.ndarray, wait: Any, qtbot: Any
) -> None:
    assert step.isVisible() and "Step 1 of 5: open an image" in step.text()
    viewer.add_image(image, name="cells")
    assert "Step 2 of 5: press Segment" in step.text()
    dock.form.head.levels.slider.setValue(2)
    assert "Step 2" in step.text()  # there is nothing to slide through yet
    dock.controller.state.threshold = 0.3
    dock.form.head.segment_button.click()
    wait(dock)
    assert "Step 3 of 5: move the depth slider" in step.text()
    dock.form.head.levels.slider.setValue(3)
    wait(dock)
    assert "Step 4 of 5: press C and paint" in step.text()
    dock.form.correct.correct_button.click()
    wait(dock)
    viewer.layers["cells corrections"].paint((60, 80), 400)
    qtbot.waitUntil(lambda: "Step 5 of 5: press Fine-tune" in step.text(), timeout=LONG)
    assert read_settings().first_steps
    jobs = dock.controller.context.jobs
    for listener in jobs._listeners[FinetuneDone]:
        if getattr(listener, "__self__", None) is dock.first_steps:
            listener(None)
    assert not step.isVisible() and not step.text()
    assert not read_settings().first_steps, "it is remembered"


def test_hidden_once_it_does_not_come_back(
    dock: Any, step: Any, viewer: Any, image: np.ndarray, open_dock: Any, qtbot: Any
) -> None:
    assert step.isVisible()
    press_hide(dock, step, qtbot)
    assert not step.isVisible() and not read_settings().first_steps
    viewer.add_image(image, name="cells")
    dock.set_message("")
    assert not step.isVisible()
    dock.close_session()
    viewer.window.remove_dock_widget(dock)
    again = open_dock()
    assert not again.form.head.message_area.step.isVisible()
    plugin_settings(PLUGIN).segmentation.first_steps = True  # on the page of preferences
    other = again.form.head.message_area.step
    qtbot.waitUntil(other.isVisible, timeout=LONG)
    assert "Step 2 of 5" in other.text()


def test_it_covers_and_moves_nothing(dock: Any, step: Any, qtbot: Any) -> None:
    head = dock.form.head
    label, area, chart = head.message_label, head.message_area, dock.form.chart_fold
    before = area.height(), chart.mapTo(dock, QPoint(0, 0)).y()
    for words in (0, 1, 8, 14, 20, 40):
        dock.set_message("word " * words)
        qtbot.wait(30)
        below = label.heightForWidth(area.width()) if words else 0
        if step.isVisible():
            assert below <= step.y() and step.y() + step.height() <= area.height(), words
        assert (area.height(), chart.mapTo(dock, QPoint(0, 0)).y()) == before
        assert not (words == 40 and step.isVisible())
    dock.set_message("")
    assert step.isVisible()
    press_hide(dock, step, qtbot)
    assert (area.height(), chart.mapTo(dock, QPoint(0, 0)).y()) == before
