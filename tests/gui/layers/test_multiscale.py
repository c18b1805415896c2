"""Multiscale images in a real viewer that is shown, so that napari chooses the level: by zooming."""

from __future__ import annotations

import csv
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from packaging.version import Version
from skimage.transform import downscale_local_mean

from napari_unetpp._types import Region
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.gui import planes
from napari_unetpp.gui.compat import camera_of
from napari_unetpp.gui.dock.widgets import unbroken
from napari_unetpp.gui.samples import FOLDER
from napari_unetpp.session.segment import engine

SECOND = 1000


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    """A viewer that draws: napari looks for the level to show when it does."""
    return make_napari_viewer(show=True)


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The speed is not measured, which takes long beside a canvas that is drawn without a GPU."""
    monkeypatch.setattr(engine, "time_levels", lambda *_: iter(()))


@pytest.fixture
def photo() -> np.ndarray:
    """A part of a shipped sample; its sides are no multiples of four."""
    return np.asarray(read_image(FOLDER / "dense_fluorescence.png"))[:186, :261]


@pytest.fixture
def look(viewer: Any, qtbot: Any) -> Callable[..., None]:
    """Zooms so that napari shows a level; it takes the one that has at least a pixel per screen pixel."""

    def at(layer: Any, level: int) -> None:
        for tried in (1, 0.8, 1.25, 0.6, 1.6, 0.5, 2, 0.4, 0.3):  # rotation and shear make the view larger
            camera_of(viewer).zoom = tried * 0.7 * 0.5**level / layer.scale[-1]
            for _ in range(10):
                qtbot.wait(50)
                if layer.data_level == level:
                    return
        raise AssertionError(f"napari shows level {layer.data_level}, not {level}")

    return at


@pytest.fixture
def segment(qtbot: Any) -> Callable[[Any], Any]:
    """Presses Segment and waits; gives the request whose result is shown."""

    def press(dock: Any) -> Any:
        qtbot.wait(2 * SETTLED)
        dock.form.head.segment_button.click()
        qtbot.waitUntil(lambda: not dock.controller.busy, timeout=180 * SECOND)
        return dock.controller.runs.shown

    return press


SETTLED = 150
"""Milliseconds in which the dock surely notices another level."""


def pyramid(image: np.ndarray, levels: int = 3) -> list[np.ndarray]:
    """Every level the mean of 2 x 2 pixels of the one before."""
    found = [image]
    for _ in range(levels - 1):
        blocks = (1,) * (found[-1].ndim - 2) + (2, 2)
        found.append(downscale_local_mean(found[-1], blocks).astype(image.dtype))
    return found


def prediction(viewer: Any) -> Any:
    return viewer.layers["cells prediction"]


def corrections(viewer: Any) -> Any:
    return viewer.layers["cells corrections"]


def level_shown(dock: Any) -> int | None:
    """The level of the result that is shown."""
    shown = dock.controller.runs.shown
    return None if shown is None else shown.plane.key.level


def on_canvas(viewer: Any, layer: Any, pixel: tuple[float, float]) -> np.ndarray:
    """Where the scene has a corner of a pixel (y, x) of the array that a layer shows now."""
    node = viewer.window._qt_viewer.canvas.layer_to_visual[layer].node
    first = np.asarray(layer.corner_pixels)[0] if layer.multiscale else np.zeros(2)
    y, x = np.subtract(pixel, first)
    return np.asarray(node.transform.map([x, y])[:2])


# ------------------------------------------------------------------------------- where it lies


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_result_lies_where_napari_draws_the_level(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any, qtbot: Any, level: int
) -> None:
    image = viewer.add_image(
        pyramid(photo),
        name="cells",
        scale=(0.5, 0.25),
        translate=(30, 4),
        rotate=10,
        shear=[0.1],
        affine=[[1, 0.2, 5], [0, 1, 6], [0, 0, 1]],
        units=("um", "um"),
    )
    dock = open_dock()
    dock.form.head.live_checkbox.setChecked(False)
    look(image, level)
    segment(dock)
    output = prediction(viewer)
    qtbot.wait(SETTLED)
    assert image.data_level == level and output.data.shape == image.data[level].shape
    assert output.units == image.units
    for corner in ((0, 0), (11, 17), output.data.shape):
        np.testing.assert_allclose(
            on_canvas(viewer, output, corner), on_canvas(viewer, image, corner), atol=1e-3
        )


def test_an_object_is_hit_at_two_levels(viewer: Any, dock_opener: Any, look: Any, segment: Any) -> None:
    """With the shipped model: what it finds in the full image it finds at the same points one level up."""
    photo = np.asarray(read_image(FOLDER / "sparse_fluorescence.png"))[:300, :400]
    image = viewer.add_image(pyramid(photo), name="cells", scale=(0.5, 0.5), translate=(100, 200))
    dock = dock_opener()
    dock.form.head.live_checkbox.setChecked(False)
    dock.controller.state.level = 2
    look(image, 0)
    segment(dock)
    fine = prediction(viewer).data.copy()
    assert fine.shape == photo.shape
    inside = [
        np.argwhere(fine == n).mean(axis=0) for n in np.unique(fine[fine > 0]) if (fine == n).sum() > 150
    ]
    outside = np.argwhere(fine == 0)[:: fine.size // 200]
    worlds = [image.data_to_world(point) for point in (*inside, *outside)]
    look(image, 1)
    segment(dock)
    hit = np.array([bool(prediction(viewer).get_value(world, world=True)) for world in worlds])
    assert len(inside) > 10 and prediction(viewer).data.shape == image.data[1].shape
    assert hit[: len(inside)].mean() > 0.9 and hit[len(inside) :].mean() < 0.1


def test_overlays_circle_and_next_lie_there_too(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any, qtbot: Any
) -> None:
    image = viewer.add_image(pyramid(photo), name="cells", scale=(0.5, 0.5), translate=(30, 4))
    dock = open_dock()
    dock.form.head.live_checkbox.setChecked(False)
    look(image, 1)
    plane = segment(dock).plane
    dock.form.result.uncertainty_checkbox.click()
    qtbot.waitUntil(lambda: "cells uncertainty" in viewer.layers, timeout=60 * SECOND)
    overlay = viewer.layers["cells uncertainty"]
    assert overlay.data.shape == image.data[1].shape
    dock.form.input.circle_button.click()
    circle = viewer.layers["object size"]
    for layer in (overlay, circle):
        np.testing.assert_allclose(layer.scale, (1, 1), rtol=0.01)
        np.testing.assert_allclose(layer.translate, (30.25, 4.25), atol=0.01)
    dock._layers.go_to(plane, 20, 30, 5.0)
    np.testing.assert_allclose(camera_of(viewer).center[-2:], (50.25, 34.25), atol=0.2)
    look(image, 0)
    qtbot.waitUntil(lambda: "object size" not in viewer.layers)  # its pixels were those of level 1
    assert not dock.form.input.circle_button.isChecked()
    segment(dock)
    qtbot.waitUntil(lambda: viewer.layers["cells uncertainty"].data.shape == photo.shape, timeout=60 * SECOND)
    np.testing.assert_allclose(viewer.layers["cells uncertainty"].scale, image.scale)


def test_the_viewport_is_what_is_seen_in_pixels_of_the_level(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, qtbot: Any
) -> None:
    image = viewer.add_image(pyramid(np.tile(photo, (12, 9))), name="cells", scale=(0.5, 0.5))
    dock = open_dock()
    seen = {}
    for level, zoom in ((1, 0.7), (0, 1.0), (0, 3.0)):  # the last: napari keeps the tile that it has
        look(image, level)
        camera_of(viewer).center = (0.5 * 1100, 0.5 * 1200)
        camera_of(viewer).zoom = zoom / 2**level / 0.5
        qtbot.wait(SETTLED)
        plane = dock._layers.read(image.unique_id)
        assert plane.key.level == image.data_level == level
        canvas = viewer.window._qt_viewer.canvas
        name = "_viewbox_corners_in_world"  # until napari 0.6: of the whole canvas
        corners = getattr(canvas, name, None)
        corners = canvas._canvas_corners_in_world if corners is None else corners
        corners = corners[:, -2:] / 0.5 / 2**level
        (y0, x0), (y1, x1) = np.clip(corners, 0, np.array(plane.shape))
        view = seen[level, zoom] = plane.viewport
        np.testing.assert_allclose((view.y0, view.x0, view.y1, view.x1), (y0, x0, y1, x1), atol=2)
    assert seen[0, 3.0].shape[0] < seen[0, 1.0].shape[0] / 2


# --------------------------------------------------------------------------------- what is read


def test_zooming_segments_the_level_that_is_seen(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any, qtbot: Any
) -> None:
    image = viewer.add_image(pyramid(photo), name="cells")
    dock = open_dock()
    look(image, 1)
    segment(dock)
    assert level_shown(dock) == 1
    look(image, 0)  # Live is on
    qtbot.waitUntil(lambda: level_shown(dock) == 0, timeout=180 * SECOND)
    assert prediction(viewer).data.shape == photo.shape
    look(image, 2)
    qtbot.waitUntil(lambda: level_shown(dock) == 2, timeout=180 * SECOND)
    assert "Y 47, X 66, grey, level 2" in dock.form.head.image_note.text()
    dock.form.head.live_checkbox.setChecked(False)
    look(image, 1)
    qtbot.waitUntil(lambda: "not segmented yet" in dock.form.head.message_label.text())
    assert level_shown(dock) is None and not dock.form.result.save_button.isEnabled()
    assert len(viewer.layers) == 2


class Recorder:
    """An array that takes down what is read of it."""

    def __init__(self, data: np.ndarray, reads: list[tuple[int, Any]], level: int) -> None:
        self.data, self.reads, self.level = data, reads, level
        self.shape, self.dtype, self.ndim, self.size = data.shape, data.dtype, data.ndim, data.size

    def __getitem__(self, key: Any) -> np.ndarray:
        self.reads.append((self.level, key))
        return self.data[key]


def test_only_the_visible_plane_of_the_visible_level_is_read(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any
) -> None:
    da = pytest.importorskip("dask.array")
    reads: list[tuple[int, Any]] = []
    stack = np.stack([photo, photo[::-1], photo[:, ::-1], photo])
    levels = [Recorder(array, reads, number) for number, array in enumerate(pyramid(stack))]
    lazy = [da.from_array(one, chunks=(1, *one.shape[1:]), asarray=False) for one in levels]
    image = viewer.add_image(lazy, name="cells", contrast_limits=(0, 255))
    dock = open_dock()
    dock.form.head.live_checkbox.setChecked(False)
    viewer.dims.set_point(0, 2)
    look(image, 1)
    viewer.dims.set_point(0, 1)
    reads.clear()
    dock.controller.state.threshold = 0.01
    assert segment(dock).plane.key.point == (1, None, None)
    read = {(level, plane) for level, key in reads for plane in np.ravel(np.arange(4)[key[0]]).tolist()}
    assert {level for level, _ in read} <= {1, 2}, "napari reads the coarsest for its thumbnail"
    assert (1, 1) in read and {plane for _, plane in read} == {1}
    data = prediction(viewer).data
    assert data.shape == levels[1].shape and data[1].any() and not data[[0, 2, 3]].any()


def as_zarr(levels: list[np.ndarray]) -> list[Any]:
    return [zarr.array(level) for level in levels]


def as_napari(levels: list[np.ndarray]) -> Any:
    from napari.layers._multiscale_data import MultiScaleData

    return MultiScaleData(levels)


@pytest.mark.parametrize(
    ("make", "kind"),
    [(list, "colour"), (as_napari, "stack"), (as_zarr, "stack"), (as_zarr, "colour"), (list, "transposed")],
)
def test_inputs(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any, make: Any, kind: str
) -> None:
    levels = pyramid(photo)
    if kind == "colour":
        levels = [np.stack([level] * 3, axis=-1) for level in levels]
    elif kind != "grey":
        levels = [np.stack([level, level[::-1]])[:, None] for level in levels]
    image = viewer.add_image(make(levels), name="cells", multiscale=True, rgb=kind == "colour")
    if kind == "transposed":
        viewer.dims.order = (0, 1, 3, 2)
    dock = open_dock()
    dock.controller.state.threshold = 0.01
    look(image, 1)
    plane = segment(dock).plane
    np.testing.assert_array_equal(np.asarray(plane.data), displayed(levels[1], viewer, kind))
    assert prediction(viewer).data.shape == tuple(image.level_shapes[1])
    assert dock._layers.result(plane).any()


def displayed(level: np.ndarray, viewer: Any, kind: str) -> np.ndarray:
    if kind in ("grey", "colour"):
        return level
    plane = level[viewer.dims.current_step[0], 0]
    return plane.T if kind == "transposed" else plane


def test_a_stack_that_is_coarser_along_its_slider_too(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any
) -> None:
    stack = np.stack([np.roll(photo, 9 * number, axis=1) for number in range(8)])
    levels = [stack, stack[::2, ::2, ::2]]
    image = viewer.add_image(levels, name="cells")
    dock = open_dock()
    dock.form.head.live_checkbox.setChecked(False)
    dock.controller.state.threshold = 0.01
    look(image, 1)
    for step in range(7):
        viewer.dims.set_point(0, step)
        plane = segment(dock).plane
        np.testing.assert_array_equal(np.asarray(plane.data), image._data_view, str(step))
        assert prediction(viewer)._slice.image.raw.any(), "the plane of the result is seen, not another"
        prediction(viewer).data[:] = 0


def test_too_large_a_level_gets_a_sentence(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any, qtbot: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(planes, "MAX_PIXELS", photo.size - 1)
    image = viewer.add_image(pyramid(photo), name="cells")
    dock = open_dock()
    look(image, 1)
    segment(dock)
    look(image, 0)
    qtbot.waitUntil(lambda: unbroken("261 x 186 px") in dock.form.head.image_note.text())
    assert "Zoom out" in dock.form.head.image_note.text() and not dock.form.head.segment_button.isEnabled()
    assert prediction(viewer).data.shape == image.data[1].shape
    look(image, 1)  # Live goes on where it left
    qtbot.waitUntil(lambda: level_shown(dock) == 1, timeout=180 * SECOND)
    assert dock.form.head.segment_button.isEnabled()
    monkeypatch.undo()
    assert planes.MAX_PIXELS == 64_000_000


def test_micrometres_are_those_of_the_level(
    viewer: Any,
    photo: np.ndarray,
    open_dock: Any,
    look: Any,
    segment: Any,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: Any,
) -> None:
    image = viewer.add_image(pyramid(photo), name="cells", scale=(0.5, 0.5), units=("um", "um"))
    dock = open_dock()
    dock.controller.state.threshold, dock.controller.state.min_size = 0.3, 0
    look(image, 1)
    plane = segment(dock).plane
    assert plane.pixel.side == pytest.approx(1.0, rel=0.01)
    assert unbroken("1 µm/px") in dock.form.head.image_note.text()
    prediction(viewer).data[:] = 0
    prediction(viewer).data[10:20, 10:15] = 1
    monkeypatch.setattr(dock, "ask_path", lambda suggestion: tmp_path / suggestion.name)
    qtbot.waitUntil(dock.form.result.save_button.isEnabled)  # a moment after the result is there
    dock.form.result.save_button.click()
    qtbot.waitUntil(lambda: "Saved" in dock.form.head.message_label.text(), timeout=60 * SECOND)
    (row,) = csv.DictReader((tmp_path / "cells_labels.csv").open())
    areas = {name: float(value) for name, value in row.items() if name.startswith("area")}
    assert len(areas) == 2 and list(areas.values()) == pytest.approx([50, 50], rel=0.02), areas
    assert read_labels(tmp_path / "cells_labels.tif").shape == image.data[1].shape


def read_labels(path: Path) -> np.ndarray:
    import tifffile

    return np.asarray(tifffile.imread(path))


# ---------------------------------------------------------------------------------- corrections


def test_the_click_tool_on_a_coarse_level(viewer: Any, dock_opener: Any, look: Any, qtbot: Any) -> None:
    """With the shipped model, by the canvas' own events: the object under the mouse is added."""
    photo = np.asarray(read_image(FOLDER / "sparse_fluorescence.png"))
    image = viewer.add_image(pyramid(photo), name="cells", scale=(0.5, 0.5), translate=(30, 40))
    dock = dock_opener()
    dock.controller.state.level = 2
    look(image, 1)
    qtbot.wait(2 * SETTLED)
    found = []
    dock._layers.signals.clicked.connect(lambda _image, click: found.append(click.region))
    dock.form.result.click_tool_button.click()
    smooth = downscale_local_mean(image.data[1].astype(float), (4, 4))[2:-2, 2:-2]
    y, x = 4 * (np.array(np.unravel_index(smooth.argmax(), smooth.shape)) + 2) + 1  # the brightest place
    world = np.asarray(image.data_to_world(2 * np.array([y, x]) + 0.5))
    camera_of(viewer).center = tuple(world)
    qtbot.wait(SETTLED)
    canvas = viewer.window._qt_viewer.canvas
    pos = (canvas.view.transform * canvas.view.scene.transform).map(world[::-1])[:2]
    canvas._scene_canvas.events.mouse_press(pos=tuple(pos), modifiers=(), button=1)
    canvas._scene_canvas.events.mouse_release(pos=tuple(pos), modifiers=(), button=1)
    qtbot.waitUntil(lambda: "cells corrections" in viewer.layers, timeout=60 * SECOND)
    assert [(r.y0, r.x0) for r in found] == [(y, x)]
    qtbot.waitUntil(lambda: bool(corrections(viewer).data.any()), timeout=60 * SECOND)
    assert corrections(viewer).data.shape == image.data[1].shape
    assert corrections(viewer).get_value(world, world=True)


