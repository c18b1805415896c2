"""Planes of lazy layers are read once: each read may mean a download or a decoding."""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np
import pytest

from napari_unetpp._types import Region
from napari_unetpp.session.values import Click


class Counting:
    """A stack that counts how often its pixels are asked for."""

    def __init__(self, stack: np.ndarray) -> None:
        self._stack = stack
        self.shape, self.dtype, self.ndim = stack.shape, stack.dtype, stack.ndim
        self.size = stack.size
        self.reads: list[str] = []

    def __getitem__(self, index: Any) -> np.ndarray:
        found = self._stack[index]
        self.reads.append("".join(traceback.format_stack(limit=14)))
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise AssertionError("the whole stack was read")


@pytest.fixture
def stack(image: np.ndarray) -> Counting:
    return Counting(np.stack([image, image[::-1], image]))


def test_one_read_for_a_press_and_none_for_what_follows(
    viewer: Any, stack: Counting, open_dock: Any, wait: Any, qtbot: Any
) -> None:
    """It was three for a press and two for a tick of the threshold."""
    viewer.add_image(stack, name="cells", contrast_limits=(0, 255))
    dock = open_dock()
    qtbot.wait(100)
    stack.reads.clear()
    dock.form.head.segment_button.click()
    wait(dock)
    qtbot.wait(300)
    assert len(stack.reads) == 1, "\n----\n".join(stack.reads)
    for value in (0.3, 0.31):
        dock.form.result.threshold_slider.setValue(value)
        wait(dock)
    for level in (1, 4):
        dock.form.head.levels.slider.setValue(level)
        wait(dock)
    qtbot.wait(300)
    assert len(stack.reads) == 1, "\n----\n".join(stack.reads[1:])
    dock.form.correct.correct_button.click()
    qtbot.wait(300)
    assert len(stack.reads) == 1, "\n----\n".join(stack.reads[1:])


def test_one_read_by_the_worker_for_another_plane(
    viewer: Any, stack: Counting, open_dock: Any, wait: Any, qtbot: Any
) -> None:
    viewer.add_image(stack, name="cells", contrast_limits=(0, 255))
    dock = open_dock()
    dock.form.head.segment_button.click()
    wait(dock)
    qtbot.wait(100)
    stack.reads.clear()
    viewer.dims.set_current_step(0, 2)
    qtbot.waitUntil(lambda: len(stack.reads) > 1, timeout=60_000)
    wait(dock)
    qtbot.wait(1500)  # the stack rests: nothing is read again
    by_napari = [read for read in stack.reads if "napari_unetpp" not in read]
    assert len(stack.reads) - len(by_napari) == 1 and len(by_napari) == 1, "\n----\n".join(stack.reads)


def test_one_read_for_clicks(viewer: Any, stack: Counting, open_dock: Any, qtbot: Any) -> None:
    viewer.add_image(stack, name="cells", contrast_limits=(0, 255))
    dock = open_dock()
    dock.controller.state.scale = 1.0
    qtbot.wait(100)
    stack.reads.clear()
    for y in (14, 38):
        dock._layers.signals.clicked.emit(dock.controller.state.image, Click(Region(y, 14, y + 1, 15)))
        qtbot.waitUntil(lambda: not dock.correcting.clicks.waiting, timeout=60_000)
    assert len(stack.reads) == 1, "\n----\n".join(stack.reads[1:])


def test_one_read_for_all_autosaves(
    viewer: Any, stack: Counting, open_dock: Any, wait: Any, qtbot: Any
) -> None:
    viewer.add_image(stack, name="cells", contrast_limits=(0, 255))
    dock = open_dock()
    dock.form.correct.correct_button.click()
    qtbot.waitUntil(lambda: "cells corrections" in viewer.layers, timeout=60_000)
    wait(dock)
    stack.reads.clear()
    saving = dock.correcting.autosaving
    for label in (40000, 40001):
        viewer.layers["cells corrections"].paint((1, 50, 50), label)
        dock.correcting.editor.on_mode()  # what follows when the brush has rested
        dock.correcting.autosave()
        wanted = dock.correcting.editor.revision
        qtbot.waitUntil(lambda wanted=wanted: saving.saved == wanted, timeout=60_000)
    assert len(stack.reads) == 1, "\n----\n".join(stack.reads[1:])
