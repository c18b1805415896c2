"""Show uncertainty and Next in a real viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_unetpp.gui import samples


@pytest.fixture
def dock(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any) -> Any:
    """A dock on a stack of three planes, the middle one segmented."""
    viewer.add_image(np.stack([image, image[::-1], image]), name="cells", scale=(1, 0.5, 0.5))
    viewer.dims.set_current_step(0, 1)
    dock = open_dock()
    dock.form.head.segment_button.click()
    wait(dock)
    return dock


def test_the_overlay_is_shown_over_the_plane_and_goes_away(viewer: Any, dock: Any, qtbot: Any) -> None:
    dock.form.result.uncertainty_checkbox.click()
    qtbot.waitUntil(lambda: "cells uncertainty" in viewer.layers)
    layer = viewer.layers["cells uncertainty"]
    assert layer.data.shape == (3, 96, 128) and layer.data.dtype == np.uint8
    assert layer.data[1].any() and not layer.data[[0, 2]].any()
    np.testing.assert_array_equal(layer.scale, viewer.layers["cells"].scale)
    combo = dock.form.head.image_combo
    assert [combo.itemText(i) for i in range(combo.count())] == ["cells"], "it is not an image to segment"
    dock.form.result.uncertainty_checkbox.click()
    assert "cells uncertainty" not in viewer.layers


def test_the_overlay_follows_the_plane(viewer: Any, dock: Any, qtbot: Any) -> None:
    dock.form.result.uncertainty_checkbox.click()
    qtbot.waitUntil(lambda: "cells uncertainty" in viewer.layers)
    viewer.dims.set_current_step(0, 2)
    layer = viewer.layers["cells uncertainty"]
    qtbot.waitUntil(lambda: bool(layer.data[2].any()), timeout=20_000)
    assert not layer.data[1].any()


def test_a_removed_overlay_comes_back(viewer: Any, dock: Any, qtbot: Any, wait: Any) -> None:
    dock.form.result.uncertainty_checkbox.click()
    qtbot.waitUntil(lambda: "cells uncertainty" in viewer.layers)
    viewer.layers.remove("cells uncertainty")
    dock.controller.state.threshold = 0.31
    qtbot.waitUntil(lambda: "cells uncertainty" in viewer.layers, timeout=20_000)


@pytest.mark.parametrize("beside_a_stack", [False, True])
def test_next_brings_a_place_to_the_middle(
    viewer: Any, dock_opener: Callable[[], Any], wait: Any, qtbot: Any, beside_a_stack: bool
) -> None:
    """With the shipped model: the untrained one is equally unsure everywhere."""
    ((data, options, _),) = samples.dense_fluorescence()
    if beside_a_stack:  # the viewer has more axes than the image: once an IndexError
        viewer.add_image(np.zeros((3, 8, 8), np.uint8), name="stack")
    viewer.add_image(np.asarray(data)[:256, :320], **options, scale=(0.5, 0.5))
    dock = dock_opener()
    dock.controller.state.level = 1
    dock.form.head.segment_button.click()
    wait(dock)
    camera = getattr(viewer, "scene", viewer).camera
    camera.zoom, camera.center = 0.5, (0, 0)
    seen, visited = [], dock.controller.overlays._visited
    for count in (1, 2):
        dock.form.result.next_button.click()
        qtbot.waitUntil(lambda n=count: [len(spots) for spots in visited.values()] == [n], timeout=20_000)
        seen.append(tuple(camera.center)[-2:])
    ((first, second),) = visited.values()
    np.testing.assert_allclose(seen, [(0.5 * s.y, 0.5 * s.x) for s in (first, second)])
    assert first.value >= second.value and camera.zoom > 0.5
    assert "Went to a place of uncertainty" in dock.form.head.message_label.text()