@pytest.fixture
def corrected(viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any, qtbot: Any) -> Any:
    """A dock with an image that is corrected at level 1, by one stroke."""
    image = viewer.add_image(pyramid(photo), name="cells", scale=(0.5, 0.5), translate=(30, 4))
    dock = open_dock()
    look(image, 1)
    segment(dock)
    dock.form.correct.correct_button.click()
    layer = corrections(viewer)
    layer.brush_size = 6
    layer.paint((40, 50), 77)
    label = dock.form.correct.correction_count_label
    qtbot.waitUntil(lambda: label.text() == "1 correction, 1 image", timeout=60 * SECOND)
    return dock


def test_a_corrected_image_stays_at_its_level(
    viewer: Any, photo: np.ndarray, corrected: Any, look: Any, segment: Any, wait: Any, qtbot: Any
) -> None:
    image, layer, before = viewer.layers["cells"], corrections(viewer), prediction(viewer).data
    shown = corrected.controller.runs.shown
    np.testing.assert_allclose(layer.translate, (30.25, 4.25), atol=0.01)
    for level in (0, 2):
        look(image, level)
        qtbot.wait(4 * SETTLED)
        assert corrected.controller.runs.shown is shown and not corrected.controller.busy
        assert prediction(viewer).data is before and "Y 93, X 131" in corrected.form.head.image_note.text()
    assert segment(corrected).plane.key == shown.plane.key, "asked for, too"
    assert corrections(viewer) is layer and layer.data[40, 50] == 77
    (lesson,) = corrected.correcting.editor.usable()
    lesson = lesson.labelled("cells")
    np.testing.assert_array_equal(lesson.image, image.data[1])
    assert lesson.labels[40, 50] == 77 and lesson.certain[40, 50]
    viewer.layers.remove(layer)  # napari shows level 2, and that is free to be worked on again
    qtbot.waitUntil(lambda: level_shown(corrected) == 2, timeout=180 * SECOND)
    assert prediction(viewer).visible and prediction(viewer).data.shape == image.data[2].shape
    assert corrected.form.correct.correction_count_label.text() == "no corrections yet"
    corrected.form.correct.forget_button.click()
    assert "forget:back" in corrected.form.head.message_label.text()
    corrected.controller.view.signals.offer_taken.emit("forget:back")
    assert corrected.form.correct.correction_count_label.text() == "1 correction, 1 image", "not lost"
    look(image, 1)
    qtbot.waitUntil(lambda: level_shown(corrected) == 1, timeout=180 * SECOND)
    wait(corrected)
    corrected.form.correct.correct_button.click()
    assert corrections(viewer).data[40, 50] == 77, "and back when its level is corrected again"


