"""Correcting and fine-tuning without Qt, napari or torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import call

import numpy as np
import pytest
from correct_stand_ins import CorrectSession, FakeCorrections, begin
from stand_ins import HandRunner, Sitting

from napari_unetpp._types import UnetppError
from napari_unetpp.files.labels.corrections_folder import read_corrections
from napari_unetpp.session.correct.merge import IGNORE_LABEL
from napari_unetpp.session.correct.saving.autosave_folder import SessionFolder, left_behind
from napari_unetpp.session.correct.workflow import CorrectionWorkflow
from napari_unetpp.session.events import Ready


@pytest.fixture(autouse=True)
def sittings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "sittings"
    monkeypatch.setenv("UNETPP_SITTINGS", str(folder))
    return folder


@pytest.fixture
def session(sitting: Sitting) -> CorrectSession:
    return begin(sitting)


def test_correct_copies_the_result(session: CorrectSession) -> None:
    session.view.signals.segment_pressed.emit()
    session.view.signals.correct_pressed.emit()
    held = session.corrections.planes["cells", 0]
    assert np.array_equal(held.labels, session.sitting.result) and not held.certain.any()
    assert session.corrections.tools == ["paint"] and session.corrections.brush["cells"] == 5
    session.view.set_correction_count.assert_called_with("no corrections yet", can_forget=False)


def test_correct_without_a_result_segments_first(session: CorrectSession) -> None:
    session.view.signals.correct_pressed.emit()
    assert session.corrections.planes["cells", 0].labels.max() == 4


def test_correct_without_an_image_is_said(session: CorrectSession) -> None:
    session.sitting.controller.state.image = None
    session.view.signals.correct_pressed.emit()
    assert session.message.startswith("Open an image first")


@pytest.mark.parametrize(("signal", "value"), [("level_changed", 1), ("threshold_changed", 0.3)])
def test_corrections_survive(session: CorrectSession, signal: str, value: Any) -> None:
    session.correct()
    getattr(session.view.signals, signal).emit(value)
    held = session.corrections.planes["cells", 0]
    assert not held.labels[:25, :25].any() and len(np.unique(held.labels)) == 4
    session.view.set_correction_count.assert_called_with("1 correction, 1 image", can_forget=True)


def test_another_model_leaves_corrections(session: CorrectSession) -> None:
    session.correct()
    session.view.signals.model_chosen.emit("other")
    session.view.signals.segment_pressed.emit()
    assert not session.corrections.planes["cells", 0].labels[:25, :25].any()


def test_finetune_keep_and_segment_again(session: CorrectSession) -> None:
    session.correct()
    session.view.signals.budget_changed.emit(45)
    session.view.signals.finetune_pressed.emit()
    (request,) = session.trainer.requests
    assert (request.model.name, request.seconds, len(request.planes)) == ("nuclei", 45.0, 1)
    plane = request.planes[0]
    assert plane.labels_as == "corrections" and plane.certain is not None and plane.certain.sum() == 196
    rows, summary, tone = session.view.set_scores.call_args.args
    assert [row.recommended for row in rows] == [False, False, True, False]
    assert summary.startswith("Better at L3: Dice 0.63 → 0.73") and tone == "info"
    session.view.set_decision.assert_called_with(True, suggested=True)
    assert len(session.view.set_curve.call_args.args[0]) == 4
    predicted = len(session.sitting.engine.predicted)
    session.view.signals.keep_pressed.emit()
    controller = session.sitting.controller
    assert controller.state.model == "hash of nuclei-2" and controller.model.name == "nuclei-2"
    assert len(session.sitting.engine.predicted) == predicted + 1
    assert not session.corrections.planes["cells", 0].labels[:25, :25].any()
    assert "nuclei-2" in session.summary and "former model" in session.summary
    session.view.set_decision.assert_called_with(False, suggested=None)
    names = [model.name for model in session.view.set_models.call_args.args[0]]
    assert names == ["nuclei", "other", "nuclei-2"]


def test_discard_leaves_everything_as_it_was(session: CorrectSession) -> None:
    session.trainer.gain = -0.1
    session.correct()
    session.view.signals.finetune_pressed.emit()
    assert session.summary.startswith("Not better at L3")
    session.view.set_decision.assert_called_with(True, suggested=False)
    session.view.signals.discard_pressed.emit()
    assert session.trainer.kept == [] and session.sitting.controller.state.model == "nuclei"
    session.view.signals.finetune_pressed.emit()
    assert len(session.trainer.requests) == 2


def test_no_validation_is_said(session: CorrectSession) -> None:
    session.trainer.gain = None
    session.correct()
    session.view.signals.finetune_pressed.emit()
    assert session.summary.startswith("No validation")
    assert session.view.set_scores.call_args.args[0] == []
    session.view.set_decision.assert_called_with(True, suggested=None)


def test_stop_gives_the_best_so_far(session: CorrectSession) -> None:
    session.correct()
    session.finetune_runner.inline = False
    session.view.signals.finetune_pressed.emit()
    for _ in range(3):
        session.finetune_runner.step()
    session.view.signals.stop_pressed.emit()
    session.finetune_runner.finish()
    assert "2 steps" in session.summary and "stopped early" in session.summary


def test_segmenting_goes_on_while_learning(session: CorrectSession) -> None:
    session.correct()
    session.finetune_runner.inline = False
    session.view.signals.finetune_pressed.emit()
    session.finetune_runner.step()
    session.view.signals.level_changed.emit(4)
    assert session.message.startswith("4 objects") and ", L4, " in session.message
    session.view.signals.finetune_pressed.emit()
    assert session.message.startswith("Fine-tuning is running")
    session.finetune_runner.finish()
    session.view.signals.finetune_pressed.emit()
    assert session.message.startswith("Keep or discard")
    assert len(session.trainer.requests) == 1


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (UnetppError("the labels are empty"), "the labels are empty"),
        (MemoryError(), "Out of memory"),
        (RuntimeError("odd"), "odd; RuntimeError"),
    ],
)
def test_errors_of_the_trainer_are_told(session: CorrectSession, error: BaseException, says: str) -> None:
    session.trainer.fail = error
    session.correct()
    session.view.signals.finetune_pressed.emit()
    assert says in session.message and not session.workflow.finetuning.busy
    session.view.set_finetuning.assert_called_with(False, 0.0, "")


@pytest.mark.parametrize("labels_as", ["corrections", "sparse", "reviewed"])
def test_nothing_to_learn_from_is_said(session: CorrectSession, labels_as: str) -> None:
    session.view.signals.labels_as_chosen.emit(labels_as)
    session.view.signals.finetune_pressed.emit()
    assert session.message.startswith("Nothing to learn from yet")
    assert session.trainer.requests == []


def test_no_model_is_said(session: CorrectSession) -> None:
    session.correct()
    session.sitting.controller.context.models.clear()
    session.view.signals.finetune_pressed.emit()
    assert session.message.startswith("No model was found")


def test_reviewed_counts_what_is_displayed(session: CorrectSession) -> None:
    session.view.signals.segment_pressed.emit()
    session.view.signals.correct_pressed.emit()
    session.view.signals.labels_as_chosen.emit("reviewed")
    session.view.signals.finetune_pressed.emit()
    (plane,) = session.trainer.requests[0].planes
    assert plane.labels_as == "reviewed" and plane.labels.max() == 4


def test_every_image_has_a_mode_of_its_own(session: CorrectSession, blobs: np.ndarray) -> None:
    session.correct()
    session.view.signals.labels_as_chosen.emit("reviewed")
    session.other_images.add("more", blobs)
    session.view.signals.next_image_pressed.emit()
    session.view.signals.labels_as_chosen.emit("sparse")
    session.view.signals.background_changed.emit(9)
    session.view.signals.correct_pressed.emit()
    session.corrections.paint(("more", 0), np.s_[30:34, 30:34], 9)
    session.view.signals.finetune_pressed.emit()
    planes = {plane.name: plane for plane in session.trainer.requests[0].planes}
    assert (planes["cells"].labels_as, planes["more"].labels_as) == ("reviewed", "sparse")
    assert planes["more"].background == 9
    session.view.signals.image_chosen.emit("cells")
    assert session.sitting.controller.state.labels_as == "reviewed"


def test_replay_of_a_deleted_layer(session: CorrectSession, blobs: np.ndarray) -> None:
    session.correct()
    session.corrections.remove("cells")
    session.sitting.layers.arrays.clear()
    session.other_images.add("more", blobs)
    session.view.signals.correct_pressed.emit()
    session.corrections.paint(("more", 0), np.s_[30:34, 30:34], 7)
    session.view.set_correction_count.assert_called_with("2 corrections, 2 images", can_forget=True)
    session.view.signals.finetune_pressed.emit()
    assert [plane.name for plane in session.trainer.requests[0].planes] == ["cells", "more"]


def forget(session: CorrectSession, what: str) -> None:
    """Press Forget and take an offer of it."""
    session.view.signals.forget_pressed.emit()
    assert f"forget:{what}" in session.sitting.offers()
    session.view.signals.offer_taken.emit(f"forget:{what}")


@pytest.mark.parametrize(
    ("what", "left"),
    [("image", "1 correction, 1 image"), ("closed", "1 correction, 1 image"), ("all", "no corrections yet")],
)
def test_forget_and_bring_back(session: CorrectSession, blobs: np.ndarray, what: str, left: str) -> None:
    session.correct()
    session.corrections.remove("cells")
    session.sitting.layers.arrays.clear()
    session.other_images.add("more", blobs)
    session.view.signals.correct_pressed.emit()
    session.corrections.paint(("more", 0), np.s_[30:34, 30:34], 7)
    forget(session, what)
    session.view.set_correction_count.assert_called_with(left, can_forget=True)
    assert session.corrections.has("more") == (what == "closed")
    session.view.signals.offer_taken.emit("forget:back")
    session.view.set_correction_count.assert_called_with("2 corrections, 2 images", can_forget=True)
    assert session.corrections.has("more")


def test_only_what_there_is_can_be_forgotten(session: CorrectSession) -> None:
    session.correct()
    session.view.signals.forget_pressed.emit()
    assert session.sitting.offers() == ["forget:all"]


def test_a_new_dock_goes_on_with_what_the_last_one_knew(session: CorrectSession) -> None:
    """Corrections of closed images, and what labels say, do not end with the dock."""
    session.view.signals.labels_as_chosen.emit("reviewed")
    session.correct()
    session.corrections.remove("cells")
    known, sitting = session.workflow.editor.store, session.sitting
    again = CorrectionWorkflow(
        sitting.controller,
        corrections=FakeCorrections(),
        other_images=session.other_images,
        trainer=session.trainer,
        finetune_runner=HandRunner(),
        file_runner=HandRunner(),
        merge_runner=HandRunner(),
        store=known,
    )
    (plane,) = again.editor.usable()
    assert plane.image == "cells" and plane.mode.labels_as == "reviewed"


def test_next_image(session: CorrectSession, blobs: np.ndarray) -> None:
    session.other_images.add("more", blobs)
    session.other_images.files = [Path("folder/third.png")]
    for name in ("more", "third"):
        session.view.signals.next_image_pressed.emit()
        assert session.sitting.controller.state.image == name
        assert "4 objects" in session.message
    session.view.signals.next_image_pressed.emit()
    assert "last image" in session.message


def test_save_corrections(session: CorrectSession, tmp_path: Path) -> None:
    session.view.ask_folder.return_value = tmp_path / "mine"
    session.view.signals.save_corrections_pressed.emit()
    assert "no corrections" in session.message
    session.correct()
    session.view.signals.save_corrections_pressed.emit()
    assert "mine" in session.message
    (plane,) = read_corrections(tmp_path / "mine")
    assert plane.certain is not None and plane.certain.sum() == 196
    session.view.signals.save_corrections_pressed.emit()
    assert "not empty" in session.message


def test_autosave_before_a_run_and_every_two_minutes(session: CorrectSession, sittings: Path) -> None:
    session.workflow.autosave()
    assert not sittings.exists()  # nothing to save yet
    session.correct()
    session.workflow.autosave()
    (folder,) = sittings.iterdir()
    first = sorted(path.name for path in folder.iterdir())
    session.workflow.autosave()
    assert sorted(path.name for path in folder.iterdir()) == first  # nothing new
    session.corrections.paint(("cells", 0), np.s_[50:52, 50:52], 9)
    session.view.signals.finetune_pressed.emit()
    (save,) = folder.glob("save-*")
    assert (read_corrections(save)[0].labels == 9).sum() == 4
    assert left_behind(sittings) == []  # this sitting is alive
    session.workflow.close()
    assert not folder.exists()


def test_a_disk_that_is_full_is_said_and_learning_goes_on(session: CorrectSession, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(session.trainer, "save", full)
    session.correct()
    session.view.signals.finetune_pressed.emit()
    told = [call.args[0] for call in session.view.set_message.call_args_list]
    assert any("no space left" in text for text in told)
    assert len(session.trainer.requests) == 1


def crash(session: CorrectSession) -> Path:
    """Save, and die; returns what is left."""
    session.workflow.autosave()
    folder = session.workflow.autosaving._folder
    assert folder._lock is not None and folder.path is not None
    folder._lock.close()
    return folder.path


def test_restore_after_a_crash(session: CorrectSession, sittings: Path) -> None:
    session.correct()
    crash(session)
    other = begin(session.sitting)
    text, _tone, offers = other.view.set_message.call_args.args
    assert "did not end properly" in text and offers[0][0].startswith("Restore corrections of ")
    other.view.signals.offer_taken.emit(offers[0][1])
    key = other.sitting.controller.state.image
    held = other.corrections.planes[key, 0]
    assert held.certain.sum() == 196 and not held.labels[10, 10]
    assert "Restored 1" in other.message
    assert left_behind(sittings) == []  # saved again under the new sitting, the old one removed


def test_the_offer_stays_when_the_worker_gets_ready(session: CorrectSession) -> None:
    """The invitation to press Segment replaced it."""
    session.correct()
    crash(session)
    other = begin(session.sitting)
    controller = other.sitting.controller
    ready = Ready("model", controller.state.device_request, "cpu", "float32", "", ("cpu",))
    controller.context.jobs.deliver(ready)
    assert "did not end properly" in other.message


def refuse(*_: Any) -> Any:
    raise UnetppError("The viewer shows 3D.")


@pytest.mark.parametrize("faster", [False, True])
def test_after_keep_a_faster_format_is_prepared_for_the_next_segment(
    session: CorrectSession, faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.trainer.faster = faster
    controller, warmed = session.sitting.controller, []
    session.correct()
    session.view.signals.finetune_pressed.emit()
    session.view.signals.keep_pressed.emit()
    assert session.trainer.prepared == ["nuclei-2"]
    assert call(True, None, "preparing int8 for the new model") in session.view.set_finetuning.call_args_list
    session.view.set_finetuning.assert_called_with(False, 0.0, "")
    monkeypatch.setattr(controller.runs, "warm", lambda model, device: warmed.append(model.name))
    controller.segment()
    controller.segment()
    assert warmed == (["nuclei-2"] if faster else []), "loaded again once, when Segment is pressed"


def test_a_restore_that_fails_says_so_keeps_the_copy_and_is_offered_again(
    session: CorrectSession, sittings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dock said "Restored", and the next autosave deleted the only copy."""
    session.correct()
    left = crash(session)
    other = begin(session.sitting)
    with monkeypatch.context() as patch:
        patch.setattr(other.sitting.layers, "read", refuse)
        other.view.signals.offer_taken.emit("restore:1")
    assert "The viewer shows 3D" in other.message and "Restored" not in other.message
    assert [action for _, action in other.view.set_message.call_args.args[2]] == ["restore:1", "restore:0"]
    assert list(other.sitting.layers.arrays) == ["cells"], "no image without its corrections stays"
    other.correct()
    other.workflow.autosave()
    assert left.exists()
    other.view.signals.offer_taken.emit("restore:1")
    assert "Restored 1" in other.message and not left.exists()
    assert len(list(sittings.glob("*/save-*/labels/*"))) == 2, "both are in the one save there is"


