"""A real napari viewer with the dock in it; runs with the tiny untrained model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("napari")
pytest.importorskip("qtpy")

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


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    """A viewer that is not shown."""
    return make_napari_viewer()


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
        for runner in (dock._runner, dock.correcting.finetune_runner, dock.correcting.file_runner):
            runner._executor.shutdown(wait=True)


@pytest.fixture
def wait(qtbot: Any) -> Callable[[Any], None]:
    """Waits until the dock has nothing to do."""

    def until_idle(dock: Any) -> None:
        qtbot.waitUntil(lambda: not dock.controller.busy, timeout=TIMEOUT)

    return until_idle
