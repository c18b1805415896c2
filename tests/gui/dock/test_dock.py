"""The dock in a real viewer, with the real engine and a tiny untrained model."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels, Shapes
from qtpy.QtWidgets import QComboBox, QWidget

from napari_unetpp.gui.compat import camera_of

NAMES = (
    "image_combo",
    "model_combo",
    "device_combo",
    "level_slider",
    "level_readout",
    "speed_quality_chart",
    "segment_button",
    "live_checkbox",
    "stop_button",
    "progress_bar",
    "message_label",
    "kind_combo",
    "threshold_slider",
    "min_size_spin",
    "max_size_spin",
    "split_checkbox",
    "fill_holes_checkbox",
    "drop_border_checkbox",
    "scale_spin",
    "uncertainty_checkbox",
    "next_button",
    "click_tool_button",
    "merge_objects_button",
    "split_object_button",
    "save_button",
)


def prediction(viewer: Any, name: str = "cells") -> Labels:
    """Our layer for an image."""
    return viewer.layers[f"{name} prediction"]


def low(dock: Any) -> None:
    """A threshold at which the untrained model finds something."""
    dock.controller.state.threshold = 0.3
    dock.controller.state.min_size = 0


@pytest.mark.parametrize("module", ["napari_unetpp.gui.dock.dock", "napari_unetpp.gui.samples"])
def test_importing_the_dock_loads_no_torch(module: str) -> None:
    code = f"import sys, {module}; assert not {{'torch', 'monai'}} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_all_widgets_have_their_names(viewer: Any, open_dock: Any) -> None:
    dock = open_dock()
    for name in NAMES:
        assert dock.findChild(QWidget, name) is not None, name
    assert dock.findChild(QWidget, "level_slider").value() == 2  # what the model recommends
    assert dock.findChild(QWidget, "level_readout").text().startswith("L2 · 0.0")
    assert dock.minimumWidth() <= 300
    assert dock.form.minimumSizeHint().width() <= 300


def test_sizes_holes_and_border(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any) -> None:
    viewer.add_image(image, name="cells")
    dock = open_dock()
    state, form = dock.controller.state, dock.form.result
    assert form.max_size_spin.text() == "no limit"
    form.max_size_spin.setValue(900)
    form.fill_holes_checkbox.click()
    form.drop_border_checkbox.click()
    assert (state.max_size, state.fill_holes, state.drop_border) == (900, True, True)
    form.max_size_spin.setValue(0)
    assert state.max_size is None and form.max_size_spin.text() == "no limit"
    state.max_size, state.fill_holes, state.drop_border = 50, False, False
    assert form.max_size_spin.text() == "≤ 50"
    assert not form.fill_holes_checkbox.isChecked() and not form.drop_border_checkbox.isChecked()
    state.kind = "mask"
    for widget in (form.min_size_spin, form.max_size_spin, form.drop_border_checkbox, form.split_checkbox):
        assert not widget.isEnabled()
    assert form.fill_holes_checkbox.isEnabled()


def test_only_images_are_offered(viewer: Any, image: np.ndarray, open_dock: Any) -> None:
    viewer.add_image(image, name="cells")
    viewer.add_labels(image.astype(int), name="truth")
    dock = open_dock()
    combo = dock.findChild(QComboBox, "image_combo")
    assert [combo.itemText(i) for i in range(combo.count())] == ["cells"]
    viewer.add_image(image, name="more")
    assert combo.count() == 2 and combo.currentText() == "cells"
    assert "more was opened; cells is the one in Image" in dock.form.head.message_label.text()
    dock.form.head.message_label.linkActivated.emit("choose")
    assert combo.currentText() == "more"
    viewer.layers["cells"].name = "nuclei"
    assert "nuclei" in [combo.itemText(i) for i in range(2)]


def test_segment_slide_and_decode(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any) -> None:
    viewer.add_image(image, name="cells")
    dock = open_dock()
    low(dock)
    dock.form.head.segment_button.click()
    wait(dock)
    assert prediction(viewer).data.shape == image.shape
    assert "(L2, " in dock.form.head.message_label.text()
    dock.form.head.levels.slider.setValue(1)
    wait(dock)
    assert "L1" in dock.form.head.message_label.text()
    dock.form.head.levels.slider.setValue(4)
    wait(dock)
    assert "L4" in dock.form.head.message_label.text()
    dock.form.result.threshold_slider.setValue(0.01)
    wait(dock)
    assert prediction(viewer).data.any()
    assert "100\u00a0% of the image is foreground" in dock.form.head.message_label.text()
    dock.form.result.threshold_slider.setValue(0.99)
    wait(dock)
    assert not prediction(viewer).data.any()
    assert len(viewer.layers) == 2


def test_output_carries_every_transform(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any) -> None:
    layer = viewer.add_image(
        image,
        name="cells",
        scale=(0.5, 0.25),
        translate=(3, 4),
        rotate=10,
        shear=[0.1],
        affine=[[1, 0.2, 5], [0, 1, 6], [0, 0, 1]],
        units=("um", "um"),
        axis_labels=("y", "x"),
    )
    dock = open_dock()
    dock.form.head.segment_button.click()
    wait(dock)
    output = prediction(viewer)
    for name in ("scale", "translate", "rotate", "shear"):
        assert np.allclose(getattr(output, name), getattr(layer, name)), name
    assert np.allclose(output.affine.affine_matrix, layer.affine.affine_matrix)
    assert output.units == layer.units
    assert output.axis_labels == layer.axis_labels
    layer.scale = (2, 2)
    dock.form.head.segment_button.click()
    wait(dock)
    assert np.allclose(prediction(viewer).scale, (2, 2))


def test_a_layer_of_the_same_name_is_not_touched(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any
) -> None:
    viewer.add_image(image, name="cells")
    theirs = viewer.add_labels(np.full(image.shape, 7), name="cells prediction")
    dock = open_dock()
    dock.form.head.segment_button.click()
    wait(dock)
    assert (theirs.data == 7).all()
    assert len(viewer.layers) == 3
    dock.form.head.segment_button.click()
    wait(dock)
    assert len(viewer.layers) == 3


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32", "float64", "bool"])
def test_grey_of_any_type(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, dtype: str) -> None:
    viewer.add_image(image.astype(dtype), name="cells")
    dock = open_dock()
    dock.form.head.segment_button.click()
    wait(dock)
    assert "L2" in dock.form.head.message_label.text()


@pytest.mark.parametrize("channels", [3, 4])
def test_colour(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, channels: int) -> None:
    viewer.add_image(np.repeat(image[..., None], channels, -1), name="cells", rgb=True)
    dock = open_dock()
    assert "colour" in dock.form.head.image_note.text()
    dock.form.head.segment_button.click()
    wait(dock)
    assert prediction(viewer).data.shape == image.shape
    assert ("alpha" in dock.form.head.message_label.text()) == (channels == 4)


def test_three_rows_of_grey_are_no_colour(viewer: Any, open_dock: Any, wait: Any) -> None:
    viewer.add_image(np.arange(90, dtype=np.uint8).reshape(3, 30), name="cells")
    dock = open_dock()
    dock.form.head.segment_button.click()
    wait(dock)
    assert prediction(viewer).data.shape == (3, 30)


def test_displayed_plane_of_a_stack(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, qtbot: Any
) -> None:
    stack = np.stack([image, np.zeros_like(image), image[::-1]])
    viewer.add_image(stack, name="cells")
    viewer.dims.set_point(0, 0)
    dock = open_dock()
    dock.controller.state.threshold, dock.controller.state.min_size = 0.01, 0
    dock.form.head.segment_button.click()
    wait(dock)
    output = prediction(viewer)
    assert output.data.shape == stack.shape
    assert output.data[0].any() and not output.data[1:].any()
    viewer.dims.set_point(0, 2)  # Live is on
    qtbot.waitUntil(lambda: output.data[2].any(), timeout=60_000)
    wait(dock)
    assert not output.data[1].any()


def test_lazy_and_transposed_stack(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any) -> None:
    dask = pytest.importorskip("dask.array")
    viewer.add_image(dask.stack([image, image]), name="cells")
    viewer.dims.order = (0, 2, 1)
    dock = open_dock()
    assert "Y 128, X 96" in dock.form.head.image_note.text()
    dock.controller.state.threshold = 0.01
    dock.form.head.segment_button.click()
    wait(dock)
    shown = viewer.dims.current_step[0]
    assert prediction(viewer).data[shown].any() and not prediction(viewer).data[1 - shown].any()


def test_three_dimensional_view_gets_a_sentence(viewer: Any, image: np.ndarray, open_dock: Any) -> None:
    viewer.add_image(np.stack([image, image]), name="cells")
    dock = open_dock()
    viewer.dims.ndisplay = 3
    dock.controller.segment()
    assert "switch to 2D" in dock.form.head.message_label.text()


def test_a_labels_layer_is_refused_as_image(viewer: Any, image: np.ndarray, open_dock: Any) -> None:
    labels = viewer.add_labels(image.astype(int), name="truth")
    dock = open_dock()
    dock.controller.state.image = labels.unique_id
    assert "labels layer, not an image" in dock.form.head.image_note.text()


@pytest.mark.parametrize(("zoom", "pixel"), [(0.3, 1.0), (0.3, 0.25), (50.0, 1.0)])
def test_circle_can_be_seen(
    viewer: Any, image: np.ndarray, open_dock: Any, zoom: float, pixel: float
) -> None:
    """It was the size of its own handles on an image that is seen whole."""
    viewer.add_image(image, name="cells", scale=(pixel, pixel))
    dock, camera = open_dock(), camera_of(viewer)
    camera.zoom = zoom
    dock.form.input.circle_button.click()
    circle = viewer.layers["object size"]
    model = dock.controller.model
    assert np.ptp(np.asarray(circle.data[0]), axis=0) == pytest.approx(model.sampling.value)
    assert model.sampling.value * pixel * camera.zoom >= 99
    dock.form.input.circle_button.click()
    assert camera.zoom == pytest.approx(zoom), "nothing but the circle has changed it"
    dock.form.input.circle_button.click()
    camera.zoom = 60
    dock.form.input.circle_button.click()
    assert camera.zoom == 60, "the user has"


def test_circle_is_drawn_and_removed(viewer: Any, image: np.ndarray, open_dock: Any) -> None:
    layer = viewer.add_image(image, name="cells")
    viewer.layers.selection.active = layer
    dock = open_dock()
    dock.form.input.circle_button.click()
    circle, hint = viewer.layers["object size"], dock.form.input.circle_hint
    assert isinstance(circle, Shapes)
    assert hint.isVisibleTo(dock.form) and hint.text().startswith("Drag the small dots")
    corners = np.asarray(circle.data[0])
    circle.data = [corners.mean(axis=0) + 2 * (corners - corners.mean(axis=0))]
    assert dock.form.input.scale_spin.value() == pytest.approx(0.5)
    assert "40\u00a0px" in dock.form.input.scale_note.text()
    dock.form.input.circle_button.click()
    assert "object size" not in viewer.layers
    assert viewer.layers.selection.active is layer
    dock.form.input.circle_button.click()
    viewer.layers.remove("object size")
    assert not dock.form.input.circle_button.isChecked() and not hint.isVisibleTo(dock.form)


def test_scale_changes_the_working_grid_and_results_return(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any
) -> None:
    viewer.add_image(image, name="cells")
    dock = open_dock()
    dock.controller.state.threshold = 0.01
    dock.form.input.scale_spin.setValue(0.5)
    dock.form.head.segment_button.click()
    wait(dock)
    assert prediction(viewer).data.shape == image.shape
    assert prediction(viewer).data.all()


def test_save(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, qtbot: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    viewer.add_image(image, name="cells")
    dock = open_dock()
    low(dock)
    dock.form.head.segment_button.click()
    wait(dock)
    monkeypatch.setattr(dock, "ask_path", lambda suggestion: tmp_path / suggestion.name)
    qtbot.waitUntil(dock.form.result.save_button.isEnabled)  # a moment after the result is there
    dock.form.result.save_button.click()
    qtbot.waitUntil(lambda: "Saved" in dock.form.head.message_label.text(), timeout=60_000)
    assert {path.name for path in tmp_path.glob("cells*")} == {"cells_labels.tif", "cells_labels.csv"}


def test_shortcut_works_while_the_dock_is_visible(viewer: Any, open_dock: Any) -> None:
    from qtpy.QtWidgets import QShortcut

    dock = open_dock()
    keys = {s.key().toString(): s for s in viewer.window._qt_window.findChildren(QShortcut)}
    assert "Shift+S" in keys and "Shift+S" in dock.form.head.segment_button.text()
    for key, button in (("J", "merge_objects_button"), ("Shift+J", "split_object_button")):
        widget = dock.findChild(QWidget, button)
        assert f"({key})" in widget.text()
        keys[key].activated.emit()
        assert not widget.isChecked(), "there is no image"


def test_every_value_that_a_control_allows_is_legal(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, monkeypatch: Any
) -> None:
    """A scale of 0.05 could be set, failed, and was tried again 146 times in 4 seconds."""
    viewer.add_image(image, name="cells")
    dock = open_dock()
    form, fold = dock.form, dock.form.input
    form.head.segment_button.click()
    wait(dock)
    tones: list[tuple[str, str]] = []
    wishes: list[Any] = []
    tell, show = dock.set_message, dock.controller.runs.show

    def telling(text: str, tone: Any = "info", *offers: Any) -> None:
        tones.append((tone, text))
        tell(text, tone, *offers)

    def showing(request: Any) -> None:
        wishes.append(request.options)
        show(request)

    monkeypatch.setattr(dock, "set_message", telling)
    monkeypatch.setattr(dock.controller.runs, "show", showing)
    result, level = form.result, form.head.levels.slider
    for widget in (result.threshold_slider, result.min_size_spin, fold.scale_spin, level):
        for value in (widget.minimum(), widget.maximum(), widget.value()):
            widget.setValue(value)
            wait(dock)
    for combo in (form.result.kind_combo, fold.contrast_combo):  # the latter ends at two numbers
        for row in range(combo.count()):
            combo.setCurrentIndex(row)
            combo.activated.emit(row)
            wait(dock)
    low, high = fold.contrast_row.low, fold.contrast_row.high
    smallest = 10 ** -high.decimals()
    for spin, value in ((low, low.minimum()), (high, high.maximum()), (low, 0.0), (high, smallest)):
        spin.setValue(value)
        wait(dock)
    assert [text for tone, text in tones if tone == "error"] == []
    assert len(wishes) > 15
    assert all(one != other for one, other in pairwise(wishes)), "one run for one wish"
