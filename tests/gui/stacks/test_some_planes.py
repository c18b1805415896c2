"""Ranges of planes and projections in the dock: as the command line has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from gestures import choose
from nuclei_stacks import SIDE, TIMEOUT, stack_of

from napari_unetpp import cli
from napari_unetpp.files.models.model_list import SHIPPED

pytestmark = pytest.mark.skipif(not (SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two frames of four planes."""
    path = tmp_path / "cells.ome.tif"
    tifffile.imwrite(path, stack_of(8).reshape(2, 4, SIDE, SIDE), ome=True, metadata={"axes": "TZYX"})
    return path


@pytest.fixture
def opened(viewer: Any, dock: Any, path: Path) -> Any:
    viewer.add_image(tifffile.imread(path), name="cells", axis_labels=tuple("tzyx"))
    return dock()


def from_command_line(path: Path, *options: str) -> np.ndarray:
    out = path.parent / "out"
    fast = ("--level", "1", "--scale", "1", "--device", "cpu", "--table")
    assert cli.main(["segment", str(path), "--out", str(out), *fast, *options]) == 0
    return np.asarray(tifffile.imread(out / "cells_labels.tif"))


def write(dock: Any, letter: str, text: str, qtbot: Any) -> None:
    """As the user does."""
    field = dock.form.head.spans_row.fields[letter][1]
    field.clear()
    qtbot.keyClicks(field, text)
    field.editingFinished.emit()


def segment(dock: Any, qtbot: Any) -> None:
    dock.form.head.segment_button.click()
    qtbot.waitUntil(lambda: dock.stacks.running is None, timeout=TIMEOUT)


def test_a_range_of_planes(
    viewer: Any, opened: Any, path: Path, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = from_command_line(path, "--z", "1:3", "--t", "1", "--stitch", "0.3")
    head = opened.form.head
    assert head.spans_row.isHidden()
    choose(head.planes_combo, "range")
    assert not head.spans_row.isHidden()
    write(opened, "Z", "1:3", qtbot)
    write(opened, "T", "1", qtbot)
    assert "segmenting T 1, Z 1:3" in head.image_note.text()
    assert "2 planes of" in head.planes_note.text()
    segment(opened, qtbot)
    labels = viewer.layers["cells range"].data
    np.testing.assert_array_equal(labels[1, 1:3], expected)
    assert labels[1, 1:3].any() and not labels[0].any() and not labels[1, [0, 3]].any()
    assert "2 planes, " in head.message_label.text()

    monkeypatch.setattr(type(opened), "ask_path", lambda _self, path: tmp_path / path.name)
    opened.form.result.save_button.click()
    qtbot.waitUntil(lambda: "Saved cells_labels.tif" in head.message_label.text(), timeout=TIMEOUT)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "cells_labels.tif"), expected)
    rows, theirs = (
        np.genfromtxt(one, delimiter=",", names=True)
        for one in (tmp_path / "cells_labels.csv", tmp_path / "out" / "cells_objects.csv")
    )
    for name in set(rows.dtype.names) & set(theirs.dtype.names):
        np.testing.assert_allclose(rows[name], theirs[name], err_msg=name)
    assert {"plane", "label"} <= set(rows.dtype.names) & set(theirs.dtype.names)


@pytest.mark.parametrize("project", ["max", "mean"])
def test_a_projection_along_depth(viewer: Any, opened: Any, path: Path, project: str, qtbot: Any) -> None:
    expected = from_command_line(path, "--z", "1:", "--project", project)
    head = opened.form.head
    choose(head.planes_combo, project)
    write(opened, "Z", "1:", qtbot)
    assert head.stitch_checkbox.isHidden() and not head.track_checkbox.isHidden()
    segment(opened, qtbot)
    layer = viewer.layers[f"cells {project} projection"]
    for z in range(4):
        np.testing.assert_array_equal(layer.data[:, z], expected)
    assert "2 projections, " in head.message_label.text()
    opened.controller.state.threshold = 0.9
    assert not opened.controller.busy and "Press Segment" in head.message_label.text()


def test_a_range_that_makes_no_sense_is_said(viewer: Any, opened: Any, qtbot: Any) -> None:
    choose(opened.form.head.planes_combo, "range")
    for text, problem in (("3:9", "expected a range within Z 0:4"), ("few", "expected FIRST:END")):
        write(opened, "Z", text, qtbot)
        assert problem in opened.form.head.message_label.text()
        assert opened.controller.state.z_span == (None, None)
        assert opened.form.head.spans_row.fields["Z"][1].text() == ""


def test_a_range_on_disk_lies_at_its_place(
    viewer: Any, opened: Any, path: Path, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("zarr")
    from napari_unetpp.gui.layers import stack_layers

    expected = from_command_line(path, "--z", "2:4", "--t", "1", "--stitch", "0.3")
    monkeypatch.setattr(stack_layers, "MAX_BYTES", 1000)
    monkeypatch.setattr(type(opened), "ask_zarr", lambda _self, path, _size: tmp_path / path.name)
    choose(opened.form.head.planes_combo, "range")
    write(opened, "Z", "2:4", qtbot)
    write(opened, "T", "1:2", qtbot)
    segment(opened, qtbot)
    data = viewer.layers["cells range"].data
    labels = np.asarray(data[0] if viewer.layers["cells range"].multiscale else data)
    np.testing.assert_array_equal(labels[1, 2:], expected)
    assert labels[1, 2:].any() and not labels[0].any() and not labels[1, :2].any()
