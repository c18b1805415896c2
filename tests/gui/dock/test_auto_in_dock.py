"""Auto and playing stacks in a real viewer, with the shipped model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_unetpp._types import AUTO
from napari_unetpp.gui import samples


@pytest.fixture
def stack() -> np.ndarray:
    """Six planes of a moving sample, uint8."""
    ((data, _, _),) = samples.dense_fluorescence()
    return np.stack([np.asarray(data)[shift : shift + 160, :200] for shift in range(0, 60, 10)])


def test_auto_is_the_fifth_stop_and_shows_its_depths(
    viewer: Any, dock_opener: Callable[[], Any], wait: Any, qtbot: Any, stack: np.ndarray
) -> None:
    viewer.add_image(stack[0], name="cells")
    dock = dock_opener()
    assert dock.form.head.levels.slider.maximum() == AUTO
    dock.form.head.levels.slider.setValue(AUTO)
    dock.form.result.depth_checkbox.click()
    assert dock.form.head.level_readout.text().startswith("Auto")
    dock.form.head.segment_button.click()
    wait(dock)
    text = dock.form.head.message_label.text()
    assert ", Auto, " in text and "of the full work" in text
    assert viewer.layers["cells prediction"].data.max() >= 3
    qtbot.waitUntil(lambda: "cells depth" in viewer.layers)
    shown = viewer.layers["cells depth"].data
    assert shown.shape == stack[0].shape and len(np.unique(shown)) > 1 and shown.min() >= 1
    assert dock.form.head.image_combo.count() == 1, "it is not an image to segment"
    dock.form.head.levels.slider.setValue(1)
    wait(dock)
    assert "cells depth" not in viewer.layers


def test_every_plane_of_a_dragged_slider_gets_its_turn(
    viewer: Any, dock_opener: Callable[[], Any], wait: Any, qtbot: Any, stack: np.ndarray
) -> None:
    """It once had to rest for 60 ms before anything was segmented, so that a film never was."""
    viewer.add_image(stack, name="film")
    viewer.dims.set_current_step(0, 0)
    dock = dock_opener()
    dock.form.head.levels.slider.setValue(4)
    dock.form.head.segment_button.click()
    wait(dock)
    for _ in range(6):
        for plane in range(len(stack)):
            viewer.dims.set_current_step(0, plane)
            qtbot.wait(40)
    mask = viewer.layers["film prediction"].data
    assert sum(bool(plane.any()) for plane in mask) >= 2, "another one than the first, while it moved"

    def rested() -> bool:
        shown = dock.controller.runs.shown
        return shown is not None and shown.level == 4 and shown.plane.key.point[0] == len(stack) - 1

    qtbot.waitUntil(rested, timeout=20_000)
    wait(dock)
    assert dock.form.head.level_readout.text().startswith("L4 ·")
