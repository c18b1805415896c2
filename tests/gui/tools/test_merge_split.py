"""Merge and Split in a real viewer, with the shipped model on a shipped sample, by events of the canvas."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from gestures import SCALE, Hand
from scipy import ndimage

from napari_unetpp.gui import samples
from napari_unetpp.gui.compat import camera_of, canvas_widget
from napari_unetpp.gui.tools.bands import LineBand
from napari_unetpp.session.correct.clicks.reshape import crossed, path
from napari_unetpp.session.correct.merge import IGNORE_LABEL

Point = tuple[int, int]


@pytest.fixture
def dock(viewer: Any, dock_opener: Callable[[], Any], qtbot: Any) -> Any:
    """A segmented image, which is being corrected."""
    ((data, options, _),) = samples.dense_fluorescence()
    viewer.add_image(data[:256, :256], **(options | {"name": "cells"}), scale=(SCALE, SCALE))
    dock = dock_opener()
    dock.controller.state.level, dock.controller.state.scale = 2, 1.0
    dock.form.head.segment_button.click()
    qtbot.waitUntil(lambda: not dock.controller.busy, timeout=60_000)
    dock.form.correct.correct_button.click()
    return dock


def sheet(viewer: Any) -> Any:
    return viewer.layers["cells corrections"]


def certain(dock: Any) -> np.ndarray:
    plane = dock.controller.context.plane()
    return np.asarray(dock.correcting.editor.certain(plane))


def middle(labels: np.ndarray, number: int) -> Point:
    """The pixel of an object that is farthest from its border."""
    depth = ndimage.distance_transform_edt(labels == number)
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return int(y), int(x)


def touching(labels: np.ndarray) -> tuple[int, int]:
    """Two objects that touch, and between whose middles there is nothing else."""
    side = (labels[:, :-1] != labels[:, 1:]) & (labels[:, :-1] > 0) & (labels[:, 1:] > 0)
    for y, x in np.argwhere(side):
        pair = int(labels[y, x]), int(labels[y, x + 1])
        along = path([middle(labels, number) for number in pair], labels.shape)
        if crossed(labels, along, []) == list(pair):
            return pair
    raise AssertionError("no two objects touch")


def lengthwise(labels: np.ndarray) -> tuple[int, Point, Point]:
    """A large object, and the ends of a vertical line that crosses it and nothing else."""
    for number in np.argsort(np.bincount(labels.ravel())[1:])[::-1] + 1:
        _, x = middle(labels, int(number))
        rows = np.flatnonzero(labels[:, x] == number)
        ends = (int(rows[0]) - 3, x), (int(rows[-1]) + 3, x)
        inside = 0 < ends[0][0] and ends[1][0] < labels.shape[0]
        if inside and crossed(labels, path(ends, labels.shape), []) == [number]:
            return int(number), *ends
    raise AssertionError("no object stands alone")


@pytest.mark.parametrize("how", ["line", "clicks", "Alt and the click tool"])
def test_merge_is_one_step_of_undo(viewer: Any, dock: Any, qtbot: Any, how: str) -> None:
    before = sheet(viewer).data.copy()
    first, second = touching(before)
    points, hand = [middle(before, number) for number in (first, second)], Hand(viewer)
    if how == "line":
        dock.form.correct.merge_objects_button.click()
        hand.click(*points[0], to=points[1])
    else:
        with_alt = how.startswith("Alt")
        form = dock.form.result.click_tool_button if with_alt else dock.form.correct.merge_objects_button
        form.click()
        for point in points:
            hand.click(*point, *(("Alt",) if with_alt else ()))
    both = np.isin(before, (first, second))
    after = np.where(both, first, before)
    np.testing.assert_array_equal(sheet(viewer).data, after)
    np.testing.assert_array_equal(certain(dock), both)
    qtbot.waitUntil(lambda: "1 correction" in dock.form.correct.correction_count_label.text())
    assert "2 objects merged" in dock.form.head.message_label.text()
    sheet(viewer).undo()
    np.testing.assert_array_equal(sheet(viewer).data, before)
    assert not certain(dock).any()
    sheet(viewer).redo()
    np.testing.assert_array_equal(sheet(viewer).data, after)
    np.testing.assert_array_equal(certain(dock), both)


@pytest.mark.parametrize("how", ["line", "clicks", "Ctrl and the click tool"])
def test_split_is_one_step_of_undo(viewer: Any, dock: Any, qtbot: Any, how: str) -> None:
    before = sheet(viewer).data.copy()
    number, top, foot = lengthwise(before)
    hand, own = Hand(viewer), before == number
    if how == "clicks":
        dock.form.correct.split_object_button.click()
        hand.click(top[0] + 6, top[1])
        hand.click(foot[0] - 6, top[1])
    else:
        with_ctrl = how.startswith("Ctrl")
        form = dock.form.result.click_tool_button if with_ctrl else dock.form.correct.split_object_button
        form.click()
        hand.click(*top, *(("Control",) if with_ctrl else ()), to=foot)
    after = sheet(viewer).data.copy()
    assert np.array_equal(after > 0, before > 0) and np.array_equal(after[~own], before[~own])
    pieces = set(np.unique(after[own]).tolist())
    assert len(pieces) == 2 and number in pieces and IGNORE_LABEL not in pieces
    np.testing.assert_array_equal(certain(dock), own)
    assert "Split: 2 objects now" in dock.form.head.message_label.text()
    sheet(viewer).undo()
    np.testing.assert_array_equal(sheet(viewer).data, before)
    assert not certain(dock).any()
    sheet(viewer).redo()
    np.testing.assert_array_equal(sheet(viewer).data, after)


def test_what_was_merged_and_split_outlives_another_depth(
    viewer: Any, dock: Any, wait: Callable[[Any], None]
) -> None:
    before = sheet(viewer).data.copy()
    first, second = touching(before)
    hand = Hand(viewer)
    dock.form.correct.merge_objects_button.click()
    hand.click(*middle(before, first), to=middle(before, second))
    number, top, foot = lengthwise(before)
    dock.form.correct.split_object_button.click()
    assert not dock.form.correct.merge_objects_button.isChecked()
    hand.click(*top, to=foot)
    merged, cut = np.isin(before, (first, second)), before == number
    pieces = sheet(viewer).data[cut]
    dock.form.head.levels.slider.setValue(3)
    wait(dock)
    now = sheet(viewer).data
    assert np.unique(now[merged]).size == 1 and np.array_equal(now[cut], pieces)
    lesson = dock.correcting.editor.usable()[0]
    np.testing.assert_array_equal(lesson.certain, merged | cut)


def test_the_tools_exclude_each_other_and_another_tool_puts_them_away(viewer: Any, dock: Any) -> None:
    click, correct = dock.form.result.click_tool_button, dock.form.correct
    buttons = (click, correct.merge_objects_button, correct.split_object_button)
    for button in (*buttons, *buttons[::-1]):
        if not button.isChecked():
            button.click()
        assert [one for one in buttons if one.isChecked()] == [button]
        assert camera_of(viewer).mouse_pan is False and sheet(viewer).mode == "pan_zoom"
    sheet(viewer).mode = "paint"
    before = sheet(viewer).data.copy()
    Hand(viewer).click(50, 50)
    assert not any(one.isChecked() for one in buttons) and (sheet(viewer).data != before).any()


def test_the_line_is_seen_while_it_is_drawn(viewer: Any, dock: Any, qtbot: Any) -> None:
    dock.form.correct.split_object_button.click()
    hand = Hand(viewer)
    emit, places = hand.canvas._scene_canvas.events, [hand._pos(y, 100) for y in (10, 40, 70)]
    pressed = emit.mouse_press(pos=places[0], modifiers=(), button=1)
    for place in places[1:]:
        emit.mouse_move(pos=place, modifiers=(), button=1, press_event=pressed)
        qtbot.wait(20)  # napari leaves out moves that come in quick succession
    (band,) = canvas_widget(viewer).findChildren(LineBand)
    shown = [(point.x(), point.y()) for point in band._points]
    np.testing.assert_allclose(shown, places)
    assert all(a != b for a, b in pairwise(shown)) and not band.isHidden()
    emit.mouse_release(pos=places[-1], modifiers=(), button=1)
    assert band.isHidden()


def test_on_a_stack_only_the_displayed_plane_changes(
    viewer: Any, dock_opener: Callable[[], Any], qtbot: Any
) -> None:
    ((data, options, _),) = samples.dense_fluorescence()
    stack = np.stack([data[:256, :256], data[256:512, 256:512]])
    viewer.add_image(stack, **(options | {"name": "cells"}), scale=(1, SCALE, SCALE))
    viewer.dims.set_point(0, 1)
    dock = dock_opener()
    dock.controller.state.level, dock.controller.state.scale = 2, 1.0
    dock.form.head.segment_button.click()
    qtbot.waitUntil(lambda: not dock.controller.busy, timeout=60_000)
    dock.form.correct.merge_objects_button.click()
    labels = viewer.layers["cells prediction"].data[1]
    first, second = touching(labels)
    Hand(viewer).click(*middle(labels, first), to=middle(labels, second))
    found = sheet(viewer).data
    np.testing.assert_array_equal(found[1], np.where(labels == second, first, labels))
    assert not found[0].any()
    sheet(viewer).undo()
    np.testing.assert_array_equal(sheet(viewer).data[1], labels)
