"""Correcting and fine-tuning without Qt, napari or torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from learning_stand_ins import FakeOtherImages, FakeSheets, FakeTrainer, Lesson
from stand_ins import HandRunner, Sitting

from napari_unetpp._types import UnetppError
from napari_unetpp.files.labels.corrections_folder import read_corrections
from napari_unetpp.session.correct.autosave_folder import SittingFolder, left_behind
from napari_unetpp.session.correct.controller import CorrectController
from napari_unetpp.session.correct.merge import IGNORE


@pytest.fixture(autouse=True)
def sittings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sittings"
    monkeypatch.setenv("UNETPP_SITTINGS", str(folder))
    return folder


@pytest.fixture
def lesson(sitting: Sitting) -> Lesson:
    return begin(sitting)


def begin(sitting: Sitting) -> Lesson:
    sheets, other_images, trainer = FakeSheets(), FakeOtherImages(sitting.layers), FakeTrainer()
    learn_runner, file_runner = HandRunner(), HandRunner()
    correcting = CorrectController(
        sitting.controller,
        sheets=sheets,
        other_images=other_images,
        trainer=trainer,
        learn_runner=learn_runner,
        file_runner=file_runner,
    )
    correcting.start()
    return Lesson(sitting, correcting, sheets, other_images, trainer, learn_runner, file_runner)


def test_correct_copies_the_result(lesson: Lesson) -> None:
    lesson.view.signals.segment_pressed.emit()
    lesson.view.signals.correct_pressed.emit()
    held = lesson.sheets.held["cells", 0]
    assert np.array_equal(held.labels, lesson.sitting.result) and not held.certain.any()
    assert lesson.sheets.tools == ["paint"] and lesson.sheets.brush["cells"] == 5
    lesson.view.set_lessons.assert_called_with("no corrections yet", can_forget=False)


def test_correct_without_a_result_segments_first(lesson: Lesson) -> None:
    lesson.view.signals.correct_pressed.emit()
    assert lesson.sheets.held["cells", 0].labels.max() == 4


def test_correct_without_an_image_is_said(lesson: Lesson) -> None:
    lesson.sitting.controller.state.image = None
    lesson.view.signals.correct_pressed.emit()
    assert lesson.message.startswith("Open an image first")


@pytest.mark.parametrize(("signal", "value"), [("level_changed", 1), ("threshold_changed", 0.3)])
def test_corrections_survive(lesson: Lesson, signal: str, value: Any) -> None:
    lesson.correct()
    getattr(lesson.view.signals, signal).emit(value)
    held = lesson.sheets.held["cells", 0]
    assert not held.labels[:25, :25].any() and len(np.unique(held.labels)) == 4
    lesson.view.set_lessons.assert_called_with("1 correction, 1 image", can_forget=True)


def test_another_model_leaves_corrections(lesson: Lesson) -> None:
    lesson.correct()
    lesson.view.signals.model_chosen.emit("other")
    lesson.view.signals.segment_pressed.emit()
    assert not lesson.sheets.held["cells", 0].labels[:25, :25].any()


def test_finetune_keep_and_segment_again(lesson: Lesson) -> None:
    lesson.correct()
    lesson.view.signals.budget_changed.emit(45)
    lesson.view.signals.finetune_pressed.emit()
    (request,) = lesson.trainer.requests
    assert (request.model.name, request.seconds, len(request.planes)) == ("nuclei", 45.0, 1)
    plane = request.planes[0]
    assert plane.labels_as == "corrections" and plane.certain is not None and plane.certain.sum() == 196
    rows, verdict, tone = lesson.view.set_scores.call_args.args
    assert [row.recommended for row in rows] == [False, False, True, False]
    assert verdict.startswith("Better at L3: Dice 0.63 → 0.73") and tone == "info"
    lesson.view.set_undecided.assert_called_with(True, keep=True)
    assert len(lesson.view.set_curve.call_args.args[0]) == 4
    predicted = len(lesson.sitting.engine.predicted)
    lesson.view.signals.keep_pressed.emit()
    controller = lesson.sitting.controller
    assert controller.state.model == "hash of nuclei-2" and controller.model.name == "nuclei-2"
    assert len(lesson.sitting.engine.predicted) == predicted + 1
    assert not lesson.sheets.held["cells", 0].labels[:25, :25].any()
    assert "nuclei-2" in lesson.verdict and "former model" in lesson.verdict
    lesson.view.set_undecided.assert_called_with(False, keep=None)
    names = [model.name for model in lesson.view.set_models.call_args.args[0]]
    assert names == ["nuclei", "other", "nuclei-2"]


def test_discard_leaves_everything_as_it_was(lesson: Lesson) -> None:
    lesson.trainer.gain = -0.1
    lesson.correct()
    lesson.view.signals.finetune_pressed.emit()
    assert lesson.verdict.startswith("Not better at L3")
    lesson.view.set_undecided.assert_called_with(True, keep=False)
    lesson.view.signals.discard_pressed.emit()
    assert lesson.trainer.kept == [] and lesson.sitting.controller.state.model == "nuclei"
    lesson.view.signals.finetune_pressed.emit()
    assert len(lesson.trainer.requests) == 2


def test_no_validation_is_said(lesson: Lesson) -> None:
    lesson.trainer.gain = None
    lesson.correct()
    lesson.view.signals.finetune_pressed.emit()
    assert lesson.verdict.startswith("No validation")
    assert lesson.view.set_scores.call_args.args[0] == []
    lesson.view.set_undecided.assert_called_with(True, keep=None)


def test_stop_gives_the_best_so_far(lesson: Lesson) -> None:
    lesson.correct()
    lesson.learn_runner.inline = False
    lesson.view.signals.finetune_pressed.emit()
    for _ in range(3):
        lesson.learn_runner.step()
    lesson.view.signals.stop_pressed.emit()
    lesson.learn_runner.finish()
    assert "2 steps" in lesson.verdict and "stopped early" in lesson.verdict


def test_segmenting_goes_on_while_learning(lesson: Lesson) -> None:
    lesson.correct()
    lesson.learn_runner.inline = False
    lesson.view.signals.finetune_pressed.emit()
    lesson.learn_runner.step()
    lesson.view.signals.level_changed.emit(4)
    assert lesson.message.startswith("3 objects") or "L4" in lesson.message
    lesson.view.signals.finetune_pressed.emit()
    assert lesson.message.startswith("Fine-tuning is running")
    lesson.learn_runner.finish()
    lesson.view.signals.finetune_pressed.emit()
    assert lesson.message.startswith("Keep or discard")
    assert len(lesson.trainer.requests) == 1


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (UnetppError("the labels are empty"), "the labels are empty"),
        (MemoryError(), "Out of memory"),
        (RuntimeError("odd"), "odd; RuntimeError"),
    ],
)
def test_errors_of_the_trainer_are_told(lesson: Lesson, error: BaseException, says: str) -> None:
    lesson.trainer.fail = error
    lesson.correct()
    lesson.view.signals.finetune_pressed.emit()
    assert says in lesson.message and not lesson.correcting.learning.busy
    lesson.view.set_learning.assert_called_with(False, 0.0, "")


@pytest.mark.parametrize("labels_as", ["corrections", "sparse", "reviewed"])
def test_nothing_to_learn_from_is_said(lesson: Lesson, labels_as: str) -> None:
    lesson.view.signals.labels_as_chosen.emit(labels_as)
    lesson.view.signals.finetune_pressed.emit()
    assert lesson.message.startswith("Nothing to learn from yet")
    assert lesson.trainer.requests == []


def test_no_model_is_said(lesson: Lesson) -> None:
    lesson.correct()
    lesson.sitting.controller._models.clear()
    lesson.view.signals.finetune_pressed.emit()
    assert lesson.message.startswith("No model was found")


def test_reviewed_counts_what_is_displayed(lesson: Lesson) -> None:
    lesson.view.signals.segment_pressed.emit()
    lesson.view.signals.correct_pressed.emit()
    lesson.view.signals.labels_as_chosen.emit("reviewed")
    lesson.view.signals.finetune_pressed.emit()
    (plane,) = lesson.trainer.requests[0].planes
    assert plane.labels_as == "reviewed" and plane.labels.max() == 4


def test_every_image_has_a_mode_of_its_own(lesson: Lesson, blobs: np.ndarray) -> None:
    lesson.correct()
    lesson.view.signals.labels_as_chosen.emit("reviewed")
    lesson.other_images.add("more", blobs)
    lesson.view.signals.next_image_pressed.emit()
    lesson.view.signals.labels_as_chosen.emit("sparse")
    lesson.view.signals.background_changed.emit(9)
    lesson.view.signals.correct_pressed.emit()
    lesson.sheets.paint(("more", 0), np.s_[30:34, 30:34], 9)
    lesson.view.signals.finetune_pressed.emit()
    planes = {plane.name: plane for plane in lesson.trainer.requests[0].planes}
    assert (planes["cells"].labels_as, planes["more"].labels_as) == ("reviewed", "sparse")
    assert planes["more"].background == 9
    lesson.view.signals.image_chosen.emit("cells")
    assert lesson.sitting.controller.state.labels_as == "reviewed"


def test_replay_of_a_deleted_layer(lesson: Lesson, blobs: np.ndarray) -> None:
    lesson.correct()
    lesson.sheets.remove("cells")
    lesson.sitting.layers.arrays.clear()
    lesson.other_images.add("more", blobs)
    lesson.view.signals.correct_pressed.emit()
    lesson.sheets.paint(("more", 0), np.s_[30:34, 30:34], 7)
    lesson.view.set_lessons.assert_called_with("2 corrections, 2 images", can_forget=True)
    lesson.view.signals.finetune_pressed.emit()
    assert [plane.name for plane in lesson.trainer.requests[0].planes] == ["cells", "more"]


def forget(lesson: Lesson, what: str) -> None:
    """Press Forget and take an offer of it."""
    lesson.view.signals.forget_pressed.emit()
    assert f"forget:{what}" in lesson.sitting.offers()
    lesson.view.signals.offer_taken.emit(f"forget:{what}")


@pytest.mark.parametrize(
    ("what", "left"),
    [("image", "1 correction, 1 image"), ("closed", "1 correction, 1 image"), ("all", "no corrections yet")],
)
def test_forget_and_bring_back(lesson: Lesson, blobs: np.ndarray, what: str, left: str) -> None:
    lesson.correct()
    lesson.sheets.remove("cells")
    lesson.sitting.layers.arrays.clear()
    lesson.other_images.add("more", blobs)
    lesson.view.signals.correct_pressed.emit()
    lesson.sheets.paint(("more", 0), np.s_[30:34, 30:34], 7)
    forget(lesson, what)
    lesson.view.set_lessons.assert_called_with(left, can_forget=True)
    assert lesson.sheets.has("more") == (what == "closed")
    lesson.view.signals.offer_taken.emit("forget:back")
    lesson.view.set_lessons.assert_called_with("2 corrections, 2 images", can_forget=True)
    assert lesson.sheets.has("more")


def test_only_what_there_is_can_be_forgotten(lesson: Lesson) -> None:
    lesson.correct()
    lesson.view.signals.forget_pressed.emit()
    assert lesson.sitting.offers() == ["forget:all"]


def test_a_new_dock_goes_on_with_what_the_last_one_knew(lesson: Lesson) -> None:
    """Corrections of closed images, and what labels say, do not end with the dock."""
    lesson.view.signals.labels_as_chosen.emit("reviewed")
    lesson.correct()
    lesson.sheets.remove("cells")
    known, sitting = lesson.correcting.corrector.lessons, lesson.sitting
    again = CorrectController(
        sitting.controller,
        sheets=FakeSheets(),
        other_images=lesson.other_images,
        trainer=lesson.trainer,
        learn_runner=HandRunner(),
        file_runner=HandRunner(),
        lessons=known,
    )
    (kept,) = again.corrector.gather()
    assert kept.drawn.image == "cells" and kept.mode.labels_as == "reviewed"


def test_next_image(lesson: Lesson, blobs: np.ndarray) -> None:
    lesson.other_images.add("more", blobs)
    lesson.other_images.files = [Path("folder/third.png")]
    for name in ("more", "third"):
        lesson.view.signals.next_image_pressed.emit()
        assert lesson.sitting.controller.state.image == name
        assert "4 objects" in lesson.message
    lesson.view.signals.next_image_pressed.emit()
    assert "last image" in lesson.message


def test_save_corrections(lesson: Lesson, tmp_path: Path) -> None:
    lesson.view.ask_folder.return_value = tmp_path / "mine"
    lesson.view.signals.save_corrections_pressed.emit()
    assert "no corrections" in lesson.message
    lesson.correct()
    lesson.view.signals.save_corrections_pressed.emit()
    assert "mine" in lesson.message
    (plane,) = read_corrections(tmp_path / "mine")
    assert plane.certain is not None and plane.certain.sum() == 196
    lesson.view.signals.save_corrections_pressed.emit()
    assert "not empty" in lesson.message


def test_autosave_before_a_run_and_every_two_minutes(lesson: Lesson, sittings: Path) -> None:
    lesson.correcting.autosave()
    assert not sittings.exists()  # nothing to save yet
    lesson.correct()
    lesson.correcting.autosave()
    (folder,) = sittings.iterdir()
    first = sorted(path.name for path in folder.iterdir())
    lesson.correcting.autosave()
    assert sorted(path.name for path in folder.iterdir()) == first  # nothing new
    lesson.sheets.paint(("cells", 0), np.s_[50:52, 50:52], 9)
    lesson.view.signals.finetune_pressed.emit()
    (save,) = folder.glob("save-*")
    assert (read_corrections(save)[0].labels == 9).sum() == 4
    assert left_behind(sittings) == []  # this sitting is alive
    lesson.correcting.close()
    assert not folder.exists()


def test_a_disk_that_is_full_is_said_and_learning_goes_on(lesson: Lesson, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(lesson.trainer, "save", full)
    lesson.correct()
    lesson.view.signals.finetune_pressed.emit()
    told = [call.args[0] for call in lesson.view.set_message.call_args_list]
    assert any("no space left" in text for text in told)
    assert len(lesson.trainer.requests) == 1


def crash(lesson: Lesson) -> Path:
    """Save, and die; returns what is left."""
    lesson.correcting.autosave()
    folder = lesson.correcting.autosaving._folder
    assert folder._lock is not None and folder.path is not None
    folder._lock.close()
    return folder.path


def test_restore_after_a_crash(lesson: Lesson, sittings: Path) -> None:
    lesson.correct()
    crash(lesson)
    other = begin(lesson.sitting)
    text, _tone, offers = other.view.set_message.call_args.args
    assert "did not end orderly" in text and offers[0][0].startswith("Restore corrections of ")
    other.view.signals.offer_taken.emit(offers[0][1])
    key = other.sitting.controller.state.image
    held = other.sheets.held[key, 0]
    assert held.certain.sum() == 196 and not held.labels[10, 10]
    assert "Restored 1" in other.message
    assert left_behind(sittings) == []  # saved again under the new sitting, the old one removed


def refuse(*_: Any) -> Any:
    raise UnetppError("The viewer shows 3D.")


def test_a_restore_that_fails_says_so_keeps_the_copy_and_is_offered_again(
    lesson: Lesson, sittings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dock said "Restored", and the next autosave deleted the only copy."""
    lesson.correct()
    left = crash(lesson)
    other = begin(lesson.sitting)
    with monkeypatch.context() as patch:
        patch.setattr(other.sitting.layers, "read", refuse)
        other.view.signals.offer_taken.emit("restore:1")
    assert "The viewer shows 3D" in other.message and "Restored" not in other.message
    assert [action for _, action in other.view.set_message.call_args.args[2]] == ["restore:1", "restore:0"]
    assert list(other.sitting.layers.arrays) == ["cells"], "no image without its corrections stays"
    other.correct()
    other.correcting.autosave()
    assert left.exists()
    other.view.signals.offer_taken.emit("restore:1")
    assert "Restored 1" in other.message and not left.exists()
    assert len(list(sittings.glob("*/save-*/labels/*"))) == 2, "both are in the one save there is"


