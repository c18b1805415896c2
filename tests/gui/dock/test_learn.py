"""Fine-tuning from the dock: Keep, Discard, whatever is deleted meanwhile, and what a crash leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QWidget

from napari_unetpp._types import FinetuneDone, FinetuneProgress, FinetuneStarted, LabelledPlane
from napari_unetpp.files.labels.corrections_folder import read_corrections, save_corrections
from napari_unetpp.files.models.model_list import list_models
from napari_unetpp.gui.samples import FOLDER
from napari_unetpp.session.correct.merge import IGNORE_LABEL
from napari_unetpp.session.correct.saving.autosave_folder import SessionFolder, left_behind
from napari_unetpp.session.correct.work import TorchTrainer

NAMES = (
    "correct_button",
    "labels_as_combo",
    "budget_spin",
    "finetune_button",
    "training_chart",
    "scores_table",
    "keep_button",
    "discard_button",
    "save_corrections_button",
    "next_image_button",
)
LONG = 60_000


class Teacher(TorchTrainer):
    """Turns the heads around after `go`; all else is real."""

    def __init__(self, *, better: bool = True) -> None:
        self.go = threading.Event()
        self.better = better
        self.requests: list[Any] = []

    def finetune(self, request: Any, should_stop: Any) -> Iterator[Any]:
        from napari_unetpp.files.models.model_file import read_tensors

        self.requests.append(request)
        yield FinetuneStarted(len(request.planes), "one block of 32 px")
        yield FinetuneProgress(1, 1.0, 0.5, 0.7, dict.fromkeys((1, 2, 3, 4), 0.5))
        while not self.go.wait(0.01) and not should_stop():
            pass
        tensors = {
            name: -tensor if "head" in name else tensor
            for name, tensor in read_tensors(request.model.path).items()
        }
        scores = request.model.validation
        raised = {d: replace(one, dice=0.8 if self.better else 0.4) for d, one in scores.levels.items()}
        after = replace(scores, levels=raised)
        info = replace(request.model, name="tiny-2", validation=after, provenance={"parent": "tiny"})
        yield FinetuneDone(info, tensors, scores, after, self.better, 1, 1.0, should_stop())


@pytest.fixture
def photo() -> np.ndarray:
    """A part of a shipped sample."""
    from napari_unetpp.files.images.image_file import read_image

    return np.asarray(read_image(FOLDER / "dense_fluorescence.png"))[:96, :128]


@pytest.fixture
def corrected(viewer: Any, photo: np.ndarray, open_dock: Any, wait: Any, qtbot: Any) -> Any:
    """A dock with one stroke on a corrected image and a teacher that waits."""
    viewer.add_image(photo, name="cells")
    dock = open_dock()
    dock.form.head.segment_button.click()
    wait(dock)
    dock.form.correct.correct_button.click()
    viewer.layers["cells corrections"].paint((80, 100), 40000)
    label = dock.form.correct.correction_count_label
    qtbot.waitUntil(lambda: label.text() == "1 correction, 1 image", timeout=LONG)
    dock.correcting.finetuning.trainer = Teacher()
    return dock


def begin(dock: Any, qtbot: Any) -> Any:
    dock.form.correct.finetune_button.click()
    qtbot.waitUntil(lambda: bool(dock.correcting.finetuning._points), timeout=LONG)
    return dock.form.correct


def end(dock: Any, qtbot: Any) -> None:
    dock.correcting.finetuning.trainer.go.set()
    qtbot.waitUntil(lambda: dock.correcting.finetuning.done is not None, timeout=LONG)


def test_all_widgets_have_their_names(viewer: Any, open_dock: Any) -> None:
    dock = open_dock()
    for name in NAMES:
        assert dock.findChild(QWidget, name) is not None, name
    assert not dock.form.correct_fold.button.isChecked()
    dock.open_correct()
    for mode in ("sparse", "reviewed"):
        dock.correcting.view.signals.labels_as_chosen.emit(mode)
        assert dock.form.minimumSizeHint().width() <= 300, mode
    assert dock.findChild(QWidget, "budget_spin").value() == 60
    assert dock.form.correct.keep_button.isHidden() and dock.form.correct.scores_table.isHidden()


@pytest.mark.parametrize("labels_as", ["reviewed", "corrections"])
def test_what_was_taught_as_reviewed_outlives_the_new_model(
    viewer: Any, corrected: Any, qtbot: Any, wait: Any, labels_as: str
) -> None:
    """The result of the new model used to grow rims and false objects into labels that were all true."""
    corrected.correcting.view.signals.labels_as_chosen.emit(labels_as)
    begin(corrected, qtbot)
    end(corrected, qtbot)
    taught = viewer.layers["cells corrections"].data.copy()
    corrected.form.result.threshold_slider.setValue(
        0.05
    )  # whatever the new model finds, it is something else
    wait(corrected)
    corrected.form.correct.keep_button.click()
    qtbot.waitUntil(lambda: corrected.controller.model.name == "tiny-2", timeout=LONG)
    wait(corrected)
    same = np.array_equal(viewer.layers["cells corrections"].data, taught)
    assert same == (labels_as == "reviewed")


def test_keep(viewer: Any, corrected: Any, qtbot: Any, wait: Any) -> None:
    before = viewer.layers["cells prediction"].data.copy()
    version = corrected.controller.model.sha256
    fold = begin(corrected, qtbot)
    assert not fold.finetune_button.isEnabled() and corrected.form.head.stop_button.isEnabled()
    assert not fold.training_chart.isHidden() and "Dice L1 0.500" in fold.training_chart.toolTip()
    end(corrected, qtbot)
    rows = [[fold.scores_table.item(r, c).text() for c in range(3)] for r in range(4)]
    assert rows[1] == ["L2 ★", "0.50", "0.80"]
    assert "border" in fold.keep_button.styleSheet() and not fold.discard_button.styleSheet()
    fold.keep_button.click()
    qtbot.waitUntil(lambda: corrected.controller.model.name == "tiny-2", timeout=LONG)
    wait(corrected)
    assert corrected.form.head.model_combo.currentText().startswith("tiny-2")
    assert [model.name for model in list_models()] == ["tiny", "tiny-2"]
    assert corrected.controller.model.provenance["parent"] == "tiny"
    assert viewer.layers["cells corrections"].data[80, 100] == 40000
    assert not np.array_equal(viewer.layers["cells prediction"].data, before)  # nothing of the old weights
    assert fold.keep_button.isHidden()
    corrected.correcting.view.signals.model_chosen.emit(version)  # undo: the former model again
    corrected.form.head.segment_button.click()
    wait(corrected)
    assert np.array_equal(viewer.layers["cells prediction"].data, before)
    assert viewer.layers["cells corrections"].data[80, 100] == 40000


def test_discard(viewer: Any, corrected: Any, qtbot: Any) -> None:
    before = viewer.layers["cells corrections"].data.copy()
    corrected.correcting.finetuning.trainer.better = False
    fold = begin(corrected, qtbot)
    end(corrected, qtbot)
    assert "Not better" in fold.finetune_summary_label.text()
    assert "border" in fold.discard_button.styleSheet() and not fold.keep_button.styleSheet()
    fold.discard_button.click()
    assert [model.name for model in list_models()] == ["tiny"]
    assert corrected.controller.model.name == "tiny"
    assert np.array_equal(viewer.layers["cells corrections"].data, before)
    qtbot.waitUntil(fold.finetune_button.isEnabled)  # a moment after the run has ended


def test_stop(corrected: Any, qtbot: Any) -> None:
    fold = begin(corrected, qtbot)
    corrected.form.head.stop_button.click()
    qtbot.waitUntil(lambda: corrected.correcting.finetuning.done is not None, timeout=LONG)
    assert "stopped early" in fold.finetune_summary_label.text()
    qtbot.waitUntil(lambda: not corrected.form.head.stop_button.isEnabled(), timeout=LONG)


def test_the_window_lives_while_learning(viewer: Any, corrected: Any, qtbot: Any, wait: Any) -> None:
    begin(corrected, qtbot)
    corrected.form.head.levels.slider.setValue(4)
    wait(corrected)
    assert "L4" in corrected.form.head.message_label.text()
    viewer.layers["cells corrections"].paint((10, 10), 40001)
    assert len(corrected.correcting.editor.usable()[0].certain.nonzero()[0]) > 1
    end(corrected, qtbot)
    assert (
        corrected.correcting.finetuning.trainer.requests[0].planes[0].labels.max() == 40000
    )  # as it was then


@pytest.mark.parametrize(
    ("names", "left"),
    [
        (["cells corrections"], "no corrections yet"),
        (["cells", "cells prediction", "cells corrections"], "1 correction, 1 image"),
    ],
)
def test_layers_deleted_while_learning(
    viewer: Any, corrected: Any, qtbot: Any, wait: Any, names: list[str], left: str
) -> None:
    fold = begin(corrected, qtbot)
    for name in names:
        viewer.layers.remove(name)
    end(corrected, qtbot)
    assert fold.correction_count_label.text() == left
    fold.keep_button.click()
    qtbot.waitUntil(lambda: corrected.controller.model.name == "tiny-2", timeout=LONG)
    wait(corrected)


def test_dock_closed_while_learning(viewer: Any, corrected: Any, qtbot: Any, sittings_folder: Path) -> None:
    begin(corrected, qtbot)
    assert any(sittings_folder.glob("*/save-*"))
    viewer.window.remove_dock_widget(corrected)
    qtbot.wait(50)
    corrected.correcting.finetune_runner._executor.shutdown(wait=True)
    corrected.correcting.file_runner._executor.shutdown(wait=True)
    assert not any(sittings_folder.iterdir())
    assert viewer.layers["cells corrections"].data[80, 100] == 40000


def test_save_corrections(corrected: Any, qtbot: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(corrected, "ask_folder", lambda _suggestion: tmp_path / "mine")
    corrected.form.correct.save_corrections_button.click()
    qtbot.waitUntil(lambda: "Saved the corrections" in corrected.form.head.message_label.text(), timeout=LONG)
    (plane,) = read_corrections(tmp_path / "mine")
    assert plane.labels[80, 100] == 40000 and plane.certain[80, 100] and plane.image.shape == (96, 128)


CRASH = """
import sys, time
import napari, numpy as np
from qtpy.QtWidgets import QApplication
from napari_unetpp.gui.dock.dock import UnetppDock
viewer = napari.Viewer(show=False)
viewer.add_image(np.load(sys.argv[1]), name="cells")
dock = UnetppDock(viewer)
viewer.window.add_dock_widget(dock)
dock.start()
def until(true):
    while not true():
        QApplication.processEvents()
        time.sleep(0.01)
