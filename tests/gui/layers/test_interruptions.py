"""Whatever happens during a run: nothing crashes, nothing stale is painted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unetpp.gui.layers.layers import NapariLayers


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    """One of its own for each test: they close it."""
    return make_napari_viewer()


@pytest.fixture
def large(image: np.ndarray) -> np.ndarray:
    """Several tiles."""
    return np.tile(image, (16, 12))


@pytest.fixture
def running(viewer: Any, large: np.ndarray, open_dock: Any, qtbot: Any) -> Any:
    """A dock in the middle of a run."""
    viewer.add_image(large, name="cells")
    dock = open_dock()
    dock.controller.state.threshold = 0.01
    dock.controller.state.level, dock.controller.state.scale = 4, 1.0
    dock.form.head.segment_button.click()
    qtbot.waitUntil(lambda: viewer.layers["cells prediction"].data.any(), timeout=60_000)
    assert dock.controller.busy
    return dock


def settle(dock: Any, qtbot: Any) -> None:
    """Let the worker and the event loop come to rest."""
    dock._runner._executor.submit(lambda: None).result(timeout=60)
    qtbot.wait(50)


def test_output_layer_deleted(viewer: Any, running: Any, qtbot: Any, wait: Any) -> None:
    viewer.layers.remove("cells prediction")
    wait(running)
    settle(running, qtbot)
    assert "cells prediction" not in viewer.layers
    running.form.head.segment_button.click()
    wait(running)
    assert "cells prediction" in viewer.layers


def test_image_deleted(viewer: Any, running: Any, qtbot: Any) -> None:
    viewer.layers.remove("cells")
    assert not running.controller.busy
    settle(running, qtbot)
    assert not running.form.head.segment_button.isEnabled()


def test_image_replaced(viewer: Any, running: Any, large: np.ndarray, qtbot: Any) -> None:
    running.form.head.live_checkbox.setChecked(False)
    viewer.layers["cells"].data = np.zeros_like(large)
    before = viewer.layers["cells prediction"].data.copy()
    settle(running, qtbot)
    assert np.array_equal(viewer.layers["cells prediction"].data, before)
    assert not running.controller.busy


def test_image_replaced_by_another_shape(viewer: Any, running: Any, image: np.ndarray, wait: Any) -> None:
    viewer.layers["cells"].data = image  # Live is on: it is segmented again
    wait(running)
    assert viewer.layers["cells prediction"].data.shape == image.shape


def test_slider_moved(viewer: Any, running: Any, wait: Any) -> None:
    running.form.head.levels.slider.setValue(1)
    wait(running)
    assert "L1" in running.form.head.message_label.text()
    assert running.controller.runs.shown.level == 1


def test_stopped(running: Any, wait: Any) -> None:
    running.form.head.stop_button.click()
    wait(running)
    assert "Stopped" in running.form.head.message_label.text()


def test_dock_closed(viewer: Any, running: Any, qtbot: Any) -> None:
    viewer.window.remove_dock_widget(running)
    qtbot.wait(50)
    assert running._runner._closed
    before = viewer.layers["cells prediction"].data.copy()
    running._runner._executor.shutdown(wait=True)
    qtbot.wait(50)
    assert np.array_equal(viewer.layers["cells prediction"].data, before)


def test_viewer_closed(viewer: Any, running: Any, qtbot: Any) -> None:
    viewer.close()
    qtbot.waitUntil(lambda: running._runner._closed, timeout=10_000)
    running._runner._executor.shutdown(wait=True)
    qtbot.wait(50)


def test_partial_refresh_falls_back(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, qtbot: Any, monkeypatch: Any
) -> None:
    viewer.add_image(image, name="cells")
    dock = open_dock()
    dock.controller.state.threshold = 0.01
    from napari.layers import Labels

    monkeypatch.delattr(Labels, "_partial_labels_refresh")
    with qtbot.waitSignal(dock._layers._results._painter._refresh_later.triggered, timeout=60_000):
        dock.form.head.segment_button.click()
    wait(dock)
    assert viewer.layers["cells prediction"].data.any()


def test_listeners_are_gone_after_closing(viewer: Any, image: np.ndarray) -> None:
    layer = viewer.add_image(image, name="cells")
    counts = [len(e.callbacks) for e in (viewer.layers.events.inserted, layer.events.data)]
    layers = NapariLayers(viewer)
    layers.close()
    assert [len(e.callbacks) for e in (viewer.layers.events.inserted, layer.events.data)] == counts


def test_stop_while_the_slider_went_deeper_begins_nothing(
    viewer: Any, large: np.ndarray, open_dock: Any, wait: Any, qtbot: Any
) -> None:
    """Live is on and a result is shown: three presses of Stop once gave three new runs."""
    viewer.add_image(large, name="cells")
    dock = open_dock()
    dock.controller.state.level, dock.controller.state.scale = 1, 1.0
    dock.form.head.segment_button.click()
    wait(dock)
    begun = dock.controller.runs.generation
    dock.form.head.levels.slider.setValue(4)
    for _ in range(3):
        dock.form.head.stop_button.click()
        wait(dock)
    settle(dock, qtbot)
    assert dock.controller.runs.generation == begun + 1 and not dock.controller.busy
    assert "Stopped" in dock.form.head.message_label.text()