def test_an_autosave_under_way_does_not_delete_what_is_being_restored(lesson: Lesson, sittings: Path) -> None:
    lesson.correct()
    left = crash(lesson)
    other = begin(lesson.sitting)
    other.file_runner.inline = False
    other.correct()
    other.correcting.autosave()
    other.view.signals.offer_taken.emit("restore:1")
    assert len(other.file_runner.jobs) == 2
    while len(other.file_runner.jobs) == 2:
        other.file_runner.step()
    assert left.exists(), "that save holds nothing of it"
    while other.file_runner.jobs and left.exists():
        other.file_runner.step()
    assert not left.exists() and "Restored 1" in other.message
    assert len(list(sittings.glob("*/save-*/labels/*"))) == 2


def test_a_copy_that_cannot_be_saved_again_stays(
    lesson: Lesson, sittings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left")

    lesson.correct()
    left = crash(lesson)
    other = begin(lesson.sitting)
    monkeypatch.setattr(other.trainer, "save", full)
    other.view.signals.offer_taken.emit("restore:1")
    assert left.exists() and left_behind(sittings)
    monkeypatch.undo()
    monkeypatch.setenv("UNETPP_SITTINGS", str(sittings))
    other.correcting.autosave()
    assert not left.exists()


def test_a_plane_that_cannot_be_read_keeps_the_copy(lesson: Lesson, blobs: np.ndarray) -> None:
    lesson.correct()
    lesson.other_images.add("more", blobs)
    lesson.sitting.controller.state.image = "more"
    lesson.view.signals.correct_pressed.emit()
    lesson.sheets.paint(("more", 0), np.s_[30:34, 30:34], 7)
    left = crash(lesson)
    (damaged,) = left.glob("save-*/labels/more.tif")
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:50])
    other = begin(lesson.sitting)
    other.view.signals.offer_taken.emit("restore:1")
    assert "Restored 1 corrected image, but not all" in other.message and "more.tif" in other.message
    assert left.exists()
    damaged.write_bytes(whole)
    other.view.signals.offer_taken.emit("restore:1")
    assert "Restored 1 corrected image." in other.message and not left.exists()
    assert len(other.sheets.held) == 2, "the one that was open already is not opened twice"


