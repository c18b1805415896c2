"""The fold Input: its widgets, what they allow, and that nothing jumps; with the tiny untrained model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSpinBox, QWidget

from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE, ScaleChoice
from napari_unetpp.engine.input.sampling import working_shape
from napari_unetpp.gui.dock.forms.fields import show_number
from napari_unetpp.gui.dock.forms.input import ScaleSpin
from napari_unetpp.session.segment import engine

NAMES = ("contrast_combo", "contrast_low_spin", "contrast_high_spin", "scale_spin", "scale_note")


@pytest.fixture
def spin(qtbot: Any) -> ScaleSpin:
    box = ScaleSpin()
    box.setKeyboardTracking(False)
    qtbot.addWidget(box)
    return box


def is_legal(scale: float) -> bool:
    return scale == 0 or working_shape((100, 100), scale) is not None


def test_every_step_of_the_scale_can_be_worked_at(spin: ScaleSpin) -> None:
    spin.set_auto(0.35)
    spin.stepUp()
    assert spin.value() == 0.35, "it begins at what automatic stands for"
    walked = [spin.value()]
    while spin.value() < LARGEST_SCALE and len(walked) < 1000:
        spin.stepUp()
        walked.append(spin.value())
    assert spin.value() == LARGEST_SCALE
    while spin.value() > 0 and len(walked) < 1000:
        spin.stepDown()
        walked.append(spin.value())
    assert spin.value() == 0 and SMALLEST_SCALE in walked
    assert all(is_legal(scale) for scale in walked)
    spin.stepDown()
    assert spin.value() == 0


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("0.01", SMALLEST_SCALE),
        ("0.06", SMALLEST_SCALE),
        ("0.0625", 0.0625),
        ("0.348", 0.348),
        ("1.41", 1.41),
        ("8", 8.0),
        ("9", None),
        ("0", 0.0),
        ("0.0000001", None),
    ],
)
def test_every_typed_scale_can_be_worked_at(
    qtbot: Any, spin: ScaleSpin, typed: str, value: float | None
) -> None:
    spin.setValue(0.5)
    spin.show()
    spin.selectAll()
    qtbot.keyClicks(spin, typed)
    qtbot.keyClick(spin, Qt.Key.Key_Return)
    assert is_legal(spin.value())
    if value is not None:
        assert spin.value() == pytest.approx(value)


def test_leaving_automatic_as_it_is_changes_nothing(qtbot: Any, spin: ScaleSpin) -> None:
    spin.set_auto(0.348)
    assert spin.text() == "auto ×\u00a00.35"
    with qtbot.assertNotEmitted(spin.valueChanged):
        spin.show()
        qtbot.keyClick(spin, Qt.Key.Key_Return)
        spin.interpretText()
    assert spin.value() == 0
    spin.setValue(0.5)
    assert spin.text() == "× 0.5"


@pytest.fixture
def dock(viewer: Any, image: np.ndarray, open_dock: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A dock whose engine finds 0.5."""
    choices = [ScaleChoice(0.5, "objects of about 40 px")]
    monkeypatch.setattr(engine, "decide_scale", lambda *_: choices[0])
    viewer.add_image(image, name="cells")
    dock = open_dock()
    dock.choices = choices
    dock.resize(300, 900)
    dock.controller.state.threshold = 0.3
    return dock


def segment(dock: Any, wait: Any) -> None:
    dock.form.head.segment_button.click()
    wait(dock)


def choose(dock: Any, contrast: str) -> None:
    combo = dock.form.input.contrast_combo
    combo.setCurrentIndex(combo.findData(contrast))
    combo.activated.emit(combo.currentIndex())


def places(dock: Any) -> dict[str, tuple[int, int]]:
    """Where the widgets of the dock stand."""
    widgets = [
        w for w in dock.form.findChildren(QWidget) if w.objectName().endswith(("combo", "spin", "note"))
    ]
    widgets += [dock.form.result_fold, dock.form.correct_fold, dock.form.head.segment_button]
    return {
        f"{w.objectName()}{n}": (w.mapTo(dock.form, w.rect().topLeft()).y(), w.height())
        for n, w in enumerate(widgets)
        if w.isVisibleTo(dock.form) and not w.objectName().startswith("contrast_")
    }


def test_the_fold_is_closed_at_first_and_has_its_widgets(dock: Any, wait: Any) -> None:
    for name in NAMES:
        assert dock.findChild(QWidget, name) is not None, name
    assert not dock.form.input_fold.button.isChecked()
    segment(dock, wait)
    assert not dock.form.input_fold.button.isChecked()
    assert "×\u00a00.50, objects of about 40\u00a0px" in dock.form.head.image_note.text()
    assert "auto: ×\u00a00.50, objects of about 40\u00a0px" in dock.form.input.scale_note.text()
    assert dock.form.minimumSizeHint().width() <= 300


