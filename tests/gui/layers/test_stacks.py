"""A stack says which plane and how many; channels first are recognised, or asked about."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unetpp.session.messages import image as image_messages
from napari_unetpp.session.values import Plane, Step


def note(dock: Any) -> str:
    return str(dock.form.head.image_note.text())


def test_a_stack_says_which_plane_and_how_many(
    viewer: Any, image: np.ndarray, open_dock: Any, qtbot: Any
) -> None:
    viewer.add_image(
        np.stack([image] * 12).reshape(2, 6, *image.shape), name="film", axis_labels=tuple("tzyx")
    )
    viewer.dims.set_point([0, 1], [1, 3])
    dock = open_dock()
    assert "T 2, Z 6, Y 96, X 128; at T 1, Z 3" in note(dock)
    viewer.dims.set_point(1, 5)
    qtbot.waitUntil(lambda: "at T 1, Z 5" in note(dock))


def test_an_image_of_one_plane_says_nothing_of_planes(viewer: Any, image: np.ndarray, open_dock: Any) -> None:
    viewer.add_image(image, name="cells")
    assert " of " not in note(open_dock()).partition(";")[0]


@pytest.mark.parametrize(
    ("position", "found"),
    [
        ((), None),
        ((Step("plane", 0, 12),), None),
        ((Step("z", 0, 3),), None),
        ((Step("plane", 1, 3),), (Step("plane", 1, 3), False)),
        ((Step("c", 0, 2),), (Step("c", 0, 2), True)),
        ((Step("t", 0, 9), Step("Channel", 1, 5)), (Step("Channel", 1, 5), True)),
        ((Step("c", 0, 1),), None),
        ((Step("axis0", 0, 3), Step("axis1", 0, 3)), None),
    ],
)
def test_which_axis_holds_channels(position: tuple[Step, ...], found: Any) -> None:
    plane = Plane("key", "image", "cells", np.zeros((4, 4)), position=position)
    assert image_messages.channel_axis(plane) == found


@pytest.mark.parametrize("labels", [None, ("c", "y", "x")])
def test_three_planes_can_become_a_colour_image(
    viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, labels: Any
) -> None:
    colours = np.stack([image, image // 2, 255 - image])
    options = {"axis_labels": labels} if labels else {}
    viewer.add_image(colours, name="cells", scale=(1, 0.5, 0.25), translate=(0, 3, 4), **options)
    dock = open_dock()
    text = dock.form.head.message_label.text()
    assert ("holds 3 channels" if labels else "Are the 3 planes of this image its channels?") in text
    assert 'href="colour:1"' in text and "Press Segment" in text
    dock.controller.view.signals.offer_taken.emit("colour:1")
    layer = viewer.layers["cells colour"]
    assert dock.form.head.image_combo.currentText() == "cells colour" and layer.rgb
    np.testing.assert_array_equal(layer.data, np.moveaxis(colours, 0, -1))
    np.testing.assert_allclose((layer.scale, layer.translate), ((0.5, 0.25), (3, 4)))
    assert "colour" in note(dock)
    dock.form.head.segment_button.click()
    wait(dock)
    assert viewer.layers["cells colour prediction"].data.shape == image.shape