def test_regions_and_ignore_survive_a_crash(lesson: Lesson) -> None:
    """Once, everything outside the regions came back as Ignore."""
    lesson.correct()
    plane = lesson.sitting.layers.read("cells")
    lesson.view.signals.labels_as_chosen.emit("reviewed")
    lesson.sheets.draw_regions(plane, [("rectangle", ((5.0, 5.0), (5.0, 30.0), (40.0, 30.0), (40.0, 5.0)))])
    lesson.sheets.paint(plane.key, np.s_[6:8, 6:8], IGNORE)
    lesson.sheets.paint(plane.key, np.s_[60:62, 80:82], IGNORE)  # outside of the region
    lesson.sheets.paint(plane.key, np.s_[50:52, 50:52], 9)  # so is this
    before = lesson.sheets.held[plane.key]
    crash(lesson)
    other = begin(lesson.sitting)
    other.view.signals.offer_taken.emit("restore:1")
    found = other.sheets.held[other.sitting.controller.state.image, 0]
    assert np.array_equal(found.labels, before.labels) and np.array_equal(found.certain, before.certain)
    assert found.outlines == before.outlines and np.array_equal(found.inside, before.inside)
    assert other.sitting.controller.state.labels_as == "reviewed"


def test_ignore_alone_is_saved_though_it_teaches_nothing(lesson: Lesson, sittings: Path) -> None:
    lesson.view.signals.segment_pressed.emit()
    lesson.view.signals.correct_pressed.emit()
    lesson.correcting.autosave()
    assert not sittings.exists(), "nothing was done yet"
    lesson.sheets.paint(("cells", 0), np.s_[8:22, 8:22], IGNORE)
    lesson.correcting.autosave()
    (save,) = sittings.glob("*/save-*")
    (plane,) = read_corrections(save)
    assert plane.ignore is not None and plane.ignore.sum() == 196


