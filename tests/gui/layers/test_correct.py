"""Correcting with napari's own tools on a real image, in a real viewer, with the tiny untrained model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gestures import is_active
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.gui.samples import FOLDER
from napari_unetpp.session.correct.merge import IGNORE_LABEL
from napari_unetpp.session.segment.cache import WorkerCache

SPOT = np.s_[40:52, 60:72]


@pytest.fixture
def photo() -> np.ndarray:
    """A part of a shipped sample."""
    from napari_unetpp.files.images.image_file import read_image

    return np.asarray(read_image(FOLDER / "dense_fluorescence.png"))[:96, :128]


@pytest.fixture
def sitting(viewer: Any, photo: np.ndarray, open_dock: Any, wait: Any) -> Any:
    """A dock with a corrected image; the prediction holds two made-up objects."""
    viewer.add_image(photo, name="cells", scale=(0.5, 0.5), translate=(3, 4), units=("um", "um"))
    dock = open_dock()
    predict(dock, {1: SPOT, 2: np.s_[10:20, 10:20]})
    dock.form.head.segment_button.click()
    wait(dock)
    dock.form.correct.correct_button.click()
    return dock


def predict(dock: Any, objects: dict[int, Any]) -> None:
    """From now on the decoded result is this, whatever the network says; the rest of the path is real."""
    cache = dock.controller.context.cache

    class MadeUp(PlaneResult):
        def labels(self) -> np.ndarray:
            labels = np.zeros(self.shape, np.uint32)
            for number, where in objects.items():
                labels[where] = number
            return labels

    def store(request: Any, cached: Any) -> None:
        cached.maps = MadeUp(**vars(cached.maps))
        WorkerCache.store(cache, request, cached)

    cache.store = store
    for cached in cache._planes.values():
        cached.maps = MadeUp(**vars(cached.maps))
        cached.decoded.clear()


def sheet(viewer: Any) -> Labels:
    return viewer.layers["cells corrections"]


def again(dock: Any, wait: Any) -> None:
    dock.controller.segment()
    wait(dock)


def drawn(dock: Any) -> Any:
    return dock.correcting.corrections.corrected(dock.controller.context.plane())


def test_correct_copies_the_result_into_a_layer_of_its_own(viewer: Any, sitting: Any) -> None:
    layer, prediction, image = sheet(viewer), viewer.layers["cells prediction"], viewer.layers["cells"]
    assert np.array_equal(layer.data, prediction.data) and layer.data is not prediction.data
    assert not prediction.visible and not prediction.editable
    assert viewer.layers.selection.active is layer and layer.mode == "paint"
    assert layer.selected_label == 3
    for name in ("scale", "translate", "rotate", "shear"):
        assert np.allclose(getattr(layer, name), getattr(image, name)), name
    assert layer.units == image.units
    assert sitting.form.correct_fold.button.isChecked()
    assert sitting.form.correct.correction_count_label.text() == "no corrections yet"
    assert drawn(sitting).certain.sum() == 0


def test_erasing_a_false_positive_survives(viewer: Any, sitting: Any, wait: Any) -> None:
    sheet(viewer).fill((45, 65), 0)
    assert drawn(sitting).certain.sum() == 144
    predict(sitting, {5: np.s_[39:53, 59:73], 6: np.s_[70:80, 10:20]})
    again(sitting, wait)
    data = sheet(viewer).data
    assert not data[39:53, 59:73].any()
    assert data[75, 15] and not data[15, 15]


def test_brush_and_eraser_undo_and_redo(viewer: Any, sitting: Any, qtbot: Any) -> None:
    layer = sheet(viewer)
    layer.brush_size = 6
    layer.paint((80, 100), 3)
    painted = drawn(sitting).certain.sum()
    assert painted > 20
    layer.paint((80, 100), 0)
    assert drawn(sitting).certain.sum() == painted  # back as it was, but decided
    layer.undo()
    layer.undo()
    assert drawn(sitting).certain.sum() == 0
    qtbot.waitUntil(lambda: "no corrections" in sitting.form.correct.correction_count_label.text())
    layer.redo()
    assert drawn(sitting).certain.sum() == painted
    label = sitting.form.correct.correction_count_label
    qtbot.waitUntil(lambda: label.text() == "1 correction, 1 image")


def test_merging_by_picker_and_fill(viewer: Any, sitting: Any, wait: Any) -> None:
    layer = sheet(viewer)
    layer.data_setitem(np.nonzero(np.eye(1, dtype=bool)), 0)  # changes nothing: no correction
    layer.selected_label = int(layer.data[45, 65])  # the picker
    layer.fill((15, 15), layer.selected_label)
    predict(sitting, {8: SPOT, 9: np.s_[10:20, 10:20]})
    again(sitting, wait)
    data = sheet(viewer).data
    assert data[45, 65] == data[15, 15] == 1
    assert sheet(viewer).selected_label == 1


def test_polygon(viewer: Any, sitting: Any) -> None:
    sheet(viewer).paint_polygon([[60, 20], [60, 40], [80, 40], [80, 20]], 3)
    assert drawn(sitting).certain[70, 30]
    assert 350 < drawn(sitting).certain.sum() < 460


@pytest.mark.parametrize("private", [True, False])
def test_undo_does_not_reach_into_a_new_result(
    viewer: Any, sitting: Any, wait: Any, monkeypatch: Any, private: bool
) -> None:
    if not private:  # another napari: a new layer takes the place of the old one
        monkeypatch.setattr(
            "napari_unetpp.gui.layers.corrections_layer.CorrectionsLayer.drop_history", lambda _self: False
        )
    before = sheet(viewer)
    before.brush_size, before.opacity = 7, 0.4
    before.paint((80, 100), 3)
    predict(sitting, {3: np.s_[10:20, 10:20]})
    again(sitting, wait)
    layer = sheet(viewer)
    assert (layer is before) == private
    assert (layer.brush_size, layer.opacity, layer.mode, layer.selected_label) == (7, 0.4, "paint", 3)
    assert viewer.layers.selection.active is layer
    assert layer.data[80, 100] == 3 and layer.data[15, 15] not in (0, 3)
    held = layer.data.copy()
    layer.undo()
    assert np.array_equal(layer.data, held)
    assert [one.name for one in viewer.layers].count("cells corrections") == 1
    layer.paint((60, 20), 3)
    layer.undo()
    assert np.array_equal(layer.data, held) and drawn(sitting).certain[80, 100]


@pytest.mark.parametrize("change", ["depth", "threshold", "scale"])
def test_corrections_survive_the_sliders(viewer: Any, sitting: Any, wait: Any, change: str) -> None:
    sheet(viewer).paint((80, 100), 9)
    if change == "depth":
        sitting.form.head.levels.slider.setValue(4)
    elif change == "threshold":
        sitting.form.result.threshold_slider.setValue(0.3)
    else:
        sitting.form.input.scale_spin.setValue(0.5)
    wait(sitting)
    assert sheet(viewer).data[80, 100] == 9
    assert drawn(sitting).certain[80, 100]


def test_without_strokes_the_layer_stays(viewer: Any, sitting: Any, wait: Any) -> None:
    layer = sheet(viewer)
    predict(sitting, {4: np.s_[50:60, 50:60]})
    again(sitting, wait)
    assert sheet(viewer) is layer and layer.data[55, 55] and not layer.data[15, 15]
    assert drawn(sitting).certain.sum() == 0


def test_planes_of_a_stack_keep_their_own_corrections(
    viewer: Any, photo: np.ndarray, open_dock: Any, wait: Any, qtbot: Any
) -> None:
    viewer.add_image(np.stack([photo, photo[::-1], photo]), name="cells")
    viewer.dims.set_point(0, 0)
    dock = open_dock()
    predict(dock, {1: SPOT})
    dock.form.head.segment_button.click()
    wait(dock)
    dock.form.correct.correct_button.click()
    sheet(viewer).fill((0, 45, 65), 0)
    viewer.dims.set_point(0, 2)  # Live is on
    qtbot.waitUntil(lambda: sheet(viewer).data[2].any(), timeout=60_000)
    wait(dock)
    sheet(viewer).paint((2, 80, 100), 7)
    assert not drawn(dock).certain[SPOT].any() and drawn(dock).certain[80, 100]
    predict(dock, {2: np.s_[0:90, 0:50]})
    again(dock, wait)
    assert sheet(viewer).data[2, 80, 100] == 7
    viewer.dims.set_point(0, 0)
    qtbot.waitUntil(lambda: sheet(viewer).data[0, 10, 10] > 0, timeout=60_000)
    assert not sheet(viewer).data[(0, *SPOT)].any()
    assert drawn(dock).certain[SPOT].all() and not drawn(dock).certain[80, 100]
    assert not sheet(viewer).data[1].any()
    qtbot.waitUntil(lambda: dock.form.correct.correction_count_label.text() == "2 corrections, 2 images")


def test_picking_a_tool_on_the_prediction_begins(
    viewer: Any, photo: np.ndarray, open_dock: Any, wait: Any
) -> None:
    viewer.add_image(photo, name="cells")
    dock = open_dock()
    dock.form.head.segment_button.click()
    wait(dock)
    viewer.layers["cells prediction"].mode = "erase"
    assert sheet(viewer).mode == "erase" and viewer.layers.selection.active is sheet(viewer)
    assert viewer.layers["cells prediction"].mode == "pan_zoom"


def test_correct_segments_first_where_there_is_no_result(
    viewer: Any, photo: np.ndarray, open_dock: Any, wait: Any
) -> None:
    viewer.add_image(photo, name="cells")
    dock = open_dock()
    dock.form.correct.correct_button.click()
    wait(dock)
    assert sheet(viewer).mode == "paint"


def test_the_key_is_really_pressed(
    viewer: Any, photo: np.ndarray, open_dock: Any, wait: Any, qtbot: Any
) -> None:
    viewer.add_image(photo, name="cells")
    dock = open_dock()
    dock.form.head.segment_button.click()
    wait(dock)
    window = viewer.window._qt_window
    window.show()
    qtbot.waitUntil(lambda: dock.isVisible() and is_active(window), timeout=10_000)
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_C)
    qtbot.waitUntil(lambda: "cells corrections" in viewer.layers, timeout=10_000)
    window.hide()


def test_layers_of_others_are_left_alone(viewer: Any, photo: np.ndarray, open_dock: Any, wait: Any) -> None:
    viewer.add_image(photo, name="cells")
    theirs = viewer.add_labels(np.full(photo.shape[:2], 7), name="cells corrections")
    dock = open_dock()
    dock.form.correct.correct_button.click()
    wait(dock)
    viewer.layers["cells corrections [1]"].paint((80, 100), 9)
    again(dock, wait)
    assert (theirs.data == 7).all() and theirs.visible and theirs.editable
    assert len(viewer.layers) == 4


def test_ignore_brush(viewer: Any, sitting: Any, wait: Any) -> None:
    sitting.form.correct.ignore_button.click()
    layer = sheet(viewer)
    assert layer.selected_label == IGNORE_LABEL
    layer.paint((80, 100), layer.selected_label)
    again(sitting, wait)
    assert sitting.correcting.editor.usable() == ()  # nothing but ignored pixels teaches nothing
    sheet(viewer).fill((45, 65), 0)
    (lesson,) = sitting.correcting.editor.usable()
    plane = lesson.labelled("cells")
    assert plane.ignore[80, 100] and not plane.certain[80, 100] and plane.labels[80, 100] == 0
    assert plane.certain[45, 65]
    assert not sitting.controller.corrected(sitting.controller.context.plane())[80, 100]


def test_strokes_only(viewer: Any, sitting: Any, wait: Any) -> None:
    fold, prediction = sitting.form.correct, viewer.layers["cells prediction"]
    choose = sitting.correcting.view.signals.labels_as_chosen.emit
    sheet(viewer).fill((45, 65), 0)
    choose("sparse")
    wait(sitting)
    assert not fold.background_spin.isHidden() and fold.regions_button.isHidden()
    assert set(np.unique(sheet(viewer).data)) == {0, 1}  # what was erased is a stroke on background now
    assert prediction.visible and not prediction.editable
    sheet(viewer).paint((15, 15), 2)  # over the prediction, with its own number: counts nevertheless
    again(sitting, wait)
    saved = sitting.controller.corrected(sitting.controller.context.plane())
    assert not saved[SPOT].any() and saved[15, 15] == 2
    plane = sitting.correcting.editor.usable()[0].labelled("cells")
    assert plane.labels_as == "sparse" and plane.background == 1
    assert plane.labels[15, 15] == 2 and set(np.unique(plane.labels)) == {0, 1, 2}
    fold.background_spin.setValue(4)
    assert sitting.correcting.editor.usable()[0].labelled("cells").background == 4
    fold.background_spin.setValue(1)
    choose("reviewed")
    wait(sitting)
    assert fold.background_spin.isHidden() and not fold.regions_button.isHidden()
    assert not prediction.visible
    labels = sitting.correcting.editor.usable()[0].labelled("cells").labels
    assert not labels[SPOT].any() and (labels[10:20, 10:20] == 2).all()


def test_regions(viewer: Any, sitting: Any, qtbot: Any) -> None:
    sitting.correcting.view.signals.labels_as_chosen.emit("reviewed")
    sitting.form.correct.regions_button.click()
    shapes = viewer.layers["cells regions"]
    assert shapes.mode == "add_rectangle"
    shapes.add_rectangles([[30, 50], [30, 80], [60, 80], [60, 50]])
    (lesson,) = sitting.correcting.editor.usable()
    plane = lesson.labelled("cells")
    assert not plane.ignore[45, 65] and plane.ignore[15, 15]
    viewer.layers.remove(shapes)
    gather = sitting.correcting.editor.usable
    qtbot.waitUntil(
        lambda: gather()[0].labelled("cells").ignore is None
    )  # once nothing else is deleted with it


def test_layers_deleted_with_their_image_are_remembered(viewer: Any, sitting: Any, qtbot: Any) -> None:
    sheet(viewer).paint((80, 100), 9)
    viewer.layers.remove("cells corrections")
    assert viewer.layers["cells prediction"].visible and viewer.layers["cells prediction"].editable
    viewer.layers.remove("cells")
    qtbot.wait(20)
    (lesson,) = sitting.correcting.editor.usable()
    assert lesson.certain[80, 100]
    assert "1 correction, 1 image" in sitting.form.correct.correction_count_label.text()
    assert np.asarray(lesson.pixels).shape == (96, 128)


def test_more_strokes_than_napari_remembers(viewer: Any, sitting: Any) -> None:
    layer = sheet(viewer)
    layer.brush_size = 1
    for column in range(105):
        layer.paint((90, column), 9)
        layer.paint((90, column), 0)
    assert drawn(sitting).certain[90, :105].all()


def test_save_writes_the_corrected_labels(
    viewer: Any, sitting: Any, qtbot: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    import tifffile

    sheet(viewer).paint((80, 100), 9)
    monkeypatch.setattr(sitting, "ask_path", lambda suggestion: tmp_path / suggestion.name)
    sitting.form.result.save_button.click()
    qtbot.waitUntil(lambda: "Saved" in sitting.form.head.message_label.text(), timeout=60_000)
    assert tifffile.imread(tmp_path / "cells_labels.tif")[80, 100] == 9


def test_next_image_of_the_list_then_of_the_folder(
    viewer: Any, photo: np.ndarray, open_dock: Any, wait: Any, tmp_path: Any
) -> None:
    from PIL import Image

    for name in ("a", "b", "c"):
        Image.fromarray(photo).save(tmp_path / f"{name}.png")
    viewer.open(str(tmp_path / "a.png"), plugin="napari")
    dock = open_dock()
    viewer.open(str(tmp_path / "b.png"), plugin="napari")
    seen = []
    for _ in range(2):
        dock.form.correct.next_image_button.click()
        wait(dock)
        seen.append(dock.form.head.image_combo.currentText())
    assert seen == ["b", "c"] and viewer.layers["c prediction"].visible
    assert not viewer.layers["a"].visible
    dock.form.correct.next_image_button.click()
    assert "last image" in dock.form.head.message_label.text()


def test_the_next_dock_takes_the_layer_up(viewer: Any, sitting: Any, open_dock: Any, wait: Any) -> None:
    sheet(viewer).paint((80, 100), 9)
    viewer.window.remove_dock_widget(sitting)
    assert sheet(viewer).data[80, 100] == 9
    dock = open_dock()
    assert dock.form.correct.correction_count_label.text() == "1 correction, 1 image"
    predict(dock, {3: SPOT})
    again(dock, wait)
    assert sheet(viewer).data[80, 100] == 9 and sheet(viewer).data[45, 65] and not sheet(viewer).data[15, 15]
    assert [one.name for one in viewer.layers] == ["cells", "cells prediction", "cells corrections"]


def test_painted_before_it_was_segmented(
    viewer: Any, photo: np.ndarray, open_dock: Any, wait: Any, qtbot: Any
) -> None:
    viewer.add_image(np.stack([photo, photo]), name="cells")
    viewer.dims.set_point(0, 0)
    dock = open_dock()
    predict(dock, {2: SPOT})
    dock.form.correct.correct_button.click()
    wait(dock)
    dock.form.head.live_checkbox.setChecked(False)
    viewer.dims.set_point(0, 1)
    sheet(viewer).paint((1, 80, 100), 1)
    assert dock.correcting.editor.usable()[0].certain[80, 100]
    qtbot.waitUntil(lambda: "not segmented yet" in dock.form.head.message_label.text(), timeout=60_000)
    again(dock, wait)
    assert sheet(viewer).data[1, 80, 100] == 1 and sheet(viewer).data[1, 45, 65] == 2
