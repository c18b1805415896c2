"""Preferences are honoured while the dock is open: the real settings of the plugin."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unetpp.engine import device
from napari_unetpp.files.models.model_file import read_tensors, save_model
from napari_unetpp.files.models.model_list import models_folder
from napari_unetpp.gui.compat import plugin_settings
from napari_unetpp.gui.settings import PLUGIN
from napari_unetpp.session.correct.saving.autosave_folder import NAME
from napari_unetpp.session.segment.cache import GIGABYTE
from napari_unetpp.session.values import DeviceRequest

settings = pytest.importorskip("napari.settings")

LONG = 60_000


@pytest.fixture
def page() -> Iterator[Any]:
    """The page of the plugin, with its defaults; nothing is written to disk."""
    if not hasattr(settings, "get_plugin_settings"):
        pytest.skip("this napari has no preferences of plugins")
    settings._PLUGIN_SETTINGS.clear()
    settings.get_plugin_settings(PLUGIN, path_dir=None)
    yield plugin_settings(PLUGIN).segmentation
    settings._PLUGIN_SETTINGS.clear()


@pytest.fixture
def child(tiny_model: Any) -> Any:
    """Another model, the first of the list."""
    return save_model(
        models_folder() / "child.safetensors",
        read_tensors(tiny_model.path),
        replace(tiny_model, title="child"),
    )


def said(dock: Any) -> str:
    return dock.form.head.message_label.text()


@pytest.fixture
def ready(qtbot: Any) -> Any:
    """Waits until the worker is ready with what is set."""

    def until(dock: Any) -> None:
        controller = dock.controller
        qtbot.waitUntil(lambda: controller.devices.usable == controller.state.device_request, timeout=LONG)
        qtbot.waitUntil(lambda: not controller.runs.warming, timeout=LONG)

    return until


def test_the_dock_begins_with_them(page: Any, child: Any, open_dock: Any, tmp_path: Path) -> None:
    page.update(
        {
            "device": "cpu",
            "precision": "float32",
            "memory_budget_gb": 1.0,
            "default_level": 3,
            "default_model": "tiny",
            "autosave_folder": str(tmp_path),
            "live": False,
        }
    )
    controller = open_dock().controller
    state = controller.state
    assert state.device_request == controller.devices.usable == DeviceRequest("cpu", "float32")
    assert (controller.model.name, state.level, state.live) == ("tiny", 3, False)
    assert controller.context.cache._budget == GIGABYTE
    assert controller.devices.precision == "float32"


def test_the_number_format_holds_from_the_next_request(
    viewer: Any, page: Any, open_dock: Any, wait: Any, ready: Any, image: np.ndarray, qtbot: Any
) -> None:
    viewer.add_image(image)
    dock = open_dock()
    dock.controller.state.level = 1
    page.precision = "float32"
    qtbot.waitUntil(lambda: dock.controller.state.precision == "float32", timeout=LONG)
    ready(dock)
    dock.controller.segment()
    wait(dock)
    assert dock.controller.runs.shown.device == DeviceRequest("auto", "float32")
    assert dock.form.head.device_combo.currentText() == "auto: CPU, fp32"
    page.device = "cpu"
    qtbot.waitUntil(lambda: dock.controller.state.device == "cpu", timeout=LONG)
    ready(dock)
    assert dock.form.head.device_combo.currentText() == "CPU, fp32"


def test_a_number_format_that_cannot_be_used_is_said_and_the_former_one_stays(
    viewer: Any, page: Any, open_dock: Any, wait: Any, image: np.ndarray, qtbot: Any, monkeypatch: Any
) -> None:
    viewer.add_image(image)
    dock = open_dock()
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)
    device._choose.cache_clear()
    page.precision = "int8"
    note = dock.form.head.device_note
    qtbot.waitUntil(lambda: "Used instead: auto" in note.text(), timeout=LONG)
    assert "napari-unetpp[fast]" in note.text()
    assert dock.controller.state.device_request == DeviceRequest()
    dock.controller.segment()
    wait(dock)
    assert dock.controller.runs.shown is not None
    monkeypatch.undo()
    device._choose.cache_clear()


def test_one_that_cannot_be_used_when_the_dock_opens(page: Any, open_dock: Any) -> None:
    page.device = "mps" if device.why_missing("mps") else "cuda"
    dock = open_dock()
    assert "Used instead: auto" in dock.form.head.device_note.text()
    assert dock.controller.state.device_request == DeviceRequest()


def test_a_device_that_is_missing_leaves_the_number_format(page: Any, open_dock: Any, ready: Any) -> None:
    """It was given up with the device."""
    page.device = "mps" if device.why_missing("mps") else "cuda"
    page.precision = "float32"
    dock = open_dock()
    ready(dock)
    assert "Used instead: auto, float32" in dock.form.head.device_note.text()
    assert dock.controller.state.device_request == DeviceRequest("auto", "float32")
    assert dock.controller.devices.precision == "float32"


def test_the_memory_budget(viewer: Any, page: Any, open_dock: Any, wait: Any, image: Any, qtbot: Any) -> None:
    viewer.add_image(image)
    dock = open_dock()
    dock.controller.segment()
    wait(dock)
    cache = dock.controller.context.cache
    page.memory_budget_gb = 0.5
    qtbot.waitUntil(lambda: cache._budget == GIGABYTE / 2, timeout=LONG)
    assert cache.nodes.budget_bytes == pytest.approx(0.375 * GIGABYTE)
    assert dock.controller.runs.shown is not None  # what is shown stays


def test_depth_and_live_hold_until_the_user_chooses(page: Any, open_dock: Any, qtbot: Any) -> None:
    dock = open_dock()
    state, slider = dock.controller.state, dock.form.head.levels.slider
    page.default_level = 3
    qtbot.waitUntil(lambda: state.level == 3, timeout=LONG)
    page.default_level = 5  # Auto, which this model has not
    qtbot.waitUntil(lambda: state.level == dock.controller.model.recommended_level, timeout=LONG)
    slider.setValue(1)
    dock.form.head.live_checkbox.click()
    page.update({"default_level": 4, "live": True})
    qtbot.waitUntil(lambda: state.preferences.default_level == 4, timeout=LONG)
    assert (state.level, state.live) == (1, False)


def test_the_model_holds_until_the_user_chooses(
    viewer: Any, page: Any, child: Any, open_dock: Any, wait: Any, ready: Any, image: Any, qtbot: Any
) -> None:
    viewer.add_image(image)
    dock = open_dock()
    controller = dock.controller
    assert controller.model.name == "child"
    page.default_model = "tiny"
    qtbot.waitUntil(lambda: controller.model.name == "tiny", timeout=LONG)
    page.default_model = "no such"
    qtbot.waitUntil(lambda: "“no such”, which is not in the list (child, tiny)" in said(dock), timeout=LONG)
    assert "“tiny” stays" in said(dock) and controller.model.name == "tiny"
    ready(dock)
    controller.segment()
    wait(dock)
    page.default_model = "child"
    qtbot.waitUntil(lambda: controller.state.preferences.default_model == "child", timeout=LONG)
    assert controller.model.name == "tiny" and controller.runs.shown is not None


def test_a_model_that_is_not_there_is_said_when_the_dock_opens(page: Any, open_dock: Any) -> None:
    page.default_model = "gone"
    dock = open_dock()
    assert "“gone”, which is not in the list (tiny)" in said(dock) and dock.controller.model.name == "tiny"


def test_all_that_is_wrong_is_said(page: Any, open_dock: Any, tmp_path: Path) -> None:
    """The last warning replaced the others."""
    (tmp_path / "file").write_text("")
    page.default_model, page.autosave_folder = "gone", str(tmp_path / "file" / "folder")
    dock = open_dock()
    assert "“gone”, which is not in the list (tiny)" in said(dock) and str(tmp_path / "file") in said(dock)


def corrected(viewer: Any, dock: Any, wait: Any, image: np.ndarray) -> Any:
    """A dock with a stroke in a corrections layer."""
    viewer.add_image(image, name="cells")
    dock.controller.segment()
    wait(dock)
    dock.form.correct.correct_button.click()
    wait(dock)
    layer = viewer.layers["cells corrections"]
    layer.data_setitem((np.array([5]), np.array([5])), 9)
    return layer


def saves(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/save-*"))


def test_corrections_move_to_the_folder_of_the_preferences(
    viewer: Any,
    page: Any,
    open_dock: Any,
    wait: Any,
    image: Any,
    tmp_path: Path,
    sittings_folder: Path,
    qtbot: Any,
) -> None:
    dock, own = open_dock(), tmp_path / "my own"
    corrected(viewer, dock, wait, image)
    dock.correcting.autosave()
    qtbot.waitUntil(lambda: len(saves(sittings_folder)) == 1, timeout=LONG)
    page.autosave_folder = str(own)
    qtbot.waitUntil(lambda: "there is no such folder" in said(dock), timeout=LONG)
    assert str(sittings_folder) in said(dock) and len(saves(sittings_folder)) == 1 and not own.exists()
    own.mkdir()
    (own / "save-mine").mkdir()  # whatever else is in it
    page.autosave_folder = f"{own}{os.sep}"
    qtbot.waitUntil(lambda: len(saves(own / NAME)) == 1 and not saves(sittings_folder), timeout=LONG)
    dock.close_session()
    assert not saves(own / NAME) and (own / "save-mine").exists()


def test_what_a_crash_left_there_is_offered(page: Any, open_dock: Any, tmp_path: Path) -> None:
    (tmp_path / NAME / "20260101-000000-1" / "save-0001").mkdir(parents=True)
    (tmp_path / "20260101-000000-1" / "save-0001").mkdir(parents=True)  # not ours
    page.autosave_folder = str(tmp_path)
    dock = open_dock()
    assert said(dock).count("Restore corrections") == 1


def test_a_folder_that_cannot_be_written_when_the_dock_opens(
    page: Any, open_dock: Any, tmp_path: Path
) -> None:
    page.autosave_folder = str(tmp_path / "gone")
    dock = open_dock()
    assert "there is no such folder. They stay in" in said(dock)


def test_a_closed_dock_follows_no_more(page: Any, open_dock: Any, qtbot: Any) -> None:
    dock = open_dock()
    dock.close_session()
    page.default_level = 3
    qtbot.wait(900)
    assert dock.controller.state.preferences.default_level == 0
