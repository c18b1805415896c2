"""While all planes are segmented: what the dock says of the run, of changes, of other images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gestures import choose
from nuclei_stacks import NUCLEI, SIDE, TIMEOUT, stack_of

from napari_unetpp._types import Region
from napari_unetpp.files.models.model_list import SHIPPED

pytestmark = pytest.mark.skipif(not (SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped")


@pytest.fixture
def opened(viewer: Any, dock: Any) -> Any:
    """A dock with a stack of four planes and another image."""
    viewer.add_image(NUCLEI[:SIDE, :SIDE], name="other")
    viewer.add_image(stack_of(4), name="cells", axis_labels=tuple("zyx"))
    return dock()


def message(dock: Any) -> str:
    return str(dock.form.head.message_label.text())


def end(dock: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: dock.stacks.running is None, timeout=TIMEOUT)


def test_it_says_what_is_being_segmented(viewer: Any, opened: Any, halt: Any, qtbot: Any) -> None:
    """It said "Ready. Press Segment."."""
    go = halt(opened)
    assert "All 4 planes of ‘cells’ are being segmented." in message(opened)
    opened.controller.changes.show_next_step()  # as when the model has been loaded meanwhile
    assert "Ready" not in message(opened)
    opened.form.head.segment_button.click()
    assert "All 4 planes of ‘cells’ are being segmented: press Stop first" in message(opened)
    go.set()
    end(opened, qtbot)
    assert "4 planes, " in message(opened)


def test_another_image_is_told_whose_bar_that_is(
    viewer: Any, opened: Any, halt: Any, wait: Any, qtbot: Any
) -> None:
    head = opened.form.head
    go = halt(opened)
    choose(head.image_combo, viewer.layers["other"].unique_id)
    assert "All 4 planes of ‘cells’ are being segmented; the bar and Stop are theirs" in message(opened)
    assert head.stop_button.isEnabled()
    head.segment_button.click()
    wait(opened)
    assert viewer.layers["other prediction"].data.any() and "median diameter" in message(opened)
    bars: list[str] = []
    shown = opened.set_progress
    opened.stacks.runs.view.set_progress = lambda fraction, text: (bars.append(text), shown(fraction, text))
    go.set()
    end(opened, qtbot)
    assert any(text.startswith("‘cells’: plane 3 of 4") for text in bars)
    assert message(opened).startswith("‘cells’: 4 planes, ")


def test_a_change_holds_for_the_next_run_and_it_says_so(
    viewer: Any, opened: Any, halt: Any, qtbot: Any
) -> None:
    """The depth moved during a run was ignored without a word."""
    go, head = halt(opened), opened.form.head
    head.levels.slider.setValue(2)
    assert "The new depth holds for the next run." in message(opened)
    opened.form.result.threshold_slider.setValue(0.7)
    assert "The new depth and threshold hold for the next run." in message(opened)
    head.levels.slider.setValue(1)
    opened.form.result.threshold_slider.setValue(opened.controller.model.decode.threshold)
    assert "next run" not in message(opened) and "are being segmented." in message(opened)
    head.model_combo.setCurrentIndex(1 - head.model_combo.currentIndex())
    head.model_combo.activated.emit(head.model_combo.currentIndex())
    qtbot.waitUntil(lambda: "The new model holds for the next run." in message(opened), timeout=TIMEOUT)
    go.set()
    end(opened, qtbot)
    assert ", L1" in message(opened), "as it was started"


def test_or_the_run_begins_anew_with_it(viewer: Any, opened: Any, halt: Any, qtbot: Any) -> None:
    go = halt(opened)
    opened.form.head.levels.slider.setValue(2)
    first = opened.stacks.running
    opened.form.head.message_label.linkActivated.emit("restart:1")
    qtbot.waitUntil(lambda: opened.stacks.running not in (None, first), timeout=TIMEOUT)
    go.set()
    end(opened, qtbot)
    assert "4 planes, " in message(opened) and ", L2" in message(opened)


@pytest.mark.parametrize(("order", "ndisplay"), [((1, 0, 2), 2), ((0, 2, 1), 2), ((0, 1, 2), 3)])
def test_planes_appear_where_the_view_is_turned(
    viewer: Any, opened: Any, halt: Any, qtbot: Any, order: Any, ndisplay: int
) -> None:
    """They were seen when the slider was moved next."""
    halt(opened)
    viewer.dims.order, viewer.dims.ndisplay = order, ndisplay
    viewer.dims.set_point(1 if order[0] == 1 else 0, 40 if order[0] == 1 else 0)
    layer = viewer.layers["cells all planes"]
    before = np.array(layer._slice.image.view)
    painted = np.full((SIDE, SIDE), 7, np.uint32)
    position = next(iter(opened.stacks.running.selection.positions()))
    image = viewer.layers["cells"].unique_id
    assert opened.stacks.layers.paint(image, position, Region(0, 0, SIDE, SIDE), painted)
    qtbot.waitUntil(lambda: not np.array_equal(layer._slice.image.view, before), timeout=TIMEOUT)
    assert (layer._slice.image.raw == 7).any()
    viewer.dims.order, viewer.dims.ndisplay = (0, 1, 2), 2


def test_an_image_closed_during_its_run_is_named(viewer: Any, opened: Any, halt: Any, qtbot: Any) -> None:
    """It said that the result layer was removed."""
    go = halt(opened)
    viewer.layers.remove("cells")
    go.set()
    end(opened, qtbot)
    assert "‘cells’ was closed" in message(opened)
    assert not opened.form.head.stop_button.isEnabled() and "cells all planes" in viewer.layers


def test_a_result_removed_during_its_run_is_named(viewer: Any, opened: Any, halt: Any, qtbot: Any) -> None:
    go = halt(opened)
    viewer.layers.remove("cells all planes")
    go.set()
    end(opened, qtbot)
    assert "The result layer of ‘cells’ was removed" in message(opened)


def test_pixels_replaced_during_a_run_are_named(viewer: Any, opened: Any, halt: Any, qtbot: Any) -> None:
    go = halt(opened)
    viewer.layers["cells"].data = np.flip(stack_of(4), 0)
    go.set()
    end(opened, qtbot)
    assert "‘cells’ has other pixels now" in message(opened)