def test_an_autosave_under_way_does_not_delete_what_is_being_restored(
    session: CorrectSession, sittings: Path
) -> None:
    session.correct()
    left = crash(session)
    other = begin(session.sitting)
    other.file_runner.inline = False
    other.correct()
    other.workflow.autosave()
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
    session: CorrectSession, sittings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("no space left")

    session.correct()
    left = crash(session)
    other = begin(session.sitting)
    monkeypatch.setattr(other.trainer, "save", full)
    other.view.signals.offer_taken.emit("restore:1")
    assert left.exists() and left_behind(sittings)
    monkeypatch.undo()
    monkeypatch.setenv("UNETPP_SITTINGS", str(sittings))
    other.workflow.autosave()
    assert not left.exists()


def test_a_plane_that_cannot_be_read_keeps_the_copy(session: CorrectSession, blobs: np.ndarray) -> None:
    session.correct()
    session.other_images.add("more", blobs)
    session.sitting.controller.state.image = "more"
    session.view.signals.correct_pressed.emit()
    session.corrections.paint(("more", 0), np.s_[30:34, 30:34], 7)
    left = crash(session)
    (damaged,) = left.glob("save-*/labels/more.tif")
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:50])
    other = begin(session.sitting)
    other.view.signals.offer_taken.emit("restore:1")
    assert "Restored 1 corrected image, but not all" in other.message and "more.tif" in other.message
    assert left.exists()
    damaged.write_bytes(whole)
    other.view.signals.offer_taken.emit("restore:1")
    assert "Restored 1 corrected image." in other.message and not left.exists()
    assert len(other.corrections.planes) == 2, "the one that was open already is not opened twice"


