"""A folder segmented from the dock: the same results as the command, a summary, Stop and going on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from gestures import choose
from PIL import Image

from napari_unetpp.files.results.result_file import read_facts

LONG = 180_000


@pytest.fixture
def folder(image: np.ndarray, tmp_path: Path) -> Path:
    """Two images, and one that is none."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a", "b"):
        Image.fromarray(image).save(folder / f"{name}.png")
    (folder / "c.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def form(viewer: Any, open_dock: Any, folder: Path, tmp_path: Path) -> Any:
    """The form, opened by its button, with the folder as input."""
    viewer.open(str(folder / "a.png"), plugin="napari")
    dock = open_dock()
    dock.controller.state.level, dock.controller.state.scale = 1, 1.0
    dock.form.input.batch_button.click()
    dialog = dock._batch
    assert dialog.isVisible()
    dialog.input_edit.setText(str(folder))
    dialog.out_edit.setText(str(tmp_path / "out"))
    return dialog


def texts(form: Any) -> list[list[str]]:
    table = form.table
    return [[table.item(row, column).text() for column in range(4)] for row in range(table.rowCount())]


def test_a_folder(form: Any, tmp_path: Path, qtbot: Any) -> None:
    next(iter(form.also_boxes.values())).setChecked(True)
    form.start_button.click()
    assert form.running and form.stop_button.isEnabled()
    qtbot.waitUntil(lambda: not form.running, timeout=LONG)
    rows = texts(form)
    assert [row[0] for row in rows] == ["a.png", "b.png", "c.png"]
    assert "c.png" in rows[2][3] and rows[0][1] == rows[1][1] != ""
    assert "3 images in" in form.note.text() and "1 failed" in form.note.text()
    labels = tifffile.imread(tmp_path / "out" / "a_labels.tif")
    assert int(rows[0][1]) == len(np.unique(labels)) - 1
    assert (tmp_path / "out" / "a_objects.csv").exists() and len(list((tmp_path / "out").glob("a_*"))) == 3


def test_best(form: Any, tmp_path: Path, qtbot: Any) -> None:
    form.best_box.setChecked(True)
    form.start_button.click()
    qtbot.waitUntil(lambda: not form.running, timeout=LONG)
    assert read_facts(tmp_path / "out" / "a_labels.tif")["augment"] is True


def test_objects_are_those_of_the_dock(form: Any, viewer: Any, tmp_path: Path, wait: Any, qtbot: Any) -> None:
    """Threshold and sizes were the model's own, whatever the dock said."""
    dock = form.parent()
    state = dock.controller.state
    state.threshold, state.min_size, state.max_size, state.fill_holes = 0.3, 12, 90_000, True
    dock.form.head.segment_button.click()
    wait(dock)
    shown = viewer.layers["a prediction"].data
    assert shown.any()
    form.start_button.click()
    qtbot.waitUntil(lambda: not form.running, timeout=LONG)
    written = tifffile.imread(tmp_path / "out" / "a_labels.tif")
    np.testing.assert_array_equal(written > 0, shown > 0)
    given = read_facts(tmp_path / "out" / "a_labels.tif")["given"]
    assert given == {"scale": 1, "threshold": 0.3, "min_size": 12, "max_size": 90_000, "fill_holes": True}


def test_contrast_is_that_of_the_shown_image(
    form: Any, viewer: Any, tmp_path: Path, wait: Any, qtbot: Any
) -> None:
    """As displayed was given to the command as no range at all."""
    dock = form.parent()
    viewer.layers["a"].contrast_limits = (150, 900)
    choose(dock.form.input.contrast_combo, "displayed")
    dock.form.head.segment_button.click()
    wait(dock)
    shown = viewer.layers["a prediction"].data.copy()
    viewer.layers["a"].contrast_limits = (150, 901.25)  # what is displayed now counts, as for Segment
    dock.controller.state.live = False
    form.start_button.click()
    qtbot.waitUntil(lambda: not form.running, timeout=LONG)
    given = read_facts(tmp_path / "out" / "a_labels.tif")["range"]
    assert given == [150, 901.25] and shown.shape == tifffile.imread(tmp_path / "out" / "a_labels.tif").shape


def test_stop_and_go_on(form: Any, tmp_path: Path, qtbot: Any) -> None:
    form.start_button.click()
    qtbot.waitUntil(lambda: form.process.processId() > 0, timeout=LONG)
    form.stop_button.click()
    qtbot.waitUntil(lambda: not form.running, timeout=LONG)
    assert "Stopped. What was done is kept" in form.note.text() and form.start_button.isEnabled()
    form.layers_button.click()
    assert form.input_edit.text().endswith("a.png")
    form.start_button.click()
    qtbot.waitUntil(lambda: not form.running, timeout=LONG)
    assert len(texts(form)) == 1 and (tmp_path / "out" / "a_labels.tif").exists()


def test_nothing_chosen_is_said(form: Any) -> None:
    form.input_edit.clear()
    form.start_button.click()
    assert not form.running and "Choose the images" in form.note.text()
