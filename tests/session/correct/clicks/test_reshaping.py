"""Merge and Split without Qt, napari or torch: gestures in, corrections and sentences out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from correct_stand_ins import begin
from stand_ins import Sitting, model_info

from napari_unetpp.session.correct.merge import IGNORE_LABEL
from napari_unetpp.session.values import Line, MouseTool

KEY = ("cells", 0)


@pytest.fixture
def session(sitting: Sitting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A result: 1 and 2 touch at column 30, 3 lies apart."""
    monkeypatch.setenv("UNETPP_SITTINGS", str(tmp_path / "sittings"))
    session = begin(sitting)
    session.view.signals.segment_pressed.emit()
    result = np.zeros((64, 96), np.uint16)
    result[10:30, 10:30], result[10:30, 30:40], result[10:30, 60:80] = 1, 2, 3
    sitting.layers.painted[KEY] = result
    return session


def draw(session: Any, tool: MouseTool, *points: tuple[int, int]) -> None:
    session.sitting.layers.signals.drawn.emit("cells", Line(tool, points))


def labels(session: Any) -> np.ndarray:
    return np.asarray(session.corrections.planes[KEY].labels)


def certain(session: Any) -> np.ndarray:
    return np.asarray(session.corrections.planes[KEY].certain)


@pytest.mark.parametrize(
    ("tool", "signal", "hint"),
    [
        ("click", "click_tool_toggled", "Click an object to add it"),
        ("merge", "merge_objects_toggled", "Draw a line across the objects"),
        ("split", "split_object_toggled", "Draw a line across an object to cut it"),
    ],
)
def test_each_tool_says_what_it_does_and_puts_the_others_away(
    session: Any, tool: str, signal: str, hint: str
) -> None:
    session.view.signals.click_tool_toggled.emit(True)
    getattr(session.view.signals, signal).emit(True)
    session.view.set_mouse_tool.assert_called_with(tool)
    assert (session.sitting.layers.clicking, session.sitting.layers.tool) == ("cells", tool)
    assert session.message.startswith(hint)
    getattr(session.view.signals, signal).emit(False)
    session.view.set_mouse_tool.assert_called_with(None)
    assert session.sitting.layers.clicking is None and "4 objects" in session.message


def test_a_line_across_touching_objects_merges_them(session: Any) -> None:
    draw(session, "merge", (20, 35), (20, 15))
    assert np.array_equal(labels(session)[10:30, 10:40], np.full((20, 30), 2)), "the first one's number"
    assert np.array_equal(certain(session), labels(session) == 2), "all of it was decided"
    assert session.message == "2 objects merged. Ctrl+Z takes it back."
    session.view.set_can_save.assert_called_with(True)
    assert session.corrections.tools[-1] == "pan_zoom", "its layer is selected, so that Ctrl+Z is its own"


def test_clicks_merge_what_touches_the_first_one_after_the_other(session: Any) -> None:
    session.sitting.layers.painted[KEY][10:30, 40:60] = 4
    for x, said in ((15, "Now click"), (35, "2 objects merged"), (50, "2 objects merged"), (70, "2 objects")):
        draw(session, "merge", (20, x))
        assert session.message.startswith(said)
    assert np.array_equal(labels(session)[10:30, 10:80], np.full((20, 70), 1))
    draw(session, "merge", (20, 70))
    assert session.message.startswith("This is the same object")


def test_what_does_not_touch_is_left_alone(session: Any) -> None:
    for points in (((20, 15), (20, 70)), ((20, 65), (20, 45), (20, 15))):
        draw(session, "merge", *points)
        assert session.message.startswith("Nothing is merged")
    draw(session, "merge", (20, 15))
    draw(session, "merge", (20, 70))
    assert session.message.startswith("Nothing is merged")
    draw(session, "merge", (20, 35))
    assert session.message.startswith("2 objects merged"), "the first click still counts"
    assert set(np.unique(labels(session))) == {0, 1, 3}


