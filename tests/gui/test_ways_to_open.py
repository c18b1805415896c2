"""The dock opens every way that napari has."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import napari
import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest
from qtpy.QtWidgets import QShortcut

import napari_unetpp
from napari_unetpp.gui.dock.dock import UnetppDock

MANIFEST = Path(napari_unetpp.__file__).parent / "napari.yaml"
TIMEOUT = 60_000


@pytest.fixture
def plugin() -> str:
    """The plugin, known to napari whether it is installed or not."""
    manager = PluginManager.instance()
    if "napari-unetpp" not in manager:
        manager.register(PluginManifest.from_file(MANIFEST))
    return "napari-unetpp"


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    """One of its own for each test: they add the dock as napari does, and leave it there."""
    return make_napari_viewer()


@pytest.fixture
def docked(viewer: Any, only_tiny_model: Any, plugin: str) -> Iterator[Callable[[], UnetppDock]]:
    """The one dock of the viewer; its threads end after the test."""
    found: list[UnetppDock] = []

    def find() -> UnetppDock:
        found.extend(viewer.window._qt_window.findChildren(UnetppDock))
        (dock,) = found
        return dock

    yield find
    for dock in found:
        dock.close_session()
        for runner in (dock._runner, dock.correcting.finetune_runner, dock.correcting.file_runner):
            runner._executor.shutdown(wait=True)


def by_plugin_name(viewer: Any) -> None:
    """What ``napari -w napari-unetpp`` does."""
    viewer.window.add_plugin_dock_widget("napari-unetpp")


def by_both_names(viewer: Any) -> None:
    """What ``napari -w napari-unetpp UNet++`` does."""
    viewer.window.add_plugin_dock_widget("napari-unetpp", "UNet++")


def by_command(viewer: Any) -> None:
    """What an entry of a menu does."""
    widget = PluginManager.instance().commands.get("napari-unetpp.dock")(napari_viewer=proxy(viewer))
    viewer.window.add_dock_widget(widget, name="UNet++")


def by_hand(viewer: Any) -> None:
    """What a script does."""
    viewer.window.add_dock_widget(UnetppDock(viewer), name="UNet++")


def proxy(viewer: Any) -> Any:
    """The viewer as napari hands it to plugins."""
    return pytest.importorskip("napari.utils._proxies").PublicOnlyProxy(viewer)


@pytest.mark.parametrize("way", [by_plugin_name, by_both_names, by_command, by_hand])
def test_opened_and_used(
    viewer: Any, image: np.ndarray, docked: Callable[[], UnetppDock], qtbot: Any, way: Callable[[Any], None]
) -> None:
    """Also whole sittings with a proxied viewer: layers are compared by identity."""
    cells = viewer.add_image(image, name="cells")
    way(viewer)
    dock = docked()
    if not dock._started:
        dock.start()
    qtbot.waitUntil(lambda: not dock.controller.runs.warming, timeout=TIMEOUT)
    assert dock.controller.state.image == cells.unique_id
    dock.controller.state.threshold = 0.3
    dock.form.correct.correct_button.click()
    qtbot.waitUntil(lambda: "cells corrections" in viewer.layers, timeout=TIMEOUT)
    corrections = viewer.layers["cells corrections"]
    assert viewer.layers.selection.active is corrections
    corrections.paint((40, 40), 3)
    qtbot.waitUntil(
        lambda: "1 correction" in dock.form.correct.correction_count_label.text(), timeout=TIMEOUT
    )
    dock.form.result.click_tool_button.click()
    assert viewer.mouse_drag_callbacks
    keys = {shortcut.key().toString() for shortcut in viewer.window._qt_window.findChildren(QShortcut)}
    assert {"Shift+S", "C", "N", "K"} <= keys


def test_in_a_window_of_another_program(only_tiny_model: Any, image: np.ndarray, qtbot: Any) -> None:
    """A `ViewerModel` has no window of napari's: the shortcuts belong to the dock itself."""
    from napari.components import ViewerModel

    viewer = ViewerModel()
    viewer.add_image(image, name="cells")
    dock = UnetppDock(viewer)
    qtbot.addWidget(dock)
    dock.start()
    qtbot.waitUntil(lambda: not dock.controller.runs.warming, timeout=TIMEOUT)
    dock.form.head.segment_button.click()
    qtbot.waitUntil(lambda: not dock.controller.busy, timeout=TIMEOUT)
    assert "cells prediction" in viewer.layers
    assert dock.findChild(QShortcut).parent() is dock
    dock.close_session()
    for runner in (dock._runner, dock.correcting.finetune_runner, dock.correcting.file_runner):
        runner._executor.shutdown(wait=True)


def test_the_example_of_the_documentation_opens_it(
    viewer: Any, docked: Callable[[], UnetppDock], plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(napari, "Viewer", lambda: viewer)
    runpy.run_path(str(Path(__file__).parents[2] / "docs" / "examples" / "dock.py"))
    assert [layer.name for layer in viewer.layers] == ["dense_fluorescence"]
    assert docked() is not None
