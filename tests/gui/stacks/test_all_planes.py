"""Stacks, films and channels in a real viewer: how they are read, and all their planes segmented at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from gestures import choose
from npe2 import PluginManager, PluginManifest
from nuclei_stacks import NUCLEI, SIDE, TIMEOUT, stack_of

from napari_unetpp import cli
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.files.results.result_file import read_facts

pytestmark = pytest.mark.skipif(not (SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped")


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


def test_what_is_asked_of_the_objects_holds_for_all_planes(
    viewer: Any, dock: Any, all_planes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    """As on the command line; and what Save writes says so."""
    path, out = tmp_path / "cells.tif", tmp_path / "out"
    tifffile.imwrite(path, stack_of(3), imagej=True, metadata={"axes": "ZYX"})
    options = ["--min-size", "60", "--max-size", "300", "--fill-holes", "--drop-border", "--stitch", "0.3"]
    asked = [str(path), "--out", str(out), "--level", "1", "--scale", "1", "--device", "cpu", *options]
    assert cli.main(["segment", *asked]) == 0
    expected = tifffile.imread(out / "cells_labels.tif")
    areas = np.bincount(expected[0].ravel())[1:]
    assert areas.max() <= 300 and not expected[:, 0].any()

    viewer.open(str(path), plugin="napari")
    opened = dock()
    form = opened.form.result
    form.min_size_spin.setValue(60)
    form.max_size_spin.setValue(300)
    form.fill_holes_checkbox.click()
    form.drop_border_checkbox.click()
    all_planes(opened)
    np.testing.assert_array_equal(viewer.layers["cells all planes"].data, expected)
    monkeypatch.setattr(type(opened), "ask_path", lambda _self, path: tmp_path / path.name)
    opened.signals.probability_toggled.emit(True)
    form.save_button.click()
    qtbot.waitUntil(lambda: "Saved cells_labels.tif" in opened.form.head.message_label.text())
    assert "segment --probability writes it" in opened.form.head.message_label.text()
    given, wanted = (read_facts(one / "cells_labels.tif")["given"] | {"scale": 1} for one in (tmp_path, out))
    assert given == wanted


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
    assert opened.controller.runs.range == opened.stacks.runs._reads[1].reading.range


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
    assert f"Stopped after {len(done)} of 30 planes" in opened.form.head.message_label.text()
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


@pytest.fixture
def ome_zarr_reader() -> str:
    """The name of the plugin that reads OME-Zarr, which napari knows then."""
    manager = PluginManager.instance()
    if "napari-ome-zarr" not in manager:
        manager.register(PluginManifest.from_distribution("napari-ome-zarr"))
    return "napari-ome-zarr"


def test_an_ome_zarr_that_is_opened_as_a_layer_for_each_channel(
    viewer: Any, dock: Any, all_planes: Any, ome_zarr_reader: str, tmp_path: Path
) -> None:
    """Multiscale and lazy; all planes are those at full resolution. The plugin reads our result, too."""
    import zarr

    _, image = viewer.open(str(ZARR), plugin=ome_zarr_reader)
    assert image.name.endswith("DAPI") and image.multiscale
    out = tmp_path / "out"
    options = ["--level", "1", "--scale", "1", "--stitch", "0.3", "--device", "cpu", "--channel", "DAPI"]
    assert cli.main(["segment", str(ZARR), "--out", str(out), *options]) == 0
    expected = np.asarray(zarr.open(str(out / "nuclei_labels.ome.zarr"), mode="r")["labels/objects/0"])

    opened = dock()
    choose(opened.form.head.image_combo, image.unique_id)
    depth, height, width = image.data[0].shape
    assert f"Z {depth}, Y {height}, X {width}; at Z" in note(opened)
    assert shown(opened, "channel_combo", "planes_combo") == [False, True]
    assert "channels" not in opened.form.head.message_label.text(), "the file says that they are depth"
    all_planes(opened)
    layer = viewer.layers[f"{image.name} all planes"]
    assert expected.any()
    np.testing.assert_array_equal(layer.data, expected)
    opened_again = viewer.open(str(out / "nuclei_labels.ome.zarr"), plugin=ome_zarr_reader)
    stored = next(layer for layer in opened_again if layer._type_string == "labels")
    np.testing.assert_array_equal(stored.data[0] if stored.multiscale else stored.data, expected)
    np.testing.assert_allclose(layer.scale, image.scale)


@pytest.fixture
def film(viewer: Any, dock: Any, all_planes: Any, tmp_path: Path) -> tuple[Any, Path]:
    """A dock that has segmented all planes of a film of two channels, and the file of the film."""
    cells = stack_of(4)[:, None]
    path = tmp_path / "film.ome.tif"
    metadata = {"axes": "TCYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "TimeIncrement": 30}
    tifffile.imwrite(path, np.concatenate([cells, 255 - cells], axis=1), ome=True, metadata=metadata)
    viewer.add_image(
        tifffile.imread(path),
        name="film",
        axis_labels=tuple("tcyx"),
        scale=(1, 1, 0.5, 0.5),
        units=("pixel", "pixel", "um", "um"),
    )
    viewer.dims.set_point((0, 1), (0, 0))
    opened = dock()
    opened.controller.state.track = True
    all_planes(opened)
    return opened, path


def test_the_layer_of_all_planes_carries_what_is_measured_of_the_displayed_plane(
    viewer: Any, film: Any, qtbot: Any
) -> None:
    layer = viewer.layers["film all planes"]
    for frame in (0, 2):
        viewer.dims.set_point(0, frame)
        numbers, areas = np.unique(layer.data[frame, 0], return_counts=True)
        expected = dict(zip(numbers[1:].tolist(), areas[1:].tolist(), strict=True))

        def measured() -> dict[int, int]:
            known = layer.features.dropna(subset=["area_px"]) if "area_px" in layer.features else None
            return {} if known is None else {int(n): int(a) for n, a in known["area_px"].items() if n}

        qtbot.waitUntil(lambda e=expected: measured() == e, timeout=20_000)
        assert set(layer.features["frame"].dropna()) == {frame}


def test_save_writes_the_stack_its_table_and_its_tracks_as_the_command_line_does(
    viewer: Any, film: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    dock, path = film
    out = tmp_path / "out"
    options = ["--level", "1", "--scale", "1", "--track", "0.3", "--device", "cpu", "--table"]
    assert cli.main(["segment", str(path), "--out", str(out), *options]) == 0

    assert dock.form.result.save_button.isEnabled()
    suggested: list[Path] = []
    monkeypatch.setattr(
        type(dock), "ask_path", lambda _self, path: suggested.append(path) or tmp_path / path.name
    )
    dock.form.result.save_button.click()
    saved = tmp_path / "film_labels.csv"
    qtbot.waitUntil(lambda: "Saved film_labels.tif" in dock.form.head.message_label.text(), timeout=20_000)
    assert suggested[0].name == "film_labels.tif"
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / "film_labels.tif"), tifffile.imread(out / "film_labels.tif")
    )
    rows, expected = (
        np.genfromtxt(one, delimiter=",", names=True) for one in (saved, out / "film_objects.csv")
    )
    assert {"frame", "label", "area_um2"} <= set(rows.dtype.names)
    for name in set(rows.dtype.names) & set(expected.dtype.names):
        np.testing.assert_allclose(rows[name], expected[name], err_msg=name)
    ours, theirs = (read_facts(one / "film_labels.tif") for one in (tmp_path, out))
    for name in ("model", "model_sha256", "level", "scale", "range", "precision", "version", "track"):
        assert ours[name] == theirs[name], name
    tracks = (tmp_path / "film_labels_tracks.csv").read_text()
    assert tracks == (out / "film_tracks.csv").read_text()
    assert dock.form.result.save_button.isEnabled()


def test_save_writes_the_displayed_plane_where_that_is_shown(
    viewer: Any, film: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait: Any, qtbot: Any
) -> None:
    dock, _ = film
    dock.controller.state.threshold = 0.9
    wait(dock)
    monkeypatch.setattr(type(dock), "ask_path", lambda _self, path: tmp_path / "plane.tif")
    dock.form.result.save_button.click()
    qtbot.waitUntil(lambda: "Saved plane.tif" in dock.form.head.message_label.text(), timeout=20_000)
    assert tifffile.imread(tmp_path / "plane.tif").shape == (SIDE, SIDE)


def test_labels_that_do_not_fit_into_memory_are_an_ome_zarr_on_disk(
    viewer: Any, dock: Any, all_planes: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("zarr")
    from napari_unetpp.gui.layers import stack_layers
    from napari_unetpp.volumes import ome_zarr

    viewer.add_image(stack_of(4), name="cells", axis_labels=tuple("zyx"))
    opened = dock()
    all_planes(opened)
    expected = viewer.layers["cells all planes"].data.copy()

    monkeypatch.setattr(stack_layers, "MAX_BYTES", 1000)
    monkeypatch.setattr(ome_zarr, "SMALLEST", 48)  # so that there are coarser levels
    asked: list[tuple[Path, str]] = []

    def ask(_self: Any, path: Path, size: str) -> Path | None:
        asked.append((path, size))
        return None if len(asked) == 1 else tmp_path / path.name

    monkeypatch.setattr(type(opened), "ask_zarr", ask)
    opened.form.head.segment_button.click()
    assert opened.stacks.running is None and "Nothing is segmented" in opened.form.head.message_label.text()
    np.testing.assert_array_equal(viewer.layers["cells all planes"].data, expected)
    all_planes(opened)
    path = tmp_path / "cells_labels.ome.zarr"
    assert asked[1] == (Path.home() / path.name, "1 MB")
    stored = ome_zarr.open_labels(path)
    assert stored.complete and len(stored.levels) == 2
    np.testing.assert_array_equal(np.asarray(stored.levels[0]), expected)
    layer = viewer.layers["cells all planes"]
    assert layer.multiscale and not layer.editable and layer.visible
    viewer.dims.set_point(0, 2)
    np.testing.assert_array_equal(layer.data[0][2], expected[2])
    assert layer.get_value(np.argwhere(expected == expected[2].max())[0], world=False)
    assert not list(tmp_path.glob("unetpp-*")), "what was needed in between is gone"


def test_a_film_in_colour(viewer: Any, dock: Any, all_planes: Any) -> None:
    grey = stack_of(3)
    viewer.add_image(np.stack([grey, grey // 2, grey // 4], axis=-1), name="video", rgb=True)
    opened = dock()
    assert "T 3, Y 96, X 96, RGB (guessed from the shape)" in note(opened)
    all_planes(opened)
    labels = viewer.layers["video all planes"].data
    assert labels.shape == (3, SIDE, SIDE) and labels.any(axis=(1, 2)).all()


def test_a_dock_that_was_closed_and_opened_again_uses_the_same_layer(
    viewer: Any, dock: Any, all_planes: Any
) -> None:
    viewer.add_image(stack_of(2), name="cells", axis_labels=tuple("zyx"))
    first = dock()
    all_planes(first)
    first.close_session()
    all_planes(dock())
    assert [layer.name for layer in viewer.layers] == ["cells", "cells all planes"]


def test_a_real_film_of_yeast(
    viewer: Any, dock: Any, all_planes: Any, wait: Any, data_root: Path, tmp_path: Path
) -> None:
    """Ten frames, each cell with one number; as the command line has it."""
    paths = sorted((data_root / "yeast_phase").glob("*/images/*.png"), key=lambda path: path.name)
    frames = np.stack([np.asarray(read_image(path))[100:220, 60:180] for path in paths])
    path, out = tmp_path / "yeast.tif", tmp_path / "out"
    tifffile.imwrite(path, frames, imagej=True, metadata={"axes": "TYX"})
    options = ["--model", "cells-phase", "--level", "2", "--scale", "2", "--track", "0.3", "--device", "cpu"]
    assert cli.main(["segment", str(path), "--out", str(out), *options]) == 0
    expected = tifffile.imread(out / "yeast_labels.tif")

    viewer.open(str(path), plugin="napari")
    opened = dock()
    combo = opened.form.head.model_combo
    names = [combo.itemText(row) for row in range(combo.count())]
    choose(combo, combo.itemData(next(n for n, name in enumerate(names) if name.startswith("cells-phase"))))
    opened.controller.state.level, opened.controller.state.scale = 2, 2.0
    opened.controller.state.track = True
    assert "T 10, Y 120, X 120; at T" in note(opened)
    all_planes(opened)
    np.testing.assert_array_equal(viewer.layers["yeast all planes"].data, expected)
    tracks = viewer.layers["yeast tracks"].data
    lengths = np.bincount(tracks[:, 0].astype(int))
    assert np.count_nonzero(lengths >= 5) >= 5, "most cells are followed through half of the film"