def test_regions_and_ignore_survive_a_crash(session: CorrectSession) -> None:
    """Once, everything outside the regions came back as Ignore."""
    session.correct()
    plane = session.sitting.layers.read("cells")
    session.view.signals.labels_as_chosen.emit("reviewed")
    session.corrections.draw_regions(
        plane, [("rectangle", ((5.0, 5.0), (5.0, 30.0), (40.0, 30.0), (40.0, 5.0)))]
    )
    session.corrections.paint(plane.key, np.s_[6:8, 6:8], IGNORE_LABEL)
    session.corrections.paint(plane.key, np.s_[60:62, 80:82], IGNORE_LABEL)  # outside of the region
    session.corrections.paint(plane.key, np.s_[50:52, 50:52], 9)  # so is this
    before = session.corrections.planes[plane.key]
    crash(session)
    other = begin(session.sitting)
    other.view.signals.offer_taken.emit("restore:1")
    found = other.corrections.planes[other.sitting.controller.state.image, 0]
    assert np.array_equal(found.labels, before.labels) and np.array_equal(found.certain, before.certain)
    assert found.outlines == before.outlines and np.array_equal(found.inside, before.inside)
    assert other.sitting.controller.state.labels_as == "reviewed"


def test_ignore_alone_is_saved_though_it_teaches_nothing(session: CorrectSession, sittings: Path) -> None:
    session.view.signals.segment_pressed.emit()
    session.view.signals.correct_pressed.emit()
    session.workflow.autosave()
    assert not sittings.exists(), "nothing was done yet"
    session.corrections.paint(("cells", 0), np.s_[8:22, 8:22], IGNORE_LABEL)
    session.workflow.autosave()
    (save,) = sittings.glob("*/save-*")
    (plane,) = read_corrections(save)
    assert plane.ignore is not None and plane.ignore.sum() == 196


