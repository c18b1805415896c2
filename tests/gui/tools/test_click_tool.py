"""The click tool in a real viewer, with the shipped model on a shipped sample, by events of the canvas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gestures import SCALE, Hand
from napari.layers import Labels

from napari_unetpp.gui import samples
from napari_unetpp.gui.compat import camera_of


@pytest.fixture
def dock(viewer: Any, dock_opener: Callable[[], Any]) -> Any:
    ((data, options, _),) = samples.sparse_fluorescence()
    viewer.add_image(data, **(options | {"name": "cells"}), scale=(SCALE, SCALE))
    dock = dock_opener()
    dock.controller.state.level = 2
    return dock


def spots(dock: Any, viewer: Any, qtbot: Any) -> np.ndarray:
    """Where the nuclei are: segments, and gives one pixel (y, x) inside of each."""
    dock.form.head.segment_button.click()
    qtbot.waitUntil(lambda: not dock.controller.busy, timeout=60_000)
    labels = viewer.layers["cells prediction"].data
    inside = [np.argwhere(labels == n) for n in np.unique(labels[labels > 0])]
    return np.array([where[len(where) // 2] for where in inside if len(where) > 60])


def sheet(viewer: Any) -> Labels:
    return viewer.layers["cells corrections"]


def test_click_shift_click_box_and_undo(viewer: Any, dock: Any, qtbot: Any) -> None:
    (first, second, *_) = spots(dock, viewer, qtbot)
    viewer.layers.remove("cells prediction")  # as if nothing had been segmented
    dock.controller.runs.abandon()
    dock.form.result.click_tool_button.click()
    assert camera_of(viewer).mouse_pan is False
    hand = Hand(viewer)
    hand.click(*first)
    qtbot.waitUntil(lambda: "cells corrections" in viewer.layers, timeout=20_000)
    qtbot.waitUntil(lambda: sheet(viewer).data[tuple(first)] > 0, timeout=20_000)
    alone = sheet(viewer).data.copy()
    assert len(np.unique(alone)) == 2, "that object alone"
    assert camera_of(viewer).mouse_pan is False, "another layer is selected now, the tool stays"
    hand.click(*second)
    qtbot.waitUntil(lambda: sheet(viewer).data[tuple(second)] > 0, timeout=20_000)
    sheet(viewer).undo()
    np.testing.assert_array_equal(sheet(viewer).data, alone)
    hand.click(*first, "Shift")
    qtbot.waitUntil(lambda: not sheet(viewer).data.any(), timeout=20_000)
    sheet(viewer).undo()
    np.testing.assert_array_equal(sheet(viewer).data, alone)
    height, width = alone.shape
    hand.click(0, 0, to=(height - 1, width - 1))
    qtbot.waitUntil(lambda: len(np.unique(sheet(viewer).data)) > 3, timeout=20_000)
    sheet(viewer).undo()
    np.testing.assert_array_equal(sheet(viewer).data, alone)
    qtbot.waitUntil(lambda: "1 correction" in dock.form.correct.correction_count_label.text())
    dock.form.result.click_tool_button.click()
    assert camera_of(viewer).mouse_pan is True


def test_another_tool_puts_it_away(viewer: Any, dock: Any, qtbot: Any) -> None:
    (first, *_) = spots(dock, viewer, qtbot)
    dock.form.correct.correct_button.click()
    dock.form.result.click_tool_button.click()
    assert sheet(viewer).mode == "pan_zoom"
    sheet(viewer).mode = "fill"
    before = sheet(viewer).data.copy()
    sheet(viewer).selected_label = 0
    Hand(viewer).click(*first)
    assert not dock.form.result.click_tool_button.isChecked()
    assert (sheet(viewer).data != before).any(), "the tool that was picked works"


def test_outside_the_image_nothing_happens(viewer: Any, dock: Any) -> None:
    dock.form.result.click_tool_button.click()
    Hand(viewer).click(-50, -50)
    assert "cells corrections" not in viewer.layers


def test_closing_the_dock_gives_the_mouse_back(viewer: Any, dock: Any) -> None:
    before = list(viewer.mouse_drag_callbacks)
    dock.form.result.click_tool_button.click()
    assert viewer.mouse_drag_callbacks != before
    dock.close_session()
    assert camera_of(viewer).mouse_pan is True and viewer.mouse_drag_callbacks == before
