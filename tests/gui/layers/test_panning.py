"""Panning and zooming while a large image is segmented, in a real viewer, with the shipped model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from napari_unetpp._types import Region
from napari_unetpp.gui import samples
from napari_unetpp.gui.compat import camera_of

SIDE = 1280
"""Four tiles."""


def look(viewer: Any, y: int, x: int) -> None:
    """Go to a place as the mouse does, and draw what is seen there."""
    camera = camera_of(viewer)
    camera.center, camera.zoom = (y, x), 8
    viewer.window._qt_viewer.canvas.on_draw(None)


def test_what_is_panned_to_is_segmented_next(
    viewer: Any, dock_opener: Callable[[], Any], wait: Any, qtbot: Any
) -> None:
    ((data, _, _),) = samples.dense_fluorescence()
    patch = np.asarray(data)[:256, :256]
    viewer.add_image(np.tile(patch, (5, 5)), name="field")
    dock = dock_opener()
    dock.form.head.levels.slider.setValue(2)
    look(viewer, 40, 40)
    painted: list[Region] = []
    paint = dock._layers.paint

    def remembered(plane: Any, region: Region, values: Any, *, final: bool) -> bool:
        painted.append(region)
        return bool(paint(plane, region, values, final=final))

    dock._layers.paint = remembered
    dock.form.head.segment_button.click()
    qtbot.waitUntil(lambda: bool(painted), timeout=60_000)
    assert painted[0].y0 == painted[0].x0 == 0
    look(viewer, SIDE - 40, SIDE - 40)
    wait(dock)
    first = {(r.y0 >= SIDE // 2, r.x0 >= SIDE // 2): n for n, r in reversed(list(enumerate(painted)))}
    assert len(first) == 4, "four tiles"
    assert first[True, True] < min(first[True, False], first[False, True])
    assert viewer.layers["field prediction"].data[-250:, -250:].max() > 0
