"""What a user means survives closing things: the dock, a layer, an image; what they drop is dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    """One of its own for each test: they make several."""
    return make_napari_viewer()


def correction_count(dock: Any) -> str:
    return str(dock.form.correct.correction_count_label.text())


def text(dock: Any) -> str:
    return str(dock.form.head.message_label.text())


def follow(dock: Any, action: str) -> None:
    """Click a link of the message line."""
    assert f'href="{action}"' in text(dock), text(dock)
    dock.controller.view.signals.offer_taken.emit(action)


def reviewed(dock: Any) -> int:
    """Pixels that the displayed plane teaches as reviewed."""
    (lesson,) = dock.correcting.editor.usable()
    labelled = lesson.labelled("it")
    assert labelled.labels_as == "reviewed"
    return int(labelled.labels.size if labelled.ignore is None else (~labelled.ignore).sum())


@pytest.fixture
def correct(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any) -> Callable[..., Any]:
    """A dock in which an image is corrected in a mode, with one stroke."""

    def begin(mode: str = "corrections") -> Any:
        viewer.add_image(image, name="cells")
        dock = open_dock()
        dock.controller.state.threshold, dock.controller.state.min_size = 0.3, 0
        dock.controller.state.labels_as = mode
        dock.form.correct.correct_button.click()
        wait(dock)
        viewer.layers["cells corrections"].paint((40, 60), 9)
        return dock

    return begin


@pytest.mark.parametrize("closing", ["dock", "layers", "layers, corrections last"])
def test_reviewed_regions_outlive(
    viewer: Any, correct: Any, open_dock: Any, wait: Any, qtbot: Any, closing: str
) -> None:
    """Once, 10,829 reviewed pixels became all 88,400."""
    dock = correct("reviewed")
    dock.form.correct.regions_button.click()
    viewer.layers["cells regions"].add_rectangles([[10, 10], [10, 59], [49, 59], [49, 10]])
    before = reviewed(dock)
    assert 1500 < before < 2100
    if closing == "dock":
        viewer.window.remove_dock_widget(dock)
        dock = open_dock()
        assert dock.form.correct.labels_as_combo.currentText() == "reviewed"
        viewer.layers["cells regions"].add_rectangles([[60, 60], [60, 70], [70, 70], [70, 60]])
        assert before < reviewed(dock) < before + 200
        viewer.layers.remove("cells regions")  # by hand, while the image is open: all of it is reviewed
        qtbot.waitUntil(lambda: reviewed(dock) == 96 * 128)
    else:
        ours = ["cells regions", "cells corrections", "cells prediction", "cells"]
        viewer.layers.selection = {viewer.layers[name] for name in ours}
        if closing == "layers":
            viewer.layers.remove_selected()
        else:
            for name in ("cells regions", "cells", "cells prediction", "cells corrections"):
                viewer.layers.remove(name)
        qtbot.waitUntil(lambda: not dock.correcting.corrections._deleted)
        assert reviewed(dock) == before


def test_corrections_of_closed_images_survive_reopening(
    viewer: Any, correct: Any, image: np.ndarray, open_dock: Any, qtbot: Any
) -> None:
    dock = correct()
    for name in ("cells corrections", "cells prediction", "cells"):
        viewer.layers.remove(name)
    viewer.add_image(image, name="more")
    qtbot.wait(20)
    assert correction_count(dock) == "1 correction, 1 image"
    viewer.window.remove_dock_widget(dock)
    assert correction_count(open_dock()) == "1 correction, 1 image"


def test_another_viewer_knows_nothing_of_them(
    viewer: Any, correct: Any, image: np.ndarray, make_napari_viewer: Any, only_tiny_model: Any
) -> None:
    from napari_unetpp.gui.viewer_memory import memory_of

    dock = correct()
    other = make_napari_viewer()
    assert memory_of(viewer).store is dock.correcting.editor.store
    assert memory_of(other).store is not memory_of(viewer).store


def test_data_that_were_replaced_while_no_dock_was_open_are_other_data(
    viewer: Any, correct: Any, image: np.ndarray, open_dock: Any, wait: Any, qtbot: Any
) -> None:
    """Corrections of the former data stay with them: they are not laid over the new data."""
    dock = correct()
    viewer.layers["cells"].data = image[::-1].copy()
    wait(dock)
    assert correction_count(dock) == "1 correction, 1 image"
    viewer.layers.remove("cells corrections") if "cells corrections" in viewer.layers else None
    viewer.window.remove_dock_widget(dock)
    viewer.layers["cells"].data = image[:, ::-1].copy()
    again = open_dock()
    again.controller.state.threshold, again.controller.state.min_size = 0.3, 0
    again.form.correct.correct_button.click()
    wait(again)
    drawn = again.correcting.corrections.corrected(again.controller.context.plane())
    assert not drawn.certain.any()


def test_deleting_the_corrections_layer_starts_over(viewer: Any, correct: Any, wait: Any, qtbot: Any) -> None:
    dock = correct()
    viewer.layers.remove("cells corrections")
    qtbot.waitUntil(lambda: correction_count(dock) == "no corrections yet")
    assert "start over" in text(dock)
    assert viewer.layers["cells prediction"].visible
    dock.form.correct.correct_button.click()
    wait(dock)
    assert viewer.layers["cells corrections"].data[40, 60] != 9
    assert not dock.correcting.corrections.corrected(dock.controller.context.plane()).certain.any()


def test_what_was_deleted_can_be_brought_back(viewer: Any, correct: Any, wait: Any, qtbot: Any) -> None:
    dock = correct("reviewed")
    dock.form.correct.regions_button.click()
    viewer.layers["cells regions"].add_rectangles([[10, 10], [10, 59], [49, 59], [49, 10]])
    before = reviewed(dock)
    viewer.layers.remove("cells corrections")
    qtbot.waitUntil(lambda: correction_count(dock) == "no corrections yet")
    follow(dock, "forget:back")
    assert viewer.layers["cells corrections"].data[40, 60] == 9
    assert reviewed(dock) == before and len(viewer.layers["cells regions"].data) == 1


def test_forget_is_offered_where_corrections_are_counted(
    viewer: Any, correct: Any, wait: Any, qtbot: Any
) -> None:
    dock = correct()
    button = dock.form.correct.forget_button
    qtbot.waitUntil(lambda: correction_count(dock) == "1 correction, 1 image")
    assert button.objectName() == "forget_button" and not button.isHidden()
    button.click()
    assert correction_count(dock) == "1 correction, 1 image"  # nothing yet
    follow(dock, "forget:all")
    assert correction_count(dock) == "no corrections yet" and not button.isHidden()
    assert "cells corrections" not in viewer.layers and viewer.layers["cells prediction"].visible
    dock.controller.view.set_message("something else")
    button.click()  # it can be brought back later, too
    follow(dock, "forget:back")
    assert correction_count(dock) == "1 correction, 1 image"
    assert viewer.layers["cells corrections"].data[40, 60] == 9


@pytest.mark.parametrize("how", ["forget:all", "forget:image", "the layer is deleted"])
def test_nothing_that_was_forgotten_is_offered_after_a_crash(
    viewer: Any, correct: Any, image: np.ndarray, wait: Any, qtbot: Any, sittings_folder: Any, how: str
) -> None:
    """The last autosave still held it."""

    def saved() -> list[str]:
        try:
            saves = list(sittings_folder.glob("*/save-*"))
            return sorted(path.stem for save in saves for path in (save / "labels").iterdir())
        except FileNotFoundError:  # the former save is being deleted
            return ["?"]

    def until(expected: list[str]) -> None:
        qtbot.waitUntil(lambda: saved() == expected, timeout=60_000)

    dock = correct()
    dock.correcting.autosave()
    until(["cells"])
    rest = []
    if how != "forget:all":
        viewer.add_image(image, name="more")
        images = dock.controller.layers.images()
        dock.controller.state.image = next(choice.key for choice in images if choice.name == "more")
        dock.form.correct.correct_button.click()
        wait(dock)
        viewer.layers["more corrections"].paint((40, 60), 9)
        dock.correcting.autosave()
        until(["cells", "more"])
        rest = ["cells"]
    if how == "the layer is deleted":
        viewer.layers.remove("more corrections")
    else:
        dock.form.correct.forget_button.click()
        follow(dock, how)
    until(rest)
    dock.controller.view.signals.offer_taken.emit("forget:back")
    until([*rest, "cells" if how == "forget:all" else "more"])
