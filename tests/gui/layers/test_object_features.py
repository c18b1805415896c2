"""Our layers carry a table of their objects, which napari shows: hovering, and in its own widget."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from skimage.measure import regionprops

from napari_unetpp.gui import samples
from napari_unetpp.gui.compat import camera_of

NAME = "selected object"


@pytest.fixture
def dock(viewer: Any, dock_opener: Callable[[], Any], qtbot: Any) -> Any:
    """The sample segmented with the shipped model; pixels of half a micrometre."""
    ((data, options, _),) = samples.sparse_fluorescence()
    viewer.add_image(data, **(options | {"name": "cells"}), scale=(0.5, 0.5), units=("um", "um"))
    dock = dock_opener()
    dock.controller.state.level = 2
    dock.form.head.segment_button.click()
    in_step(dock, result(viewer), qtbot)
    return dock


@pytest.fixture
def table(viewer: Any, qtbot: Any) -> Iterator[Any]:
    """napari's own widget, with our result selected."""
    widgets = pytest.importorskip("napari_builtins._qt.features_table")
    widget = widgets.FeaturesTable(viewer)
    viewer.window.add_dock_widget(widget)
    yield widget


def result(viewer: Any) -> Labels:
    return viewer.layers["cells prediction"]


def measured(layer: Labels) -> dict[int, int]:
    """Number and area of every object in the table of a layer."""
    if "area_px" not in layer.features:
        return {}
    areas = layer.features["area_px"]
    return {number: int(area) for number, area in enumerate(areas) if not np.isnan(area)}


def held(layer: Labels) -> dict[int, int]:
    """The same, of its pixels."""
    numbers, areas = np.unique(layer.data[layer.data > 0], return_counts=True)
    return dict(zip(numbers.tolist(), areas.tolist(), strict=True))


def in_step(dock: Any, layer: Labels, qtbot: Any) -> None:
    """Wait until nothing runs and the table tells of what the layer holds."""
    qtbot.waitUntil(lambda: not dock.controller.busy, timeout=60_000)
    qtbot.waitUntil(lambda: bool(held(layer)) and measured(layer) == held(layer), timeout=20_000)


