"""A real napari viewer with the dock in it; runs with the tiny untrained model."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
pytest.importorskip("qtpy")

from napari_unetpp.gui import viewer_memory

TIMEOUT = 60_000


@pytest.fixture
def image() -> np.ndarray:
    """Bright squares on black, 8 bit."""
    data = np.zeros((96, 128), np.uint8)
    for y in range(8, 80, 24):
        for x in range(8, 112, 24):
            data[y : y + 12, x : x + 12] = 200
    return data


@pytest.fixture(autouse=True)
def sittings_folder(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """No test sees, or leaves, corrections of the person who runs it."""
    folder = tmp_path / "sittings"
    monkeypatch.setenv("UNETPP_SITTINGS", str(folder))
    return folder


@pytest.fixture(autouse=True)
def preferences_in_memory() -> Iterator[None]:
    """The preferences are the defaults, and what a test sets is not written to the person's own."""
    from napari import settings

    if not hasattr(settings, "get_plugin_settings"):
        yield
        return
    settings._PLUGIN_SETTINGS.clear()
    settings.get_plugin_settings(path_dir=None)
    yield
    settings._PLUGIN_SETTINGS.clear()


@pytest.fixture(scope="session", autouse=True)
def few_objects_to_collect() -> Iterator[None]:
    """napari collects garbage with every layer that is removed: 0.3 s, unless modules are left out."""
    for name in ("torch", "pandas", "napari._qt.qt_main_window", "napari_unetpp.gui.dock.dock"):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@contextmanager
def new_napari_application() -> Iterator[None]:
    """napari as in a new process, also for the next who makes a viewer."""
    from app_model import Application
    from napari._qt._qapp_model.qactions import init_qactions
    from napari._qt.qt_main_window import _QtMainWindow
    from napari._qt.qt_viewer import QtViewer
    from napari._qt.threads.status_checker import StatusChecker
    from napari.plugins import _initialize_plugins
    from napari.settings import get_settings

    def forget() -> None:
        get_settings().reset()
        _initialize_plugins.cache_clear()
        init_qactions.cache_clear()

    forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StatusChecker, "start", lambda _self: None)
        patch.setattr(_QtMainWindow, "_save_current_window_settings", lambda _self: None)
        yield
    gc.collect()
    QtViewer._instances.clear()
    Application.destroy("napari")
    forget()


@pytest.fixture
def napari_application(qapp: Any) -> Iterator[None]:
    """For a test whose code makes, and closes, a viewer of its own."""
    with new_napari_application():
        yield


@pytest.fixture(scope="module")
def module_viewer(qapp: Any) -> Iterator[Any]:
    """A viewer that is not shown; for a whole module, because to make one and to close it takes 2 s."""
    import napari

    with new_napari_application():
        viewer = napari.Viewer(show=False)
        yield viewer
        viewer.close()
        del viewer


@pytest.fixture
def viewer(module_viewer: Any) -> Iterator[Any]:
    """The viewer of the module, as empty as a new one. Tests that close it make their own."""
    yield module_viewer
    module_viewer.layers.clear()
    module_viewer.dims.ndisplay = 2
    module_viewer.dims.reset()
    module_viewer.reset_view()
    module_viewer.window._qt_window.hide()
    viewer_memory._memories.clear()


@pytest.fixture
def only_tiny_model(tiny_model: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """No shipped models in the list: the tiny one is chosen."""
    from napari_unetpp.files.models import model_list

    monkeypatch.setattr(model_list, "SHIPPED", tmp_path / "nothing shipped")
    return tiny_model


@pytest.fixture
def open_dock(only_tiny_model: Any, dock_opener: Callable[[], Any]) -> Callable[[], Any]:
    """Docks the widget with the tiny model."""
    return dock_opener


@pytest.fixture
def dock_opener(viewer: Any, qtbot: Any) -> Iterator[Callable[[], Any]]:
    """Docks the widget and waits until its worker is ready."""
    from napari_unetpp.gui.dock.dock import UnetppDock

    docks = []

    def make() -> Any:
        dock = UnetppDock(viewer)
        dock._started = True  # else a viewer that is shown would start it a second time
        docks.append(dock)
        viewer.window.add_dock_widget(dock, name="UNet++")
        dock.start()
        qtbot.waitUntil(lambda: not dock.controller.runs.warming, timeout=TIMEOUT)
        return dock

    yield make
    for dock in docks:
        dock.close_session()
        correcting = dock.correcting
        for runner in (
            dock._runner,
            correcting.finetune_runner,
            correcting.file_runner,
            correcting.merge_runner,
            dock.features.runner,
            dock.own_models.runner,
            dock.reports.runner,
            dock.stacks.runs.runner,
        ):
            runner._executor.shutdown(wait=True)
        with suppress(LookupError, AttributeError, RuntimeError):  # the test closed one
            viewer.window.remove_dock_widget(dock)
        with suppress(RuntimeError):
            dock.deleteLater()


@pytest.fixture
def wait(qtbot: Any) -> Callable[[Any], None]:
    """Waits until the dock has nothing to do."""

    def until_idle(dock: Any) -> None:
        merging = dock.correcting.editor.merging
        qtbot.waitUntil(lambda: not dock.controller.busy and not merging.busy, timeout=TIMEOUT)

    return until_idle
