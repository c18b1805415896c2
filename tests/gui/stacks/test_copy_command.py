"""*Copy as command*: the copied command, run as it is, makes the labels that the dock shows."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from gestures import choose
from npe2 import PluginManager, PluginManifest
from nuclei_stacks import NUCLEI, SIDE, TIMEOUT, stack_of
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_unetpp import cli
from napari_unetpp.engine.input.range_notes import NOISE
from napari_unetpp.files.models.model_file import read_tensors, save_model
from napari_unetpp.files.models.model_list import find_model, models_folder
from napari_unetpp.gui.compat import read_from
from napari_unetpp.session.report.command import PLACEHOLDER

ZARR = Path(__file__).parents[2] / "volumes" / "inputs" / "data" / "nuclei.ome.zarr"


def press(dock: Any, name: str) -> None:
    """As by the mouse: the entry of the menu."""
    (action,) = [one for one in dock.form.head.model_menu.menu().actions() if one.objectName() == name]
    action.trigger()


def message(dock: Any) -> str:
    return dock.form.head.message_label.text().replace("\u00a0", " ")


@pytest.fixture
def copied(qtbot: Any) -> Callable[[Any], str]:
    """Presses *Copy as command*; gives what is on the clipboard then."""

    def copy(dock: Any) -> str:
        QApplication.clipboard().clear()
        press(dock, "copy_command")
        qtbot.waitUntil(lambda: QApplication.clipboard().text() != "", timeout=TIMEOUT)
        return QApplication.clipboard().text()

    return copy


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., np.ndarray]:
    """Runs a command line in a folder of its own; gives the image that it wrote."""
    number = iter(range(100))

    def in_folder(command: str, kind: str = "labels") -> np.ndarray:
        folder = tmp_path / f"terminal {next(number)}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        assert cli.main(shlex.split(command)[1:]) == 0
        (written,) = (folder / "results").glob(f"*_{kind}.tif")
        return tifffile.imread(written)

    return in_folder


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Nuclei in a file whose name a shell would take apart."""
    path = tmp_path / "images of Ann's" / "cells $1 (new).png"
    path.parent.mkdir()
    Image.fromarray(NUCLEI[:200, :240]).save(path)
    return path


def shown(dock: Any) -> np.ndarray:
    """What our layer of the displayed plane shows."""
    plane = dock.controller.context.plane()
    return np.asarray(dock.controller.layers.result(plane))


SETTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "searched scale": {"scale": None},
    "auto": {"level": 5},
    "deeper": {"level": 2, "threshold": 0.4},
    "sizes": {"min_size": 60, "scale": 0.7123456789},
    "chosen objects": {"max_size": 500, "fill_holes": True, "drop_border": True},
    "not split": {"split": False, "threshold": 0.3},
    "range": {"contrast": "given", "range": (-0.00001, 180.5)},
    "mask": {"kind": "mask", "split": False, "min_size": 60, "max_size": 500, "fill_holes": True},
    "fp32": {"precision": "float32"},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_one_plane(
    name: str, viewer: Any, dock: Any, wait: Any, picture: Path, copied: Any, run: Any, qtbot: Any
) -> None:
    viewer.open(str(picture), plugin="napari")
    opened = dock()
    for field, value in SETTINGS[name].items():
        setattr(opened.controller.state, field, value)
    qtbot.waitUntil(lambda: not opened.controller.runs.warming, timeout=TIMEOUT)
    opened.form.head.segment_button.click()
    wait(opened)
    command = copied(opened)
    kind = opened.controller.state.kind
    there = run(command, kind)
    if kind == "mask":
        assert 0.1 < (there > 0).mean() < 0.9
        np.testing.assert_array_equal(there > 0, shown(opened) > 0)
    else:
        assert there.max() > 5
        np.testing.assert_array_equal(there, shown(opened))
    assert "Copied the command" in message(opened) and "results" in message(opened)
    assert NOISE not in opened.controller.runs.notes
    options = command.partition(" --out ")[2]
    assert "--range" in options and "--scale" in options and "auto" not in options.replace("--level auto", "")


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_in_a_shell(
    viewer: Any, dock: Any, wait: Any, picture: Path, copied: Any, tmp_path: Path, qtbot: Any
) -> None:
    """The words reach the program as they are, whatever is in the name of the file and of the model."""
    info = find_model("nuclei")
    save_model(
        models_folder() / "Ann's own.safetensors", read_tensors(info.path), replace(info, title="mine")
    )
    viewer.open(str(picture), plugin="napari")
    opened = dock()
    (own,) = [key for key, model in opened.controller.context.models.items() if model.name == "Ann's own"]
    opened.controller.state.model = own
    opened.controller.state.level = 1
    qtbot.waitUntil(lambda: not opened.controller.runs.warming, timeout=TIMEOUT)
    opened.form.head.segment_button.click()
    wait(opened)
    command = copied(opened).replace("napari-unetpp", f"{shlex.quote(sys.executable)} -m napari_unetpp", 1)
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, env=os.environ, capture_output=True)
    labels = tifffile.imread(tmp_path / "results" / f"{picture.stem}_labels.tif")
    assert labels.max() > 5
    np.testing.assert_array_equal(labels, shown(opened))


