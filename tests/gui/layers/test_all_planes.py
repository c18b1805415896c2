"""Stacks, films and channels in a real viewer: how they are read, and all their planes segmented at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unetpp import cli
from napari_unetpp.files.models.model_list import SHIPPED

NUCLEI = np.asarray(Image.open(SHIPPED.parent / "samples" / "dense_fluorescence.png"))
SIDE = 96
TIMEOUT = 60_000

pytestmark = pytest.mark.skipif(not (SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped")


def stack_of(count: int, step: int = 3) -> np.ndarray:
    """Real nuclei that move by some pixels from plane to plane: (count, SIDE, SIDE)."""
    return np.stack([NUCLEI[n * step : n * step + SIDE, :SIDE] for n in range(count)])


@pytest.fixture
def dock(dock_opener: Callable[[], Any]) -> Callable[[], Any]:
    """Opens the dock with the shipped model of nuclei, at level 1 and scale 1."""

    def opened() -> Any:
        dock = dock_opener()
        dock.controller.state.level = 1
        dock.controller.state.scale = 1.0
        dock.controller.state.device = "cpu"
        return dock

    return opened


@pytest.fixture
def all_planes(wait: Any, qtbot: Any) -> Callable[[Any], None]:
    """Chooses all planes, presses Segment, and waits for the end."""

    def run(dock: Any) -> None:
        choose(dock.form.head.planes_combo, "all")
        wait(dock)
        dock.form.head.segment_button.click()
        qtbot.waitUntil(lambda: dock.stacks.running is None, timeout=TIMEOUT)

    return run


def choose(combo: Any, value: Any) -> None:
    """As the user does."""
    combo.setCurrentIndex(combo.findData(value))
    combo.activated.emit(combo.currentIndex())


def note(dock: Any) -> str:
    return str(dock.form.head.image_note.text())


def shown(dock: Any, *names: str) -> list[bool]:
    return [not getattr(dock.form.head, name).isHidden() for name in names]


PICKERS = ("axes_row", "channel_combo", "planes_combo", "stitch_checkbox", "track_checkbox", "planes_note")


def test_one_plane_has_no_pickers(viewer: Any, dock: Any) -> None:
    viewer.add_image(NUCLEI[:SIDE, :SIDE], name="cells")
    assert shown(dock(), *PICKERS) == [False] * 6


def test_labels_of_axes_are_believed_and_the_user_corrects_them(viewer: Any, dock: Any) -> None:
    viewer.add_image(stack_of(12).reshape(3, 2, 2, SIDE, SIDE), name="cells", axis_labels=tuple("tczyx"))
    opened = dock()
    assert "T 3, C 2, Z 2, Y 96, X 96; segmenting C 0; at T 1, Z 0" in note(opened)
    assert shown(opened, *PICKERS) == [True, True, True, False, False, False]
    assert [combo.currentText() for combo in opened.form.head.axes_row.combos] == ["T 3", "C 2", "Z 2"]
    choose(opened.form.head.axes_row.combos[1], "Z")
    assert "T 3, Z 2, C 2, Y 96, X 96" in note(opened), "the two have changed places"
    assert opened.form.head.planes_combo.itemText(1) == "all 6"


def test_a_short_first_axis_is_guessed_to_be_channels_and_it_says_so(
    viewer: Any, dock: Any, qtbot: Any
) -> None:
    viewer.add_image(stack_of(2), name="cells")
    opened = dock()
    assert "C 2, Y 96, X 96 (guessed from the shape); segmenting C 0" in note(opened)
    assert shown(opened, "channel_combo", "planes_combo") == [True, False]
    choose(opened.form.head.channel_combo, 1)
    assert viewer.dims.current_step[0] == 1, "what is segmented is displayed"
    qtbot.waitUntil(lambda: "segmenting C 1" in note(opened))
    choose(opened.form.head.axes_row.combos[0], "Z")
    assert "Z 2, Y 96, X 96; at Z 1" in note(opened)
    assert shown(opened, "channel_combo", "planes_combo") == [False, True]


def test_the_metadata_of_a_file_name_axes_and_channels(viewer: Any, dock: Any, tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.tif"
    metadata = {"axes": "ZCYX", "Channel": {"Name": ["DAPI", "GFP"]}}
    tifffile.imwrite(path, stack_of(6).reshape(3, 2, SIDE, SIDE), ome=True, metadata=metadata)
    viewer.open(str(path), plugin="napari")
    opened = dock()
    assert "Z 3, C 2, Y 96, X 96; segmenting C 0 (DAPI); at Z 1" in note(opened)
    assert opened.form.head.channel_combo.itemText(1) == "C 1 (GFP)"


def test_all_planes_equal_the_command_line(viewer: Any, dock: Any, all_planes: Any, tmp_path: Path) -> None:
    """Linked through depth, on one channel of two, over two frames; every plane at its place."""
    cells = stack_of(6).reshape(2, 3, 1, SIDE, SIDE)
    array = np.concatenate([255 - cells, cells], axis=2)
    path = tmp_path / "cells.ome.tif"
    tifffile.imwrite(path, array, ome=True, metadata={"axes": "TZCYX"})
    out = tmp_path / "out"
    options = ["--level", "1", "--scale", "1", "--channel", "1", "--stitch", "0.3", "--device", "cpu"]
    assert cli.main(["segment", str(path), "--out", str(out), *options]) == 0
    expected = tifffile.imread(out / "cells_labels.tif")

    viewer.open(str(path), plugin="napari")
    opened = dock()
    choose(opened.form.head.channel_combo, 1)
    all_planes(opened)
    layer = viewer.layers[f"{viewer.layers[0].name} all planes"]
    for channel in (0, 1):
        np.testing.assert_array_equal(layer.data[:, :, channel], expected)
    text = opened.form.head.message_label.text()
    count = sum(len(np.unique(frame)) - 1 for frame in expected)
    assert f"6 planes, {count} objects linked through depth, L1" in text
    assert layer.visible and not layer.editable


def test_a_film_has_tracks(viewer: Any, dock: Any, all_planes: Any) -> None:
    viewer.add_image(stack_of(4), name="film", axis_labels=tuple("tyx"), scale=(1, 0.5, 0.5))
    opened = dock()
    choose(opened.form.head.planes_combo, "all")
    assert shown(opened, "stitch_checkbox", "track_checkbox") == [False, True]
    opened.form.head.track_checkbox.click()
    all_planes(opened)
    labels, tracks = viewer.layers["film all planes"].data, viewer.layers["film tracks"]
    np.testing.assert_allclose(tracks.scale, (1, 0.5, 0.5))
    assert set(np.unique(labels)) - {0} == set(tracks.data[:, 0])
    for number, frame, y, x in tracks.data:
        pixels = np.argwhere(labels[int(frame)] == number)
        np.testing.assert_allclose((y, x), pixels.mean(axis=0))
    assert len(tracks.data) > len(set(tracks.data[:, 0])), "some objects are in several frames"


def test_objects_of_a_stack_over_time_are_linked_through_both(
    viewer: Any, dock: Any, all_planes: Any
) -> None:
    """napari shows tracks of at most four axes: it says so."""
    cells = np.stack([stack_of(4), stack_of(4)], axis=1).reshape(2, 2, 2, SIDE, SIDE)
    viewer.add_image(cells, name="cells", axis_labels=tuple("tzcyx"))
    opened = dock()
    opened.controller.state.track = True
    all_planes(opened)
    labels = viewer.layers["cells all planes"].data[:, :, 0]
    assert set(np.unique(labels[0, 0])) & set(np.unique(labels[1, 1])) - {0}
    assert "linked through depth and time" in opened.form.head.message_label.text()
    assert "no tracks of images of five axes" in opened.form.head.message_label.text()


def test_the_displayed_plane_can_be_changed_alone_and_the_stack_stays(
    viewer: Any, dock: Any, all_planes: Any, wait: Any, qtbot: Any
) -> None:
    viewer.add_image(stack_of(4), name="cells", axis_labels=tuple("zyx"))
    viewer.dims.set_point(0, 1)
    opened = dock()
    all_planes(opened)
    stack = viewer.layers["cells all planes"]
    before = stack.data.copy()
    opened.controller.state.threshold = 0.9
    wait(opened)
    plane = viewer.layers["cells prediction"]
    assert plane.visible and not stack.visible and "This plane alone" in opened.form.head.planes_note.text()
    assert plane.data[1].any() and not plane.data[2].any()
    viewer.dims.set_point(0, 2)
    qtbot.waitUntil(lambda: stack.visible and not plane.visible)
    assert not opened.controller.busy, "all planes are there: nothing is segmented by itself"
    np.testing.assert_array_equal(stack.data, before)


def test_a_plane_of_the_stack_alone_has_the_range_of_the_stack(
    viewer: Any, dock: Any, all_planes: Any, wait: Any
) -> None:
    """So that correcting a plane begins with what is seen."""
    dim = (stack_of(4) * np.array([0.2, 0.5, 0.8, 1])[:, None, None]).astype(np.uint8)
    viewer.add_image(dim, name="cells", axis_labels=tuple("zyx"))
    viewer.dims.set_point(0, 0)
    opened = dock()
    choose(opened.form.head.planes_combo, "all")
    opened.form.head.stitch_checkbox.click()
    all_planes(opened)
    opened.form.correct.correct_button.click()
    wait(opened)
    corrections = viewer.layers["cells corrections"].data[0]
    np.testing.assert_array_equal(corrections > 0, viewer.layers["cells all planes"].data[0] > 0)
    assert opened.controller.runs.range == opened.stacks._readings[1].range


def test_stop_keeps_what_is_done(viewer: Any, dock: Any, qtbot: Any) -> None:
    viewer.add_image(stack_of(30), name="cells", axis_labels=tuple("zyx"))
    opened = dock()
    choose(opened.form.head.planes_combo, "all")
    seen: list[int] = []
    paint = opened.stacks.layers.paint

    def painted(image: Any, position: Any, *rest: Any) -> bool:
        seen.append(position.z)
        opened.form.head.stop_button.click()
        return paint(image, position, *rest)

    opened.stacks.layers.paint = painted
    opened.form.head.segment_button.click()
    assert opened.form.head.stop_button.isEnabled()
    qtbot.waitUntil(lambda: opened.stacks.running is None, timeout=TIMEOUT)
    done = {int(z) for z in np.flatnonzero(viewer.layers["cells all planes"].data.any(axis=(1, 2)))}
    assert done == set(seen) and len(done) < 30
    assert f"Stopped: {len(done)} of 30 planes done" in opened.form.head.message_label.text()
    assert not opened.form.head.stop_button.isEnabled()


def test_a_plane_that_cannot_be_read_stops_the_run_and_says_where(
    viewer: Any, dock: Any, all_planes: Any
) -> None:
    import dask.array as da

    def broken(block: Any) -> Any:
        raise OSError("the disk is gone")

    planes = [da.from_array(plane) for plane in stack_of(4)]
    planes[2] = planes[2].map_blocks(broken, dtype=np.uint8, meta=np.zeros((0, 0), np.uint8))
    opened = dock()
    layer = viewer.add_image(
        da.stack(planes), name="cells", axis_labels=tuple("zyx"), contrast_limits=(0, 255)
    )
    viewer.dims.set_point(0, 0)
    opened.controller.state.contrast = "given"
    opened.controller.state.range = (0.0, 255.0)
    all_planes(opened)
    text = opened.form.head.message_label.text()
    assert "the disk is gone" in text and "Stopped at plane 3 of 4 (T 0, Z 2)" in text
    labels = viewer.layers[f"{layer.name} all planes"].data
    assert labels[0].any() and labels[1].any() and not labels[2].any()


ZARR = Path(__file__).parents[2] / "volumes" / "inputs" / "data" / "nuclei.ome.zarr"


def test_an_ome_zarr_that_is_opened_as_a_layer_for_each_channel(
    viewer: Any, dock: Any, all_planes: Any, tmp_path: Path
) -> None:
    """As napari-ome-zarr opens it: multiscale, lazy; all planes are those at full resolution."""
    zarr, da = pytest.importorskip("zarr"), pytest.importorskip("dask.array")
    from napari.layers._source import layer_source

    group = zarr.open(str(ZARR), mode="r")
    levels = [da.from_array(group[name], chunks=group[name].chunks) for name in ("s0", "s1")]
    with layer_source(path=str(ZARR), reader_plugin="napari-ome-zarr"):
        viewer.add_image(levels, channel_axis=0, name=["empty", "DAPI"], multiscale=True)
    out = tmp_path / "out"
    options = ["--level", "1", "--scale", "1", "--stitch", "0.3", "--device", "cpu", "--channel", "DAPI"]
    assert cli.main(["segment", str(ZARR), "--out", str(out), *options]) == 0
    expected = np.asarray(zarr.open(str(out / "nuclei_labels.ome.zarr"), mode="r")["labels/objects/0"])

    opened = dock()
    choose(opened.form.head.image_combo, viewer.layers["DAPI"].unique_id)
    depth, height, width = levels[0].shape[1:]
    assert f"Z {depth}, Y {height}, X {width}; at Z" in note(opened)
    assert shown(opened, "channel_combo", "planes_combo") == [False, True]
    all_planes(opened)
    layer = viewer.layers["DAPI all planes"]
    assert expected.any()
    np.testing.assert_array_equal(layer.data, expected)
    np.testing.assert_allclose(layer.scale, viewer.layers["DAPI"].scale)