dock.form.correct.correct_button.click()
until(lambda: "cells corrections" in viewer.layers)
viewer.layers["cells corrections"].paint((80, 100), 40000)
until(lambda: dock.form.correct.correction_count_label.text() == "1 correction, 1 image")
dock._autosave.timeout.emit()  # two minutes have passed
until(lambda: dock.correcting.autosaving.saved)
print("saved", flush=True)
until(lambda: False)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
def test_kill_9_loses_no_label(
    viewer: Any, photo: np.ndarray, open_dock: Any, qtbot: Any, tmp_path: Path, sittings_folder: Path
) -> None:
    np.save(tmp_path / "photo.npy", photo)
    (tmp_path / "crash.py").write_text(CRASH)
    command = [sys.executable, str(tmp_path / "crash.py"), str(tmp_path / "photo.npy")]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        alive = left_behind(sittings_folder)
        os.kill(process.pid, signal.SIGKILL)
    assert said == "saved\n" and alive == []
    dock = open_dock()
    message = dock.form.head.message_label
    qtbot.waitUntil(lambda: "Restore corrections of" in message.text(), timeout=LONG)
    message.linkActivated.emit("restore:1")
    qtbot.waitUntil(lambda: "cells corrections" in viewer.layers, timeout=LONG)
    assert viewer.layers["cells corrections"].data[80, 100] == 40000
    assert np.array_equal(viewer.layers["cells"].data, photo)
    label = dock.form.correct.correction_count_label
    qtbot.waitUntil(lambda: label.text() == "1 correction, 1 image", timeout=LONG)
    # written down anew before the old folder goes
    ours = lambda: len(list(sittings_folder.iterdir())) == 1 and left_behind(sittings_folder) == []  # noqa: E731
    qtbot.waitUntil(ours, timeout=LONG)