def test_it_opens_once_where_the_size_is_not_clear(dock: Any, viewer: Any, wait: Any) -> None:
    dock.choices[0] = ScaleChoice(1.0, "not sure", weak=True)
    segment(dock, wait)
    assert dock.form.input_fold.button.isChecked()
    assert "show the circle" in dock.form.head.message_label.text()
    dock.form.input_fold.button.setChecked(False)
    segment(dock, wait)
    dock.form.head.levels.slider.setValue(1)
    wait(dock)
    assert not dock.form.input_fold.button.isChecked()
    dock.form.head.message_label.linkActivated.emit("circle:1")
    assert "object size" in viewer.layers


def test_nothing_jumps(dock: Any, viewer: Any, wait: Any, qtbot: Any) -> None:
    viewer.window._qt_window.show()  # else nothing is laid out
    dock.form.input_fold.button.setChecked(True)
    qtbot.wait(50)
    before = places(dock)
    assert len(before) > 8
    segment(dock, wait)
    for contrast in ("given", "displayed", "auto"):
        choose(dock, contrast)
        wait(dock)
        qtbot.wait(50)
        assert dock.form.input.contrast_row.low.isVisibleTo(dock.form) == (contrast == "given")
        assert places(dock) == before, contrast
    dock.choices[0] = ScaleChoice(1.0, "not sure", weak=True)
    dock.controller.context.cache.scales._found.clear()
    segment(dock, wait)
    qtbot.wait(50)
    assert (
        "not" not in dock.form.input.scale_spin.text()
        and "Drag the circle" in dock.form.input.scale_note.text()
    )
    assert places(dock) == before


def test_numbers_reach_the_request_and_what_is_used_is_shown(dock: Any, wait: Any) -> None:
    segment(dock, wait)
    assert dock.controller.runs.shown.range is None
    used = dock.controller.runs.range
    assert f"intensities {used[0]:.4g} to {used[1]:.4g}" in dock.form.input.contrast_note.text()
    choose(dock, "given")
    wait(dock)
    fold = dock.form.input
    assert (fold.contrast_row.low.value(), fold.contrast_row.high.value()) == pytest.approx(used, abs=1e-5)
    fold.contrast_row.low.setValue(20)
    fold.contrast_row.high.setValue(120)
    wait(dock)
    assert dock.controller.runs.shown.range == (20, 120)
    shown = dock.controller.runs.shown
    fold.contrast_row.high.setValue(10)
    wait(dock)
    assert "must be below" in dock.form.head.message_label.text()
    assert dock.controller.runs.shown is shown, "nothing was run"


def test_as_displayed_follows_the_limits_after_a_rest(dock: Any, viewer: Any, wait: Any, qtbot: Any) -> None:
    layer = viewer.layers["cells"]
    layer.contrast_limits = (0, 150)
    choose(dock, "displayed")
    segment(dock, wait)
    assert dock.controller.runs.shown.range == (0, 150)
    heard: list[Any] = []
    dock._layers.signals.limits_changed.connect(heard.append)
    for high in (140, 130, 120):
        layer.contrast_limits = (0, high)
    qtbot.waitUntil(lambda: dock.controller.runs.shown.range == (0, 120), timeout=60_000)
    wait(dock)
    assert len(heard) == 1, "a drag is one change"


def test_colour_cannot_be_taken_as_displayed(dock: Any, viewer: Any, image: np.ndarray) -> None:
    combo = dock.form.input.contrast_combo
    assert combo.model().item(1).isEnabled()
    layer = viewer.add_image(np.stack([image] * 3, axis=-1), name="photo", rgb=True)
    dock.controller.state.image = layer.unique_id
    item = combo.model().item(1)
    assert not item.isEnabled() and "colour" in item.text() and "contrast limits" in item.toolTip()
    assert dock._layers.limits(layer.unique_id) is None


def test_the_minimum_size_follows_the_scale_until_it_is_typed(dock: Any, wait: Any, qtbot: Any) -> None:
    spin, own = dock.form.result.min_size_spin, dock.controller.model.decode.min_size
    assert spin.value() == own
    segment(dock, wait)
    assert spin.value() == 4 * own
    spin.setValue(7)
    dock.form.input.scale_spin.setValue(0.25)
    wait(dock)
    assert spin.value() == 7 and dock.controller.state.min_size == 7


@pytest.mark.parametrize(("modified", "shown"), [(True, 12), (False, 40)])
def test_a_number_that_is_being_typed_is_left_alone(
    qtbot: Any, monkeypatch: pytest.MonkeyPatch, modified: bool, shown: int
) -> None:
    spin = QSpinBox()
    qtbot.addWidget(spin)
    monkeypatch.setattr(spin, "hasFocus", lambda: True)
    spin.lineEdit().setText("12")
    spin.lineEdit().setModified(modified)
    with qtbot.assertNotEmitted(spin.valueChanged):
        show_number(spin, 40)
    assert spin.text() == str(shown)


def test_closing_the_dock_lets_go_of_the_limits(dock: Any, viewer: Any) -> None:
    layer = viewer.layers["cells"]
    count = len(layer.events.contrast_limits.callbacks)
    dock.close_session()
    assert len(layer.events.contrast_limits.callbacks) == count - 1