def test_a_first_save_that_fails_leaves_the_second_one_its_lock(
    sittings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another window offered to delete the corrections of a sitting that was alive."""
    folder = SessionFolder(sittings)
    sittings.parent.mkdir(exist_ok=True)
    sittings.write_text("in the way")
    with pytest.raises(OSError):
        folder.write(lambda path: path.mkdir(parents=True))
    sittings.unlink()
    folder.write(lambda path: path.mkdir(parents=True))
    assert len(list(sittings.glob("*/save-*"))) == 1 and left_behind(sittings) == []


def test_the_latest_save_is_told_from_ten_thousand(sittings: Path) -> None:
    folder = SessionFolder(sittings)
    folder._count = 9998
    for _ in range(3):
        folder.write(lambda path: path.mkdir(parents=True))
    (save,) = sittings.glob("*/save-*")
    assert save.name == "save-10001"


def test_what_a_crash_left_can_be_deleted(session: CorrectSession, sittings: Path) -> None:
    SessionFolder(sittings).write(lambda path: (path / "images").mkdir(parents=True))
    assert len(left_behind(sittings)) == 1
    session.workflow.autosaving.find()
    assert "did not end properly" in session.message
    session.view.signals.offer_taken.emit("restore:0")
    assert left_behind(sittings) == [] and not any(sittings.iterdir())


def test_closing_while_saving_leaves_nothing(sittings: Path) -> None:
    folder = SessionFolder(sittings)

    def fill(path: Path) -> None:
        path.mkdir(parents=True)
        folder.close()

    with pytest.raises(OSError):
        folder.write(fill)
    assert list(sittings.iterdir()) == []


def test_two_sittings_at_once(sittings: Path) -> None:
    folders = [SessionFolder(sittings) for _ in range(2)]
    for folder in folders:
        folder.write(lambda path: path.mkdir(parents=True))
    assert len(list(sittings.iterdir())) == 2 and left_behind(sittings) == []
    for folder in folders:
        folder.close()


def test_closed_while_learning(session: CorrectSession) -> None:
    session.correct()
    session.finetune_runner.inline = False
    session.view.signals.finetune_pressed.emit()
    session.finetune_runner.step()
    session.workflow.close()
    session.view.reset_mock()
    session.finetune_runner.finish()
    assert session.view.method_calls == []
    assert session.finetune_runner.closed and session.file_runner.closed
