"""The click tool without Qt, napari or torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from correct_stand_ins import begin
from stand_ins import Sitting

from napari_unetpp._types import Region
from napari_unetpp.session.correct.merge import IGNORE_LABEL
from napari_unetpp.session.values import Click

KEY = ("cells", 0)


@pytest.fixture(autouse=True)
def sittings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNETPP_SITTINGS", str(tmp_path / "sittings"))


@pytest.fixture
def session(sitting: Sitting, blobs: np.ndarray) -> Any:
    """The image holds three clear objects and a faint one, at (40, 60), which the threshold misses."""
    image = blobs.copy()
    image[40:50, 60:70] = 0.3
    sitting.layers.replace("cells", image)
    sitting.layers.versions["cells"] = 0
    session = begin(sitting)
    session.view.signals.click_tool_toggled.emit(True)
    return session


def click(session: Any, y: int, x: int, *, remove: bool = False) -> None:
    session.sitting.layers.signals.clicked.emit("cells", Click(Region(y, x, y + 1, x + 1), remove))


def labels(session: Any) -> np.ndarray:
    return np.asarray(session.corrections.planes[KEY].labels)


def test_the_tool_is_taken_and_put_away(session: Any) -> None:
    assert session.sitting.layers.clicking == "cells"
    session.view.set_mouse_tool.assert_called_with("click")
    session.sitting.layers.signals.mouse_tool_ended.emit()
    assert session.sitting.layers.clicking is None
    session.view.set_mouse_tool.assert_called_with(None)


def test_without_an_image_there_is_no_tool(session: Any) -> None:
    session.sitting.layers.arrays.clear()
    session.view.signals.click_tool_toggled.emit(True)
    session.view.set_mouse_tool.assert_called_with(None)


def test_a_click_before_any_result_adds_the_object_alone(session: Any) -> None:
    click(session, 12, 15)
    assert session.sitting.engine.predicted == [], "a part of the plane is enough"
    expected = np.zeros((64, 96), bool)
    expected[10:20, 10:20] = True
    assert np.array_equal(labels(session) > 0, expected)
    assert np.array_equal(session.corrections.planes[KEY].certain, expected)
    assert session.message.startswith("1 object added, L3")
    click(session, 12, 65)
    assert sorted(np.unique(labels(session))) == [0, 1, 2]


def test_a_click_after_a_result_uses_it(session: Any) -> None:
    session.view.signals.segment_pressed.emit()
    assert labels_of_result(session) == 3
    click(session, 45, 65)
    assert session.sitting.engine.windows[-1][1], "the maps were there"
    assert len(np.unique(labels(session))) == 5
    assert (labels(session)[40:50, 60:70] == 4).all(), "what the threshold missed"
    assert session.corrections.planes[KEY].certain.sum() == 100


def labels_of_result(session: Any) -> int:
    return len(np.unique(session.sitting.result)) - 1


def test_a_click_on_what_is_marked_adds_nothing(session: Any) -> None:
    session.view.signals.segment_pressed.emit()
    click(session, 12, 15)
    assert "marked already" in session.message
    assert not session.corrections.planes[KEY].certain.any()


def test_shift_and_a_click_takes_an_object_away(session: Any) -> None:
    session.view.signals.segment_pressed.emit()
    click(session, 12, 15, remove=True)
    assert not labels(session)[10:20, 10:20].any() and len(np.unique(labels(session))) == 3
    assert session.corrections.planes[KEY].certain.sum() == 100
    assert "taken away" in session.message
    click(session, 12, 15, remove=True)
    assert "no object here" in session.message


def test_what_is_ignored_is_no_object_to_be_taken_away(session: Any) -> None:
    """It once took all ignored pixels of the plane away."""
    session.view.signals.segment_pressed.emit()
    session.view.signals.correct_pressed.emit()
    session.corrections.paint(KEY, np.s_[30:33, 30:33], IGNORE_LABEL)
    before = labels(session).copy()
    click(session, 31, 31, remove=True)
    assert "no object here" in session.message
    np.testing.assert_array_equal(labels(session), before)
    box = Click(Region(5, 5, 35, 35), remove=True)
    session.sitting.layers.signals.clicked.emit("cells", box)
    assert "1 object taken away" in session.message
    assert (labels(session) == IGNORE_LABEL).sum() == 9 and not labels(session)[10:20, 10:20].any()


@pytest.mark.parametrize("task", ["instances", "semantic"])
def test_strokes_of_background_are_no_object_to_be_taken_away(
    session: Any, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It once took all of them away."""
    controller = session.sitting.controller
    if task == "semantic":
        model = replace(controller.model, task="semantic", outputs=("background", "nucleus"))
        monkeypatch.setattr(type(controller), "model", model)
    session.view.signals.labels_as_chosen.emit("sparse")
    session.view.signals.background_changed.emit(5)
    session.view.signals.segment_pressed.emit()
    session.view.signals.correct_pressed.emit()
    session.corrections.paint(KEY, np.s_[30:33, 30:33], 5)
    session.corrections.paint(KEY, np.s_[12:15, 12:15], 1)
    click(session, 31, 31, remove=True)
    assert "no object here" in session.message and (labels(session) == 5).sum() == 9
    click(session, 13, 13, remove=True)
    assert "taken away" in session.message and set(np.unique(labels(session))) == {0, 5}


def test_a_click_on_nothing_says_so(session: Any) -> None:
    click(session, 30, 40)
    assert "sees nothing here" in session.message
    assert KEY not in session.corrections.planes, "no layer for nothing"


def test_a_box_adds_what_lies_inside(session: Any) -> None:
    session.sitting.layers.signals.clicked.emit("cells", Click(Region(5, 5, 30, 90)))
    assert len(np.unique(labels(session))) == 3 and not labels(session)[32:].any()
    assert session.message.startswith("2 objects added")


def test_an_object_larger_than_the_window_is_found_whole(session: Any) -> None:
    image = np.zeros((400, 400), np.float32)
    image[20:380, 30:60] = 0.9
    session.sitting.layers.replace("cells", image)
    session.sitting.layers.versions["cells"] = 0
    click(session, 200, 40)
    assert (labels(session) > 0).sum() == 360 * 30
    assert len(session.sitting.engine.windows) > 1


def test_a_click_during_a_run_waits(session: Any) -> None:
    session.sitting.runner.inline = False
    session.view.signals.segment_pressed.emit()
    click(session, 12, 15)
    assert "being segmented" in session.message
    session.sitting.runner.finish()
    assert labels_of_result(session) == 3


def test_a_later_result_keeps_what_was_clicked(session: Any) -> None:
    click(session, 45, 65)
    session.view.signals.segment_pressed.emit()
    assert (labels(session)[40:50, 60:70] > 0).all() and len(np.unique(labels(session))) == 5


def test_strokes_get_another_label_than_the_background(session: Any) -> None:
    session.view.signals.labels_as_chosen.emit("sparse")
    click(session, 12, 15)
    assert set(np.unique(labels(session))) == {0, 2}, "1 stands for background"


def test_while_it_looks_it_says_so_and_the_result_can_be_saved(session: Any) -> None:
    session.sitting.runner.inline = False
    click(session, 12, 15)
    click(session, 12, 65)
    session.view.set_progress.assert_called_with(None, "looking where you clicked")
    session.sitting.runner.finish()
    session.view.set_progress.assert_called_with(0.0, "")
    session.view.set_can_save.assert_called_with(True)
    assert sorted(np.unique(labels(session))) == [0, 1, 2], "every click counts"