def test_a_later_dock_goes_on_at_the_level(viewer: Any, corrected: Any, open_dock: Any, look: Any) -> None:
    look(viewer.layers["cells"], 0)
    corrected.close_session()
    later = open_dock()
    plane = later.controller.context.plane()
    assert plane.key.level == 1
    drawn = later.correcting.corrections.corrected(plane)
    assert drawn.labels[40, 50] == 77 and drawn.certain[40, 50]
    look(viewer.layers["cells"], 1)
    later.controller.segment()
    assert [layer.name for layer in viewer.layers].count("cells prediction") == 1
    assert len(viewer.layers) == 3


def test_reviewed_regions_are_of_the_level(viewer: Any, corrected: Any) -> None:
    corrected.controller.state.labels_as = "reviewed"
    corrected.form.correct.regions_button.click()
    shapes = viewer.layers["cells regions"]
    np.testing.assert_allclose(shapes.translate, (30.25, 4.25), atol=0.01)
    shapes.add_rectangles([[10, 20], [10, 60], [50, 60], [50, 20]])
    drawn = corrected.correcting.corrections.corrected(corrected.controller.context.plane())
    assert drawn.inside[30, 40] and not drawn.inside[5:9].any() and drawn.inside.shape == (93, 131)


def test_a_paint_tool_picked_on_the_result_corrects_the_level(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any
) -> None:
    image = viewer.add_image(pyramid(photo), name="cells")
    dock = open_dock()
    look(image, 2)
    segment(dock)
    prediction(viewer).mode = "paint"
    assert corrections(viewer).data.shape == image.data[2].shape
    assert viewer.layers.selection.active is corrections(viewer) and corrections(viewer).mode == "paint"