def test_a_plane_of_a_file_with_channels_and_axes_that_the_user_named(
    viewer: Any, dock: Any, wait: Any, tmp_path: Path, copied: Any, run: Any
) -> None:
    """The file says T; the user says Z, and there is a channel."""
    path = tmp_path / "cells.tif"
    cells = stack_of(6).reshape(3, 1, 2, SIDE, SIDE)
    tifffile.imwrite(path, cells, metadata={"axes": "TZCYX"}, imagej=True)
    viewer.open(str(path), plugin="napari")
    opened = dock()
    opened.form.head.axes_row.chosen.emit(0, "Z")
    viewer.dims.set_point(0, 2)
    choose(opened.form.head.channel_combo, 1)
    wait(opened)
    opened.form.head.segment_button.click()
    wait(opened)
    command = copied(opened)
    assert "--channel 1 --z 2" in command and "--axes Z" in command
    there = run(command)
    assert there.max() > 3
    np.testing.assert_array_equal(there, shown(opened))


def test_all_planes(
    viewer: Any, dock: Any, all_planes: Any, tmp_path: Path, copied: Any, run: Any, qtbot: Any
) -> None:
    path = tmp_path / "cells.ome.tif"
    cells = stack_of(6).reshape(2, 3, 1, SIDE, SIDE)
    array = np.concatenate([255 - cells, cells], axis=2)
    tifffile.imwrite(path, array, ome=True, metadata={"axes": "TZCYX"})
    viewer.open(str(path), plugin="napari")
    opened = dock()
    choose(opened.form.head.channel_combo, 1)
    all_planes(opened)
    layer = viewer.layers[f"{viewer.layers[0].name} all planes"]
    command = copied(opened)
    assert "--stitch" in command and "--channel 1" in command
    there = run(command)
    assert there.max() > 5
    np.testing.assert_array_equal(there, layer.data[:, :, 1])


def test_some_planes_of_a_region(
    viewer: Any, dock: Any, wait: Any, tmp_path: Path, copied: Any, run: Any, qtbot: Any
) -> None:
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, stack_of(5), metadata={"axes": "ZYX"}, imagej=True)
    viewer.open(str(path), plugin="napari")
    shapes = viewer.add_shapes([[[10, 8], [10, 80], [70, 80], [70, 8]]], shape_type="rectangle", name="part")
    opened = dock()
    opened.controller.state.image = viewer.layers[0].unique_id
    state = opened.controller.state
    choose(opened.form.head.planes_combo, "range")
    state.z_span = (1, 4)
    choose(opened.form.input.region_combo, shapes.unique_id)
    wait(opened)
    opened.form.head.segment_button.click()
    qtbot.waitUntil(lambda: opened.stacks.running is None, timeout=TIMEOUT)
    command = copied(opened)
    assert "--z 1:4" in command and "--region" in command
    there = run(command)
    y0, x0 = (int(n) for n in command.split("--region ")[1].split(" ")[0].replace(",", ":").split(":")[::2])
    (height, width) = there.shape[1:]
    assert there.max() > 2
    labels = [one for one in viewer.layers if type(one).__name__ == "Labels"]
    (layer,) = [one for one in labels if one.visible]
    np.testing.assert_array_equal(there, layer.data[1:4, y0 : y0 + height, x0 : x0 + width])