def test_a_first_save_that_fails_leaves_the_second_one_its_lock(
    sittings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another window offered to delete the corrections of a sitting that was alive."""
    folder = SittingFolder(sittings)
    sittings.parent.mkdir(exist_ok=True)
    sittings.write_text("in the way")
    with pytest.raises(OSError):
        folder.write(lambda path: path.mkdir(parents=True))
    sittings.unlink()
    folder.write(lambda path: path.mkdir(parents=True))
    assert len(list(sittings.glob("*/save-*"))) == 1 and left_behind(sittings) == []


def test_the_latest_save_is_told_from_ten_thousand(sittings: Path) -> None:
    folder = SittingFolder(sittings)
    folder._count = 9998
    for _ in range(3):
        folder.write(lambda path: path.mkdir(parents=True))
    (save,) = sittings.glob("*/save-*")
    assert save.name == "save-10001"


def test_what_a_crash_left_can_be_deleted(lesson: Lesson, sittings: Path) -> None:
    SittingFolder(sittings).write(lambda path: (path / "images").mkdir(parents=True))
    assert len(left_behind(sittings)) == 1
    lesson.correcting.autosaving.look()
    assert "did not end orderly" in lesson.message
    lesson.view.signals.offer_taken.emit("restore:0")
    assert left_behind(sittings) == [] and not any(sittings.iterdir())


def test_closing_while_saving_leaves_nothing(sittings: Path) -> None:
    folder = SittingFolder(sittings)

    def fill(path: Path) -> None:
        path.mkdir(parents=True)
        folder.close()

    with pytest.raises(OSError):
        folder.write(fill)
    assert list(sittings.iterdir()) == []


def test_two_sittings_at_once(sittings: Path) -> None:
    folders = [SittingFolder(sittings) for _ in range(2)]
    for folder in folders:
        folder.write(lambda path: path.mkdir(parents=True))
    assert len(list(sittings.iterdir())) == 2 and left_behind(sittings) == []
    for folder in folders:
        folder.close()


def test_closed_while_learning(lesson: Lesson) -> None:
    lesson.correct()
    lesson.learn_runner.inline = False
    lesson.view.signals.finetune_pressed.emit()
    lesson.learn_runner.step()
    lesson.correcting.close()
    lesson.view.reset_mock()
    lesson.learn_runner.finish()
    assert lesson.view.method_calls == []
    assert lesson.learn_runner.closed and lesson.file_runner.closed