# ----------------------------------------------------------------------------------------- ends


@pytest.mark.skipif(
    Version(version("napari")) < Version("0.7"),
    reason="napari 0.6 keeps the number of the level, and raises an IndexError where there are fewer",
)
def test_data_that_is_replaced_by_fewer_levels(
    viewer: Any, photo: np.ndarray, corrected: Any, segment: Any, look: Any, qtbot: Any
) -> None:
    image = viewer.layers["cells"]
    look(image, 1)
    image.data = pyramid(photo[::-1].copy(), 1)
    qtbot.waitUntil(lambda: level_shown(corrected) == 0, timeout=180 * SECOND)
    assert prediction(viewer).data.shape == photo.shape
    assert corrected.form.correct.correction_count_label.text() == "1 correction, 1 image"
    (lesson,) = corrected.correcting.editor.usable()
    np.testing.assert_array_equal(lesson.labelled("old").image, pyramid(photo)[1])


def test_an_answer_for_another_level_is_not_painted(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any, qtbot: Any
) -> None:
    image = viewer.add_image(pyramid(photo), name="cells")
    dock = open_dock()
    dock.form.head.live_checkbox.setChecked(False)
    look(image, 1)
    former = segment(dock).plane
    look(image, 0)
    segment(dock)
    ones = np.ones(former.shape, np.uint16)
    before = prediction(viewer).data.copy()
    whole = Region(0, 0, *former.shape)
    assert dock._layers.result(former) is None
    assert not dock._layers.paint(former, whole, ones, final=True)
    np.testing.assert_array_equal(prediction(viewer).data, before)


@pytest.mark.parametrize("end", ["remove", "close"])
def test_it_may_go_away_in_the_middle_of_a_run(
    viewer: Any, photo: np.ndarray, open_dock: Any, look: Any, segment: Any, wait: Any, qtbot: Any, end: str
) -> None:
    image = viewer.add_image(pyramid(photo), name="cells")
    dock = open_dock()
    look(image, 1)
    segment(dock)
    camera_of(viewer).zoom = 0.7
    qtbot.waitUntil(lambda: dock.controller.busy or level_shown(dock) == 0, timeout=60 * SECOND)
    if end == "remove":
        viewer.layers.remove(image)
        wait(dock)
        assert dock.form.head.image_combo.count() == 0 and not dock.form.head.segment_button.isEnabled()
    else:
        dock.close_session()
        look(image, 2)
    qtbot.wait(2 * SETTLED)
