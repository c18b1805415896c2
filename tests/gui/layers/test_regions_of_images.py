"""Only what the user drew, or what is visible, is segmented."""

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
from napari_unetpp.gui.compat import camera_of, visible_corners

NUCLEI = np.asarray(Image.open(SHIPPED.parent / "samples" / "dense_fluorescence.png"))[:128, :160]
TIMEOUT = 60_000

pytestmark = pytest.mark.skipif(not (SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped")


@pytest.fixture
def dock(dock_opener: Callable[[], Any]) -> Callable[[], Any]:
    """Opens the dock with the shipped model of nuclei, at level 1 and scale 1."""

    def opened() -> Any:
        dock = dock_opener()
        dock.controller.state.level, dock.controller.state.scale = 1, 1.0
        dock.controller.state.device = "cpu"
        return dock

    return opened


@pytest.fixture
def segment(qtbot: Any, wait: Any) -> Callable[..., str]:
    """Chooses a region by its name, presses Segment, and waits; gives the message."""

    def press(dock: Any, region: str) -> str:
        combo = dock.form.input.region_combo
        combo.setCurrentText(region)
        combo.activated.emit(combo.currentIndex())
        wait(dock)
        dock.form.head.segment_button.click()
        qtbot.waitUntil(lambda: dock.stacks.running is None, timeout=TIMEOUT)
        wait(dock)
        return str(dock.form.head.message_label.text())

    return press


def rectangle(y0: float, x0: float, y1: float, x1: float) -> np.ndarray:
    return np.array([(y0, x0), (y0, x1), (y1, x1), (y1, x0)])


def test_a_rectangle_is_segmented_as_the_command_line_does(
    viewer: Any, dock: Any, segment: Any, tmp_path: Path
) -> None:
    """On an image with a pixel size, drawn in a layer of pixels of another size."""
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, NUCLEI)
    options = ["--level", "1", "--scale", "1", "--device", "cpu", "--region", "10:90,20:140"]
    assert cli.main(["segment", str(path), "--out", str(tmp_path / "out"), *options]) == 0
    expected = tifffile.imread(tmp_path / "out" / "cells_labels.tif")

    viewer.add_image(NUCLEI, name="cells", scale=(0.5, 0.5))
    viewer.add_shapes([rectangle(10, 20, 89, 139) / 2], name="Shapes")
    text = segment(dock(), "Shapes")
    labels = viewer.layers["cells region"].data
    np.testing.assert_array_equal(labels[10:90, 20:140], expected)
    assert labels[:10].sum() == labels[90:].sum() == labels[:, :20].sum() == labels[:, 140:].sum() == 0
    count = len(np.unique(expected)) - 1
    assert f"{count} objects" in text and "within ‘Shapes’" in text and "‘cells region’" in text


def test_a_polygon_leaves_out_what_is_outside_and_the_whole_image_replaces_nothing(
    viewer: Any, dock: Any, segment: Any
) -> None:
    viewer.add_image(NUCLEI, name="cells")
    viewer.add_shapes([np.array([(10, 10), (100, 10), (10, 100)])], shape_type="polygon", name="corner")
    opened = dock()
    segment(opened, "corner")
    labels = viewer.layers["cells region"].data.copy()
    rows, columns = np.nonzero(labels)
    assert labels.any() and (rows + columns <= 111).all()
    segment(opened, "whole image")
    assert viewer.layers["cells prediction"].visible and not viewer.layers["cells region"].visible
    np.testing.assert_array_equal(viewer.layers["cells region"].data, labels)


def test_the_displayed_plane_of_a_stack_alone_and_all_of_them(
    viewer: Any, dock: Any, segment: Any, wait: Any
) -> None:
    viewer.add_image(np.stack([NUCLEI, NUCLEI[::-1], NUCLEI]), name="cells", axis_labels=tuple("zyx"))
    viewer.dims.set_point(0, 1)
    viewer.add_shapes([rectangle(20, 20, 100, 100)], name="Shapes")
    opened = dock()
    segment(opened, "Shapes")
    assert viewer.layers["cells region"].data.any(axis=(1, 2)).tolist() == [False, True, False]
    opened.form.head.planes_combo.setCurrentIndex(1)
    opened.form.head.planes_combo.activated.emit(1)
    text = segment(opened, "Shapes")
    assert "3 planes" in text
    assert viewer.layers["cells region"].data.any(axis=(1, 2)).tolist() == [True, True, True]


def test_the_view(viewer: Any, dock: Any, segment: Any) -> None:
    viewer.add_image(NUCLEI, name="cells")
    opened = dock()
    camera = camera_of(viewer)
    camera.center, camera.zoom = (40, 40), 15
    (y0, x0), (y1, x1) = visible_corners(viewer)
    text = segment(opened, "the view")
    rows, columns = np.nonzero(viewer.layers["cells region"].data)
    assert "within the view" in text and rows.size
    assert y0 <= rows.min() and rows.max() <= y1 < 128 and x0 <= columns.min() and columns.max() <= x1 < 160


def test_shapes_beside_the_image_are_refused(viewer: Any, dock: Any, segment: Any) -> None:
    viewer.add_image(NUCLEI, name="cells")
    viewer.add_shapes([rectangle(500, 500, 600, 600)], name="Shapes")
    opened = dock()
    assert "cover nothing of the image" in segment(opened, "Shapes")
    del viewer.layers["Shapes"]
    assert opened.controller.state.region is None
    combo = opened.form.input.region_combo
    assert [combo.itemText(row) for row in range(combo.count())] == ["whole image", "the view"]