def inside_of(layer: Labels, number: int) -> tuple[int, int]:
    """A pixel of an object."""
    where = np.argwhere(layer.data == number)
    y, x = where[len(where) // 2]
    return int(y), int(x)


def marked(viewer: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The pixels that the mark surrounds."""
    from skimage.draw import polygon

    inside = np.zeros(shape, bool)
    for line in viewer.layers[NAME].data:
        ys, xs = polygon(line[:, 0], line[:, 1], shape)
        inside[ys, xs] ^= True
    return inside


# ------------------------------------------------------------------- in step


def test_the_table_is_that_of_the_pixels_and_stays_in_step(viewer: Any, dock: Any, qtbot: Any) -> None:
    layer, image = result(viewer), np.asarray(viewer.layers["cells"].data)
    assert list(layer.features) == [
        *("area_px", "diameter_px", "area_um2", "diameter_um", "intensity_mean", "intensity_max")
    ]
    for each in regionprops(layer.data.astype(int), image):
        row = layer.features.iloc[each.label]
        assert row["area_um2"] == pytest.approx(each.area / 4)
        assert (row["intensity_mean"], row["intensity_max"]) == pytest.approx(
            (each.intensity_mean, each.intensity_max)
        )
    areas = sorted(measured(layer).values())
    for change in (
        lambda: dock.form.result.min_size_spin.setValue(areas[len(areas) // 2] + 1),
        lambda: dock.form.head.levels.slider.setValue(3),
        lambda: dock.form.result.threshold_slider.setValue(0.7),
    ):
        before = measured(layer)
        change()
        qtbot.waitUntil(lambda before=before: held(layer) != before, timeout=20_000)
        in_step(dock, layer, qtbot)


def test_it_is_handed_over_once_for_each_result(viewer: Any, dock: Any, qtbot: Any) -> None:
    layer, told = result(viewer), []
    layer.events.features.connect(told.append)
    before = held(layer)
    dock.form.result.min_size_spin.setValue(max(before.values()))
    qtbot.waitUntil(lambda: held(layer) != before, timeout=20_000)
    in_step(dock, layer, qtbot)
    qtbot.wait(300)
    assert len(told) == 1


def test_hovering_tells(viewer: Any, dock: Any) -> None:
    layer = result(viewer)
    number = max(measured(layer))
    y, x = inside_of(layer, number)
    told = layer.get_status((y / 2, x / 2), view_direction=None, dims_displayed=[0, 1], world=True)
    assert "area_um2" in str(told) and "No Properties" not in str(told)


def test_corrections_have_a_table_of_their_own(viewer: Any, dock: Any, qtbot: Any) -> None:
    dock.form.correct.correct_button.click()
    layer = viewer.layers["cells corrections"]
    in_step(dock, layer, qtbot)
    number = int(layer.data.max()) + 1
    y, x = np.argwhere(layer.data == 0)[0]
    layer.selected_label, layer.brush_size = number, 3
    layer.paint((y, x), number)
    in_step(dock, layer, qtbot)
    assert number in measured(layer)
    layer.undo()
    qtbot.waitUntil(lambda: number not in measured(layer), timeout=20_000)


def test_planes_of_a_stack(viewer: Any, dock_opener: Any, qtbot: Any) -> None:
    ((data, _, _),) = samples.sparse_fluorescence()
    stack = np.stack([data[:128, :128], data[128:256, 128:256]])
    viewer.add_image(stack, name="cells", axis_labels=("t", "y", "x"))
    viewer.dims.set_current_step(0, 0)
    dock = dock_opener()
    dock.controller.state.live = False
    dock.controller.state.level = 1
    for plane in (0, 1):
        viewer.dims.set_current_step(0, plane)
        qtbot.waitUntil(lambda plane=plane: dock.controller.readout.shown.point[0] == plane)
        dock.form.head.segment_button.click()
        qtbot.waitUntil(lambda: not dock.controller.busy, timeout=60_000)
    layer = result(viewer)
    for plane in (1, 0):
        viewer.dims.set_current_step(0, plane)
        numbers, areas = np.unique(layer.data[plane], return_counts=True)
        expected = dict(zip(numbers.tolist(), areas.tolist(), strict=True))
        expected.pop(0)
        assert expected
        qtbot.waitUntil(lambda e=expected: measured(layer) == e, timeout=20_000)
        assert set(layer.features["frame"].dropna()) <= {plane}


# ---------------------------------------------------------- rows and objects


def test_a_row_marks_its_object_and_a_click_on_an_object_its_row(
    viewer: Any, dock: Any, table: Any, qtbot: Any
) -> None:
    layer = result(viewer)
    viewer.layers.selection.active = layer
    view = table.table
    assert view.model().rowCount() == len(layer.features)
    first, last = min(measured(layer)), max(measured(layer))
    cell = view.model().mapFromSource(view.model().sourceModel().index(last, 1))
    view.selectionModel().select(cell, view.selectionModel().SelectionFlag.ClearAndSelect)
    assert layer.selected_label == last
    np.testing.assert_array_equal(marked(viewer, layer.data.shape), layer.data == last)
    assert viewer.layers.selection.active is layer
    press(viewer, *inside_of(layer, first))
    assert layer.selected_label == first
    np.testing.assert_array_equal(marked(viewer, layer.data.shape), layer.data == first)
    rows = {view.model().mapToSource(cell).row() for cell in view.selectionModel().selectedIndexes()}
    assert rows == {first}
    view.sortByColumn(1, view.horizontalHeader().sortIndicatorOrder())
    press(viewer, *inside_of(layer, last))
    rows = {view.model().mapToSource(cell).row() for cell in view.selectionModel().selectedIndexes()}
    assert rows == {last}


def test_a_long_table_is_not_measured_row_by_row(viewer: Any, dock: Any, table: Any, qtbot: Any) -> None:
    """napari did so whenever the features changed, while the window waited."""
    viewer.layers.selection.active = layer = result(viewer)
    dock.form.result.min_size_spin.setValue(max(held(layer).values()))
    in_step(dock, layer, qtbot)
    assert 0 < table.table.horizontalHeader().resizeContentsPrecision() < 100
    assert table.table.model().rowCount() == len(layer.features)


def test_dragging_and_the_background_select_nothing(viewer: Any, dock: Any) -> None:
    layer = result(viewer)
    viewer.layers.selection.active = layer
    before = layer.selected_label
    number = next(number for number in measured(layer) if number != before)
    press(viewer, *inside_of(layer, number), to=(5, 5))
    y, x = np.argwhere(layer.data == 0)[0]
    press(viewer, int(y), int(x))
    assert layer.selected_label == before and NAME not in viewer.layers


def test_a_mark_goes_with_its_object_and_with_the_dock(viewer: Any, dock: Any, qtbot: Any) -> None:
    layer = result(viewer)
    areas = measured(layer)
    layer.selected_label = min((number for number in areas if number != 1), key=lambda number: areas[number])
    assert NAME in viewer.layers
    dock.form.result.min_size_spin.setValue(2 * areas[layer.selected_label])
    qtbot.waitUntil(lambda: NAME not in viewer.layers, timeout=20_000)
    in_step(dock, layer, qtbot)
    layer.selected_label = max(number for number in measured(layer) if number != layer.selected_label)
    assert NAME in viewer.layers
    dock.close_session()
    assert NAME not in viewer.layers and layer in viewer.layers
    layer.selected_label = 1


def press(viewer: Any, y: int, x: int, to: tuple[int, int] | None = None) -> None:
    """Press and release the mouse at pixels of the sample."""
    canvas = viewer.window._qt_viewer.canvas
    where = canvas.view.transform * canvas.view.scene.transform
    points = [where.map([at_x / 2, at_y / 2])[:2] for at_y, at_x in ((y, x), to or (y, x))]
    start, end = (tuple(float(one) for one in point) for point in points)
    emit = canvas._scene_canvas.events
    emit.mouse_press(pos=start, modifiers=(), button=1)
    if to is not None:
        emit.mouse_move(pos=end, modifiers=(), button=1, press_event=None)
    emit.mouse_release(pos=end, modifiers=(), button=1)


# ------------------------------------------------------------------ in Save


def test_save_offers_other_programs_and_replaces_nothing(
    viewer: Any, dock: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_unetpp.gui.dock import view as module

    layer = result(viewer)
    offered: list[str] = []
    wanted: list[str] = []
    first_chosen: list[str] = []

    def choose(
        _parent: Any, _title: str, suggestion: str, kinds: str, last: str, **_options: Any
    ) -> tuple[str, str]:
        offered[:] = kinds.split(";;")
        first_chosen.append(last)
        return str(tmp_path / Path(suggestion).name), next(kind for kind in offered if wanted[0] in kind)

    monkeypatch.setattr(module.QFileDialog, "getSaveFileName", choose)
    qtbot.waitUntil(dock.form.result.save_button.isEnabled)
    for program, names in (
        ("QuPath", ["cells_objects.geojson", "cells_objects_2.geojson"]),
        ("ImageJ", ["cells_rois.zip", "cells_rois_2.zip"]),
        ("COCO", ["cells_coco.json"]),
        ("image and CSV", ["cells_labels.tif"]),
        ("probability", ["cells_labels_2.tif, cells_labels_2.csv and cells_probability_2.tif"]),
    ):
        wanted[:] = [program]
        for name in names:
            dock.form.result.save_button.click()
            saved = f"Saved {name}"
            qtbot.waitUntil(lambda saved=saved: saved in dock.form.head.message_label.text(), timeout=20_000)
    assert len(offered) == 5 and (tmp_path / "cells_labels.csv").exists()
    assert "image and CSV" in first_chosen[0] and "image and CSV" in first_chosen[-1], "as saved last"
    assert {path.name for path in tmp_path.glob("*probability*")} == {"cells_probability_2.tif"}
    found = json.loads((tmp_path / "cells_objects.geojson").read_text())["features"]
    areas = {int(f["properties"]["name"]): f["properties"]["measurements"]["area_px"] for f in found}
    assert areas == held(layer)
    assert {f["properties"]["classification"]["name"] for f in found} == {"nucleus"}
    assert len(zipfile.ZipFile(tmp_path / "cells_rois.zip").namelist()) == len(areas)


def test_an_object_out_of_sight_is_brought_into_view_beside_a_stack(
    viewer: Any, dock: Any, qtbot: Any
) -> None:
    """The viewer has more axes than the result then: once an IndexError."""
    viewer.add_image(np.zeros((3, 8, 8), np.uint8), name="stack")
    camera = camera_of(viewer)
    camera.zoom, camera.center = 50, (-500, -500)
    layer = result(viewer)
    layer.selected_label = int(layer.data.max())
    middle = np.argwhere(layer.data == layer.selected_label).mean(axis=0)
    world = layer.data_to_world(middle)
    np.testing.assert_allclose(tuple(camera.center)[-2:], world[-2:], atol=5)