def test_a_channel_that_is_a_layer_of_its_own(
    viewer: Any, dock: Any, wait: Any, copied: Any, run: Any, tmp_path: Path
) -> None:
    """As readers that split channels open a file: the name of the layer holds that of the channel."""
    path = tmp_path / "cells.ome.tif"
    cells = np.stack([255 - NUCLEI[:96, :96], NUCLEI[:96, :96]])
    tifffile.imwrite(path, cells, ome=True, metadata={"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI"]}})
    with read_from(str(path)):
        viewer.add_image(cells[1], name="cells: DAPI")
    opened = dock()
    opened.form.head.segment_button.click()
    wait(opened)
    command = copied(opened)
    assert "--channel 1" in command and "other pixels" not in message(opened)
    there = run(command)
    assert there.max() > 3
    np.testing.assert_array_equal(there, shown(opened))


def test_an_ome_zarr(
    viewer: Any, dock: Any, all_planes: Any, copied: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Multiscale and lazy, a layer for each channel."""
    zarr = pytest.importorskip("zarr")
    manager = PluginManager.instance()
    if "napari-ome-zarr" not in manager:
        manager.register(PluginManifest.from_distribution("napari-ome-zarr"))
    _, image = viewer.open(str(ZARR), plugin="napari-ome-zarr")
    opened = dock()
    choose(opened.form.head.image_combo, image.unique_id)
    all_planes(opened)
    command = copied(opened)
    assert "--channel 1" in command and "other pixels" not in message(opened)
    monkeypatch.chdir(tmp_path)
    assert cli.main(shlex.split(command)[1:]) == 0
    there = zarr.open(str(tmp_path / "results" / "nuclei_labels.ome.zarr"), mode="r")["labels/objects/0"]
    assert np.asarray(there).max() > 3
    np.testing.assert_array_equal(there, viewer.layers[f"{image.name} all planes"].data)


def test_a_file_with_other_axes_is_said(
    viewer: Any, dock: Any, wait: Any, copied: Any, tmp_path: Path
) -> None:
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, stack_of(3), metadata={"axes": "ZYX"}, imagej=True)
    with read_from(str(path)):
        viewer.add_image(stack_of(3)[0], name="first")
    opened = dock()
    opened.form.head.segment_button.click()
    wait(opened)
    assert shlex.split(copied(opened))[2] == PLACEHOLDER
    assert "The file holds Z 3, Y 96, X 96" in message(opened)


def test_a_layer_from_no_file_says_so(viewer: Any, dock: Any, wait: Any, copied: Any) -> None:
    viewer.add_image(NUCLEI[:96, :96], name="secret")
    opened = dock()
    opened.form.head.segment_button.click()
    wait(opened)
    assert shlex.split(copied(opened))[2] == PLACEHOLDER
    assert f"from no file: save the image and put its name in place of {PLACEHOLDER}" in message(opened)


def test_a_file_with_other_pixels_is_said(
    viewer: Any, dock: Any, wait: Any, copied: Any, picture: Path
) -> None:
    (layer,) = viewer.open(str(picture), plugin="napari")
    layer.data = 255 - np.asarray(layer.data)
    opened = dock()
    opened.form.head.segment_button.click()
    wait(opened)
    assert shlex.split(copied(opened))[2] == str(picture)
    assert "shows other pixels than its file" in message(opened)


def test_nothing_to_repeat_yet(viewer: Any, dock: Any, picture: Path) -> None:
    viewer.open(str(picture), plugin="napari")
    opened = dock()
    QApplication.clipboard().setText("mine")
    press(opened, "copy_command")
    assert "Press Segment first" in message(opened) and QApplication.clipboard().text() == "mine"