@pytest.fixture
def left(photo: np.ndarray, sittings_folder: Path) -> Path:
    """What a crash left of an image with a reviewed region, something ignored in it, and a stroke."""
    labels = np.zeros(photo.shape, np.uint16)
    labels[20:24, 20:24] = 7
    inside, ignored = np.zeros(photo.shape, bool), np.zeros(photo.shape, bool)
    inside[10:51, 10:61] = ignored[30:33, 30:33] = True
    region = ("rectangle", ((10.0, 10.0), (10.0, 60.0), (50.0, 60.0), (50.0, 10.0)))
    plane = LabelledPlane(
        *("cells", photo, labels, "reviewed"),
        certain=labels > 0,
        ignore=ignored | ~inside,
        regions=(region,),
        ignored=ignored,
    )
    folder = SessionFolder(sittings_folder)
    folder.write(lambda path: save_corrections(path, [plane], None))
    assert folder.path is not None and folder._lock is not None
    folder._lock.close()
    return folder.path


def test_restoring_in_3d_fails_loses_nothing_and_works_in_2d(
    viewer: Any, photo: np.ndarray, left: Path, open_dock: Any, qtbot: Any
) -> None:
    """The dock said "Restored", and two minutes later the corrections were gone."""
    viewer.add_image(np.stack([photo, photo]), name="stack")
    viewer.dims.ndisplay = 3
    dock = open_dock()
    message = dock.form.head.message_label
    qtbot.waitUntil(lambda: "Restore corrections of" in message.text(), timeout=LONG)
    message.linkActivated.emit("restore:1")
    qtbot.waitUntil(lambda: "Not restored" in message.text(), timeout=LONG)
    assert "3D" in message.text() and "restore:1" in message.text()
    assert [layer.name for layer in viewer.layers] == ["stack"] and left.exists()
    viewer.dims.ndisplay = 2
    message.linkActivated.emit("restore:1")
    qtbot.waitUntil(lambda: "Restored 1 corrected image." in message.text(), timeout=LONG)
    labels = viewer.layers["cells corrections"].data
    assert labels.shape == photo.shape and labels[21, 21] == 7
    assert (labels == IGNORE_LABEL).sum() == 9, "what lies outside of the region is not ignored by itself"
    assert dock.controller.state.labels_as == "reviewed"
    (lesson,) = dock.correcting.editor.usable()
    assert lesson.inside.sum() == 41 * 51
    regions = viewer.layers["cells regions"]
    np.testing.assert_array_equal(regions.data[0], [[10, 10], [10, 60], [50, 60], [50, 10]])
    qtbot.waitUntil(lambda: not left.exists(), timeout=LONG)


def test_corrections_are_saved_soon_after_the_last_stroke(
    viewer: Any, corrected: Any, qtbot: Any, sittings_folder: Path
) -> None:
    assert corrected._rested.timeout() == 15_000
    corrected._rested.setTimeout(20)
    viewer.layers["cells corrections"].paint((10, 10), 40001)
    qtbot.waitUntil(lambda: any(sittings_folder.glob("*/save-*")), timeout=LONG)
