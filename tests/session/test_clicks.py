"""The click tool without Qt, napari or torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stand_ins import Sitting
from test_correct_controller import begin

from napari_unetpp._types import Region
from napari_unetpp.session.correcting import IGNORE
from napari_unetpp.session.values import Click

KEY = ("cells", 0)


@pytest.fixture(autouse=True)
def sittings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNETPP_SITTINGS", str(tmp_path / "sittings"))


@pytest.fixture
def lesson(sitting: Sitting, blobs: np.ndarray) -> Any:
    """The image holds three clear objects and a faint one, at (40, 60), which the threshold misses."""
    image = blobs.copy()
    image[40:50, 60:70] = 0.3
    sitting.layers.replace("cells", image)
    sitting.layers.versions["cells"] = 0
    lesson = begin(sitting)
    lesson.view.signals.click_tool_toggled.emit(True)
    return lesson


def click(lesson: Any, y: int, x: int, *, remove: bool = False) -> None:
    lesson.sitting.layers.signals.clicked.emit("cells", Click(Region(y, x, y + 1, x + 1), remove))


def labels(lesson: Any) -> np.ndarray:
    return np.asarray(lesson.sheets.held[KEY].labels)


def test_the_tool_is_taken_and_put_away(lesson: Any) -> None:
    assert lesson.sitting.layers.clicking == "cells"
    lesson.view.set_click_tool.assert_called_with(True)
    lesson.sitting.layers.signals.click_tool_ended.emit()
    assert lesson.sitting.layers.clicking is None
    lesson.view.set_click_tool.assert_called_with(False)


def test_without_an_image_there_is_no_tool(lesson: Any) -> None:
    lesson.sitting.layers.arrays.clear()
    lesson.view.signals.click_tool_toggled.emit(True)
    lesson.view.set_click_tool.assert_called_with(False)


def test_a_click_before_any_result_adds_the_object_alone(lesson: Any) -> None:
    click(lesson, 12, 15)
    assert lesson.sitting.engine.predicted == [], "a part of the plane is enough"
    expected = np.zeros((64, 96), bool)
    expected[10:20, 10:20] = True
    assert np.array_equal(labels(lesson) > 0, expected)
    assert np.array_equal(lesson.sheets.held[KEY].certain, expected)
    assert lesson.message.startswith("1 object added, L3")
    click(lesson, 12, 65)
    assert sorted(np.unique(labels(lesson))) == [0, 1, 2]


def test_a_click_after_a_result_uses_it(lesson: Any) -> None:
    lesson.view.signals.segment_pressed.emit()
    assert labels_of_result(lesson) == 3
    click(lesson, 45, 65)
    assert lesson.sitting.engine.windows[-1][1], "the maps were there"
    assert len(np.unique(labels(lesson))) == 5
    assert (labels(lesson)[40:50, 60:70] == 4).all(), "what the threshold missed"
    assert lesson.sheets.held[KEY].certain.sum() == 100


def labels_of_result(lesson: Any) -> int:
    return len(np.unique(lesson.sitting.result)) - 1


def test_a_click_on_what_is_marked_adds_nothing(lesson: Any) -> None:
    lesson.view.signals.segment_pressed.emit()
    click(lesson, 12, 15)
    assert "marked already" in lesson.message
    assert not lesson.sheets.held[KEY].certain.any()


def test_shift_and_a_click_takes_an_object_away(lesson: Any) -> None:
    lesson.view.signals.segment_pressed.emit()
    click(lesson, 12, 15, remove=True)
    assert not labels(lesson)[10:20, 10:20].any() and len(np.unique(labels(lesson))) == 3
    assert lesson.sheets.held[KEY].certain.sum() == 100
    assert "taken away" in lesson.message
    click(lesson, 12, 15, remove=True)
    assert "no object here" in lesson.message


def test_what_is_ignored_is_no_object_to_be_taken_away(lesson: Any) -> None:
    """It once took all ignored pixels of the plane away."""
    lesson.view.signals.segment_pressed.emit()
    lesson.view.signals.correct_pressed.emit()
    lesson.sheets.paint(KEY, np.s_[30:33, 30:33], IGNORE)
    before = labels(lesson).copy()
    click(lesson, 31, 31, remove=True)
    assert "no object here" in lesson.message
    np.testing.assert_array_equal(labels(lesson), before)
    box = Click(Region(5, 5, 35, 35), remove=True)
    lesson.sitting.layers.signals.clicked.emit("cells", box)
    assert "1 object taken away" in lesson.message
    assert (labels(lesson) == IGNORE).sum() == 9 and not labels(lesson)[10:20, 10:20].any()


@pytest.mark.parametrize("task", ["instances", "semantic"])
def test_strokes_of_background_are_no_object_to_be_taken_away(
    lesson: Any, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It once took all of them away."""
    controller = lesson.sitting.controller
    if task == "semantic":
        model = replace(controller.model, task="semantic", outputs=("background", "nucleus"))
        monkeypatch.setattr(type(controller), "model", model)
    lesson.view.signals.labels_as_chosen.emit("sparse")
    lesson.view.signals.background_changed.emit(5)
    lesson.view.signals.segment_pressed.emit()
    lesson.view.signals.correct_pressed.emit()
    lesson.sheets.paint(KEY, np.s_[30:33, 30:33], 5)
    lesson.sheets.paint(KEY, np.s_[12:15, 12:15], 1)
    click(lesson, 31, 31, remove=True)
    assert "no object here" in lesson.message and (labels(lesson) == 5).sum() == 9
    click(lesson, 13, 13, remove=True)
    assert "taken away" in lesson.message and set(np.unique(labels(lesson))) == {0, 5}


