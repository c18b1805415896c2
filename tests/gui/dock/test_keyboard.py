"""The dock without a mouse: Tab reaches every control in reading order, keys work them, tips explain them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gestures import is_active
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtWidgets import QAbstractButton, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit, QWidget

from napari_unetpp._types import FinetuneProgress
from napari_unetpp.gui.tools import shortcuts
from napari_unetpp.session.messages.correcting import ScoreRow

CONTROLS = QAbstractButton, QComboBox, QAbstractSlider, QAbstractSpinBox, QLineEdit
WHOLE = QComboBox, QAbstractSlider, QAbstractSpinBox
"""What is one control with all that is in it."""

ROW = 12
"""Centres of what stands in one row differ by less, px."""

COST = re.compile(r"time|memory|long|at once|again|compute", re.IGNORECASE)
COSTLY = (
    "level_slider",
    "segment_button",
    "live_checkbox",
    "planes_combo",
    "region_combo",
    "contrast_combo",
    "scale_spin",
    "batch_button",
    "threshold_slider",
    "uncertainty_checkbox",
    "click_tool_button",
    "correct_button",
    "budget_spin",
    "finetune_button",
)


@pytest.fixture
def dock(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, qtbot: Any) -> Any:
    """Of a stack, with a result, all folds open, and all that comes and goes shown."""
    window = viewer.window._qt_window
    window.resize(1366, 900)
    window.show()
    qtbot.waitUntil(lambda: is_active(window))
    viewer.add_image(np.stack([image] * 3), name="cells", axis_labels=tuple("tyx"))
    dock = open_dock()
    dock.controller.state.threshold = 0.3
    dock.form.head.segment_button.click()
    wait(dock)
    for fold in (dock.form.input_fold, dock.form.correct_fold, dock.form.chart_fold):
        fold.button.setChecked(True)
    dock.correcting.view.signals.labels_as_chosen.emit("reviewed")
    dock.form.head.planes_combo.setCurrentIndex(2)
    dock.form.head.planes_combo.activated.emit(2)
    dock.set_correction_count("2 corrections, 1 image", can_forget=True)
    dock.set_curve([FinetuneProgress(1, 1.0, 0.5, 0.7, {1: 0.5})])
    dock.set_scores([ScoreRow(1, 0.5, 0.6, None, None, True)], "Better.", "info")
    dock.set_decision(True, suggested=True)
    dock.set_message("careful", "warning", [("go", "go:1")])
    return dock


def control_of(widget: QWidget, dock: QWidget) -> QWidget:
    """The control that a widget is, or is a part of."""
    found, above = widget, widget.parentWidget()
    while above is not None and above is not dock:
        found = above if isinstance(above, WHOLE) else found
        above = above.parentWidget()
    return found


def controls(dock: QWidget) -> set[QWidget]:
    """All that can be used now."""
    found = [one for one in dock.findChildren(QWidget) if isinstance(one, CONTROLS)]
    usable = {one for one in found if one.isVisible() and one.isEnabled()}
    bars = {one for one in usable if "ScrollBar" in type(one).__name__}
    return {control_of(one, dock) for one in usable - bars}


def walk(dock: Any, qtbot: Any) -> Iterator[QWidget]:
    """What has the focus as Tab is pressed again and again, until it leaves the dock."""
    first = dock.form.head.image_combo
    first.setFocus()
    for _ in range(100):
        widget = dock.window().focusWidget()
        if not dock.isAncestorOf(widget):
            return
        yield widget
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    raise AssertionError("Tab never leaves the dock")


def name_of(widget: Any) -> str:
    return widget.objectName() or getattr(widget, "accessibleName", str)() or type(widget).__name__


def test_tab_reaches_every_control_in_reading_order(dock: Any, qtbot: Any) -> None:
    """Two areas without an action, and the outer one of the two threshold sliders, were stops as well."""
    stops = list(walk(dock, qtbot))
    reached = [control_of(one, dock) for one in stops]
    missing = controls(dock) - set(reached)
    assert not missing, [name_of(one) for one in missing]
    texts = {dock.form.head.message_label, dock.form.head.message_area.step}
    others = set(reached) - controls(dock) - texts
    assert not others, [name_of(one) for one in others]
    for form in (dock.form.head, dock.form.folds):
        inside = [one for one in reached if form.isAncestorOf(one)]
        for one, other in pairwise(inside):
            if one is not other:
                assert follows(one, other, form), (name_of(one), name_of(other))
    order = [dock.form.head.isAncestorOf(one) for one in reached]
    assert order == sorted(order, reverse=True)  # the head, then the folds


def follows(one: QWidget, other: QWidget, form: QWidget) -> bool:
    """Whether a widget stands on the right of another one in its row, or below it."""
    if one.isAncestorOf(other):  # in the heading of a fold
        return True
    here, there = one.mapTo(form, QPoint(0, 0)), other.mapTo(form, QPoint(0, 0))
    if there.y() + other.height() / 2 > here.y() + one.height() / 2 + ROW:
        return True
    same_row = abs(there.y() + other.height() / 2 - here.y() - one.height() / 2) <= ROW
    return same_row and there.x() > here.x()


def test_every_control_has_a_tip(dock: Any, qtbot: Any) -> None:
    """The folds had none."""
    without = [name_of(one) for one in controls(dock) if len(one.toolTip()) < 12]
    assert not without
    for name in COSTLY:
        tip = dock.findChild(QWidget, name).toolTip()
        assert COST.search(tip), f"{name} does not say what it costs: {tip}"


def press(qtbot: Any, widget: QWidget, key: Any) -> None:
    widget.setFocus()
    qtbot.keyClick(widget.focusProxy() or widget, key)


def test_keys_work_the_controls(dock: Any, wait: Any, qtbot: Any) -> None:
    form, state = dock.form, dock.controller.state
    state.live = False
    level = state.level
    press(qtbot, form.head.levels, Qt.Key.Key_Left)
    assert state.level == level - 1
    press(qtbot, form.result.threshold_slider, Qt.Key.Key_Right)
    assert state.threshold == pytest.approx(0.31)
    press(qtbot, form.result.kind_combo, Qt.Key.Key_Down)
    assert state.kind == "mask"
    press(qtbot, form.result.fill_holes_checkbox, Qt.Key.Key_Space)
    assert state.fill_holes
    press(qtbot, form.result_fold.button, Qt.Key.Key_Space)
    assert not form.result.isVisible()
    wait(dock)
    heard: list[str] = []
    dock.signals.offer_taken.connect(heard.append)
    label = form.head.message_label
    dock.set_message("careful", "warning", [("go", "go:1"), ("stay", "stay:1")])
    form.head.live_checkbox.setFocus()
    qtbot.keyClick(form.head.live_checkbox, Qt.Key.Key_Tab)
    assert label.hasFocus()
    qtbot.keyClick(label, Qt.Key.Key_Tab)
    qtbot.keyClick(label, Qt.Key.Key_Return)
    assert heard == ["go:1"]
    dock.set_message("nothing to choose")
    assert label.focusPolicy() == Qt.FocusPolicy.NoFocus


def test_a_key_opens_the_menu(dock: Any, qtbot: Any) -> None:
    button, seen = dock.form.head.model_menu, []

    def look() -> None:
        seen.append(button.menu().isVisible())
        button.menu().close()

    QTimer.singleShot(200, look)
    press(qtbot, button, Qt.Key.Key_Space)
    assert seen == [True]


def test_the_keys_are_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "start" / "dock.md").read_text()
    names = [name for name in vars(shortcuts) if name.isupper()]
    assert len(names) >= 6
    for name in names:
        assert f"`{getattr(shortcuts, name)}`" in page, name