def test_a_line_splits_an_object(session: Any) -> None:
    draw(session, "split", (5, 24), (40, 24))
    found = labels(session)
    assert set(np.unique(found)) == {0, 1, 2, 3, 4} and session.message.startswith("Split: 2 objects now")
    assert (found[10:30, 10:24] == 1).all() and (found[10:30, 25:30] == 4).all()
    inside = np.zeros((64, 96), bool)
    inside[10:30, 10:30] = True
    assert np.array_equal(certain(session), inside)


def test_two_clicks_split_an_object(session: Any) -> None:
    draw(session, "split", (20, 12))
    assert session.message.startswith("Now click a second point")
    draw(session, "split", (20, 35))
    assert session.message.startswith("This is another object")
    draw(session, "split", (20, 31))
    assert session.message.startswith("Split: 2 objects now") and set(np.unique(labels(session))) == {
        0,
        1,
        2,
        3,
        4,
    }
    draw(session, "split", (20, 12))
    assert session.message.startswith("Now click a second point"), "the two clicks before are done with"


@pytest.mark.parametrize("leave", ["tool", "plane", "undo"])
def test_a_first_click_does_not_outlive_what_it_was_on(session: Any, leave: str, blobs: np.ndarray) -> None:
    draw(session, "merge", (20, 15))
    if leave == "tool":
        session.view.signals.merge_objects_toggled.emit(True)
    elif leave == "plane":
        session.sitting.layers.replace("cells", blobs)
        session.view.signals.segment_pressed.emit()
    else:
        session.corrections.paint(KEY, np.s_[10:30, 10:30], 0)
    draw(session, "merge", (12, 12) if leave == "plane" else (20, 35))
    assert session.message.startswith("Now click an object")


def test_ignore_and_background_are_no_objects(session: Any) -> None:
    session.view.signals.correct_pressed.emit()
    session.corrections.paint(KEY, np.s_[10:30, 40:60], IGNORE_LABEL)
    before = labels(session).copy()
    draw(session, "merge", (20, 50))
    assert session.message.startswith("There is no object here")
    draw(session, "split", (5, 50), (40, 50))
    assert session.message.startswith("The line crosses no object")
    draw(session, "merge", (20, 50), (20, 70))
    assert session.message.startswith("The line crosses one object only")
    np.testing.assert_array_equal(labels(session), before)
    draw(session, "merge", (20, 15), (20, 35), (20, 50))
    assert (labels(session) == IGNORE_LABEL).sum() == 400 and (labels(session)[10:30, 10:40] == 1).all()


def test_without_a_result_it_says_what_to_do(sitting: Sitting) -> None:
    session = begin(sitting)
    draw(session, "merge", (15, 15))
    assert session.message == "There are no objects yet: press Segment first."
    assert not session.corrections.planes, "no empty layer was made"


def test_classes_are_neither_merged_nor_split(sitting: Sitting) -> None:
    session = begin(sitting)
    sitting.controller.add_model(replace(model_info("classes"), task="semantic"))
    session.view.signals.segment_pressed.emit()
    draw(session, "split", (5, 15), (25, 15))
    assert session.message.startswith("These labels are classes")
    assert not certain(session).any()


def test_during_a_run_it_waits(session: Any) -> None:
    session.sitting.runner.inline = False
    session.view.signals.segment_pressed.emit()
    session.sitting.runner.step()
    draw(session, "merge", (15, 15))
    assert session.message.startswith("The image is being segmented")
    session.sitting.runner.finish()


def test_a_new_result_keeps_what_was_merged_and_split(session: Any) -> None:
    """The prediction still has 1 and 2 apart, and 3 whole."""
    draw(session, "merge", (20, 15), (20, 35))
    draw(session, "split", (5, 70), (40, 70))
    wanted = labels(session).copy()
    session.workflow.editor.merging.start(
        session.sitting.layers.read("cells"),
        session.sitting.layers.painted[KEY].copy(),
        session.corrections.planes[KEY].encoding,
    )
    np.testing.assert_array_equal(labels(session), wanted)
