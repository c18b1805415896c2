"""Layers of any shape, any metadata, deleted or rolled away: the dock goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.utils.key_bindings import KeymapHandler

from napari_unetpp.session.correct.merge import IGNORE_LABEL


def text(dock: Any) -> str:
    return str(dock.form.head.message_label.text())


def correction_count(dock: Any) -> str:
    return str(dock.form.correct.correction_count_label.text())


@pytest.fixture
def corrected(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any) -> Any:
    """A dock with a corrected image."""
    viewer.add_image(image, name="cells")
    dock = open_dock()
    dock.controller.state.threshold, dock.controller.state.min_size = 0.3, 0
    dock.form.correct.correct_button.click()
    wait(dock)
    return dock


def test_a_depth_chosen_in_the_moment_when_the_viewer_goes_3d(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any
) -> None:
    """Also when Keep ends just then: it chooses a depth. The error came out of the event."""
    viewer.add_image(image, name="cells")
    dock = open_dock()
    wait(dock)
    viewer.dims.ndisplay = 3
    dock.controller.state.level = 1
    dock.controller.state.level = 2
    viewer.dims.ndisplay = 2
    dock.form.head.segment_button.click()
    wait(dock)
    assert "L2" in text(dock)


@pytest.mark.parametrize(
    ("order", "how"), [((1, 2, 0), "stroke"), ((2, 0, 1), "fill"), ((1, 0, 2), "stroke"), ((2, 1, 0), "fill")]
)
def test_a_stroke_beside_a_stack_with_its_axes_in_another_order(
    viewer: Any,
    image: np.ndarray,
    corrected: Any,
    open_dock: Any,
    wait: Any,
    qtbot: Any,
    order: tuple[int, ...],
    how: str,
) -> None:
    """One stroke broke every later choice with an AxisError, also after the dock was opened again."""
    viewer.add_image(np.stack([image] * 5), name="stack")
    layer = viewer.layers["cells corrections"]
    viewer.dims.order = order
    if how == "stroke":
        layer.paint((30, 50), 9)
    else:
        layer.fill((30, 50), 9)
    qtbot.waitUntil(lambda: correction_count(corrected) == "1 correction, 1 image")
    viewer.dims.order = (0, 1, 2)
    corrected.controller.state.image = viewer.layers["stack"].unique_id
    corrected.controller.state.image = viewer.layers["cells"].unique_id
    assert correction_count(corrected) == "1 correction, 1 image"
    viewer.window.remove_dock_widget(corrected)
    again = open_dock()
    again.controller.state.image = viewer.layers["cells"].unique_id
    assert correction_count(again) == "1 correction, 1 image"
    again.form.correct.correct_button.click()
    wait(again)
    assert layer.data[30, 50] == 9


def test_a_layer_that_an_older_version_broke_is_taken_up(
    viewer: Any, corrected: Any, open_dock: Any, qtbot: Any
) -> None:
    layer = viewer.layers["cells corrections"]
    layer.paint((30, 50), 9)
    qtbot.waitUntil(lambda: correction_count(corrected) == "1 correction, 1 image")
    viewer.window.remove_dock_widget(corrected)
    planes = layer.metadata["napari_unetpp_planes"]
    planes.append(((None, 50), *planes[0][1:]))
    assert correction_count(open_dock()) == "1 correction, 1 image"


def test_next_image_where_layers_hold_arrays_in_their_metadata(
    viewer: Any, image: np.ndarray, corrected: Any, wait: Any
) -> None:
    for layer in viewer.layers:
        layer.metadata["table"] = np.arange(6)
    viewer.add_image(image[::-1], name="more", metadata={"array": np.eye(3)})
    corrected.form.correct.next_image_button.click()
    wait(corrected)
    assert corrected.form.head.image_combo.currentText() == "more"
    assert not viewer.layers["cells corrections"].visible


@pytest.mark.parametrize("then", ["click", "shift click", "correct", "save", "next"])
def test_the_prediction_layer_was_deleted(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, qtbot: Any, then: str
) -> None:
    """A click raised an AssertionError, and Correct said nothing."""
    from napari_unetpp._types import Region
    from napari_unetpp.session.values import Click

    viewer.add_image(image, name="cells")
    dock = open_dock()
    dock.controller.state.threshold, dock.controller.state.min_size = 0.3, 0
    dock.form.head.segment_button.click()
    wait(dock)
    viewer.layers.remove("cells prediction")
    assert "press Segment" in text(dock)
    key = dock.controller.state.image
    if "click" in then:
        dock.controller.layers.signals.clicked.emit(key, Click(Region(12, 12, 13, 13), then != "click"))
        qtbot.waitUntil(lambda: dock.correcting.clicks.waiting == 0, timeout=60_000)
        expected = ("object", "nothing", "no object")
        assert any(words in text(dock) for words in expected)
    elif then == "correct":
        dock.form.correct.correct_button.click()
        wait(dock)
        assert viewer.layers["cells corrections"].data.any()
        assert "cells prediction" in viewer.layers
    elif then == "save":
        dock.controller.save()
        assert "press Segment first" in text(dock)
    else:
        dock.form.result.next_button.click()
        assert "Press Segment first" in text(dock)


def test_corrections_can_be_saved_without_the_prediction(viewer: Any, corrected: Any) -> None:
    viewer.layers["cells corrections"].paint((30, 50), 9)
    viewer.layers.remove("cells prediction")
    plane = corrected.controller.context.plane()
    assert corrected.controller.corrected(plane)[30, 50] == 9


def test_the_key_for_a_new_object_leaves_out_the_label_that_is_ignored(viewer: Any, corrected: Any) -> None:
    """It gave 65536, which does not fit, so the brush stayed at Ignore."""
    layer = viewer.layers["cells corrections"]
    assert layer.data.dtype == np.uint16
    layer.paint((30, 50), 9)
    corrected.form.correct.ignore_button.click()
    layer.paint((60, 50), layer.selected_label)
    assert layer.data[60, 50] == layer.selected_label == IGNORE_LABEL
    keys = KeymapHandler()
    keys.keymap_providers = [layer]
    keys.press_key("M")
    top = int(layer.data[layer.data != IGNORE_LABEL].max())
    assert layer.selected_label == top + 1
    layer.paint((70, 50), layer.selected_label)
    keys.press_key("M")
    assert layer.selected_label == top + 2