def test_a_click_on_nothing_says_so(lesson: Any) -> None:
    click(lesson, 30, 40)
    assert "sees nothing here" in lesson.message
    assert KEY not in lesson.sheets.held, "no layer for nothing"


def test_a_box_adds_what_lies_inside(lesson: Any) -> None:
    lesson.sitting.layers.signals.clicked.emit("cells", Click(Region(5, 5, 30, 90)))
    assert len(np.unique(labels(lesson))) == 3 and not labels(lesson)[32:].any()
    assert lesson.message.startswith("2 objects added")


def test_an_object_larger_than_the_window_is_found_whole(lesson: Any) -> None:
    image = np.zeros((400, 400), np.float32)
    image[20:380, 30:60] = 0.9
    lesson.sitting.layers.replace("cells", image)
    lesson.sitting.layers.versions["cells"] = 0
    click(lesson, 200, 40)
    assert (labels(lesson) > 0).sum() == 360 * 30
    assert len(lesson.sitting.engine.windows) > 1


def test_a_click_during_a_run_waits(lesson: Any) -> None:
    lesson.sitting.runner.inline = False
    lesson.view.signals.segment_pressed.emit()
    click(lesson, 12, 15)
    assert "being segmented" in lesson.message
    lesson.sitting.runner.finish()
    assert labels_of_result(lesson) == 3


def test_a_later_result_keeps_what_was_clicked(lesson: Any) -> None:
    click(lesson, 45, 65)
    lesson.view.signals.segment_pressed.emit()
    assert (labels(lesson)[40:50, 60:70] > 0).all() and len(np.unique(labels(lesson))) == 5


def test_strokes_get_another_label_than_the_background(lesson: Any) -> None:
    lesson.view.signals.labels_as_chosen.emit("sparse")
    click(lesson, 12, 15)
    assert set(np.unique(labels(lesson))) == {0, 2}, "1 stands for background"


def test_while_it_looks_it_says_so_and_the_result_can_be_saved(lesson: Any) -> None:
    lesson.sitting.runner.inline = False
    click(lesson, 12, 15)
    click(lesson, 12, 65)
    lesson.view.set_progress.assert_called_with(None, "looking where you clicked")
    lesson.sitting.runner.finish()
    lesson.view.set_progress.assert_called_with(0.0, "")
    lesson.view.set_can_save.assert_called_with(True)
    assert sorted(np.unique(labels(lesson))) == [0, 1, 2], "every click counts"
