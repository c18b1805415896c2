"""Every message ends when what it speaks of ends; then the line says what holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from correct_stand_ins import CorrectSession, begin

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.session.messages import common
from napari_unetpp.session.messages.image import CHOOSE
from napari_unetpp.session.values import Click, Line, MouseTool

Act = Callable[[CorrectSession], object]
KEY = ("cells", 0)
RESULT = "objects, median diameter"
NOTHING = ""


@pytest.fixture
def session(sitting: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CorrectSession:
    monkeypatch.setenv("UNETPP_SITTINGS", str(tmp_path / "sittings"))
    return begin(sitting)


def emit(signal: str, *values: Any) -> Act:
    return lambda session: getattr(session.view.signals, signal).emit(*values)


def then(*acts: Act) -> Act:
    def all_of_them(session: CorrectSession) -> None:
        for act in acts:
            act(session)

    return all_of_them


def click(y: int, x: int, *, remove: bool = False) -> Act:
    def act(session: CorrectSession) -> None:
        session.sitting.layers.signals.clicked.emit("cells", Click(Region(y, x, y + 1, x + 1), remove))
        session.corrections.signals.painted.emit("cells")  # of the click itself, a moment later

    return act


def draw(tool: MouseTool, *points: tuple[int, int]) -> Act:
    def act(session: CorrectSession) -> None:
        session.sitting.layers.signals.drawn.emit("cells", Line(tool, points))
        session.corrections.signals.painted.emit("cells")

    return act


def fail(session: CorrectSession) -> None:
    """The next run ends with an error."""
    original = session.sitting.engine.predict

    def predict(*args: Any) -> Any:
        session.sitting.engine.predict = original
        raise UnetppError("the run has failed")

    session.sitting.engine.predict = predict


def stop(session: CorrectSession) -> None:
    """A run that is stopped after its first tile."""
    runner = session.sitting.runner
    runner.inline = False
    session.view.signals.level_changed.emit(4)
    while not session.sitting.engine.predicted or session.sitting.engine.predicted[-1][0] != 4:
        runner.step()
    session.view.signals.stop_pressed.emit()
    runner.finish()
    runner.inline = True


def close_image(session: CorrectSession) -> None:
    del session.sitting.layers.arrays["cells"]
    session.sitting.layers.signals.images_changed.emit()


def other_image(session: CorrectSession) -> None:
    open_image(session)
    session.view.signals.image_chosen.emit("others")


def open_image(session: CorrectSession) -> None:
    session.sitting.layers.arrays["others"] = session.sitting.layers.arrays["cells"]
    session.sitting.layers.signals.images_changed.emit()


def close_others(session: CorrectSession) -> None:
    del session.sitting.layers.arrays["others"]
    session.sitting.layers.signals.images_changed.emit()


def other_plane(session: CorrectSession) -> None:
    session.view.signals.live_toggled.emit(False)
    session.sitting.layers.versions["cells"] = 1
    session.sitting.layers.signals.plane_changed.emit("cells")


def undo(session: CorrectSession) -> None:
    session.corrections.paint(KEY, np.s_[0:1, 0:1], 0)


SEGMENT, CORRECT, NEXT = emit("segment_pressed"), emit("correct_pressed"), emit("next_pressed")
DEEPER, MODEL = emit("level_changed", 4), emit("model_chosen", "other")
THRESHOLD = emit("threshold_changed", 0.6)
LEARN = then(SEGMENT, CORRECT, undo, emit("finetune_pressed"))
AT_PLANE = "This plane is not segmented yet"

TABLE: dict[str, tuple[Act, str, Act, str]] = {
    "what comes next, until an image is closed": (lambda _: None, common.READY, close_image, common.NO_IMAGE),
    "no image, until one is opened": (
        close_image,
        common.NO_IMAGE,
        lambda s: (
            s.sitting.layers.arrays.update(new=np.zeros((64, 96), np.float32)),
            s.sitting.layers.signals.images_changed.emit(),
        ),
        common.READY,
    ),
    "a result, until its image is closed": (SEGMENT, RESULT, close_image, common.NO_IMAGE),
    "a result, until another image is chosen": (SEGMENT, RESULT, other_image, common.READY),
    "a result, until another model is chosen": (SEGMENT, RESULT, MODEL, common.READY),
    "an image that was opened, until it is chosen": (
        then(SEGMENT, open_image),
        "others was opened; cells is the one in Image",
        emit("offer_taken", CHOOSE),
        common.READY,
    ),
    "an image that was opened, until it is closed": (
        then(SEGMENT, open_image),
        "others was opened",
        close_others,
        RESULT,
    ),
    "an image that was opened, until Segment is pressed": (
        then(SEGMENT, open_image),
        "others was opened",
        SEGMENT,
        RESULT,
    ),
    "whose result is shown, until it is removed": (
        then(SEGMENT, MODEL),
        common.READY + common.STILL.format("nuclei"),
        lambda s: (
            s.sitting.layers.painted.clear(),
            s.sitting.layers.signals.result_removed.emit("cells"),
        ),
        common.READY,
    ),
    "whose result is shown, until that model is chosen": (
        then(SEGMENT, MODEL),
        common.READY + common.STILL.format("nuclei"),
        emit("model_chosen", "nuclei"),
        common.READY,
    ),
    "the device after a second model: the layer shows that of the second": (
        then(SEGMENT, MODEL, SEGMENT, emit("device_chosen", "cpu"), emit("model_chosen", "nuclei")),
        common.READY + common.STILL.format("other"),
        MODEL,
        common.READY,
    ),
    "a result, until another device is chosen": (SEGMENT, RESULT, emit("device_chosen", "cpu"), common.READY),
    "a result, until another plane is displayed": (SEGMENT, RESULT, other_plane, AT_PLANE),
    "an unsegmented plane, until it is segmented": (then(SEGMENT, other_plane), AT_PLANE, SEGMENT, RESULT),
    "a removed layer, until another image is chosen": (
        then(SEGMENT, lambda s: s.sitting.layers.signals.result_removed.emit("cells")),
        common.REMOVED,
        other_image,
        common.READY,
    ),
    "a stopped run, until an option changes": (then(SEGMENT, stop), "Stopped after", THRESHOLD, RESULT),
    "a stopped run, until the slider goes back": (
        then(SEGMENT, stop),
        "Stopped after",
        emit("level_changed", 3),
        RESULT,
    ),
    "a failed run, until the slider goes back": (
        then(SEGMENT, fail, DEEPER),
        "the run has failed",
        emit("level_changed", 3),
        RESULT,
    ),
    "a failed run, until the next one": (then(SEGMENT, fail, DEEPER), "the run has failed", SEGMENT, RESULT),
    "a failed first run, until another image is chosen": (
        then(fail, SEGMENT),
        "the run has failed",
        other_image,
        common.READY,
    ),
    "contrast out of order, until it is in order": (
        then(SEGMENT, emit("contrast_chosen", "given"), emit("range_changed", (2.0, 1.0))),
        "must be below the second",
        emit("range_changed", (0.0, 1.0)),
        RESULT,
    ),
    "what a level costs, until the slider goes back": (
        then(SEGMENT, emit("live_toggled", False), DEEPER),
        "L4 is not computed yet",
        emit("level_changed", 3),
        RESULT,
    ),
    "Next without a result, until there is one": (NEXT, "Press Segment first", SEGMENT, RESULT),
    "Save without a result, until there is one": (
        emit("save_pressed"),
        "There is nothing to save",
        SEGMENT,
        RESULT,
    ),
    "a place, until an option changes": (then(SEGMENT, NEXT), "uncertain", THRESHOLD, RESULT),
    "Ignore before Correct, until Correct": (
        then(SEGMENT, emit("ignore_pressed")),
        "Press Correct first",
        CORRECT,
        RESULT,
    ),
    "Regions before Correct, until Correct": (
        then(SEGMENT, emit("regions_pressed")),
        "Press Correct first",
        CORRECT,
        RESULT,
    ),
    "nothing to learn from, until something is painted": (
        then(SEGMENT, CORRECT, emit("finetune_pressed")),
        "Nothing to learn from yet",
        undo,
        RESULT,
    ),
    "nothing to save, until something is painted": (
        then(SEGMENT, CORRECT, emit("save_corrections_pressed")),
        "no corrections to save",
        undo,
        RESULT,
    ),
    "an object that was added, until that is undone": (
        then(emit("click_tool_toggled", True), click(15, 15)),
        "1 object added",
        undo,
        common.READY,
    ),
    "an object that was taken away, until that is undone": (
        then(SEGMENT, CORRECT, click(15, 15, remove=True)),
        "1 object taken away",
        undo,
        RESULT,
    ),
    "the click tool, until it is put away": (
        then(SEGMENT, emit("click_tool_toggled", True)),
        "Click an object",
        emit("click_tool_toggled", False),
        RESULT,
    ),
    "what Merge wants, until it is put away": (
        then(SEGMENT, emit("merge_objects_toggled", True), draw("merge", (15, 15))),
        "Now click an object that touches",
        emit("merge_objects_toggled", False),
        RESULT,
    ),
    "an object that was split, until that is undone": (
        then(SEGMENT, CORRECT, draw("split", (5, 15), (25, 15))),
        "Split: 2 objects now",
        undo,
        RESULT,
    ),
    "why nothing was merged, until something else is done": (
        then(SEGMENT, CORRECT, draw("merge", (15, 5), (15, 25))),
        "crosses one object only",
        undo,
        RESULT,
    ),
    "what to forget, until another image is chosen": (
        then(SEGMENT, CORRECT, undo, emit("forget_pressed")),
        "Forget which corrections?",
        other_image,
        common.READY,
    ),
    "forgotten corrections, until an option changes": (
        then(SEGMENT, CORRECT, undo, emit("forget_pressed"), emit("offer_taken", "forget:all")),
        "you start over",
        THRESHOLD,
        RESULT,
    ),
    "fine-tuning has ended, until it is decided": (
        LEARN,
        "keep or discard",
        emit("discard_pressed"),
        "Discarded",
    ),
    "discarded, until an option changes": (
        then(LEARN, emit("discard_pressed")),
        "Discarded",
        THRESHOLD,
        RESULT,
    ),
    "keep or discard first, until it is discarded": (
        then(LEARN, emit("finetune_pressed")),
        "Keep or discard the new model first",
        emit("discard_pressed"),
        "Discarded",
    ),
    "the last image, until another one is opened": (
        then(SEGMENT, emit("next_image_pressed")),
        "This was the last image",
        other_image,
        common.READY,
    ),
}


@pytest.mark.parametrize(("act", "said", "end", "after"), TABLE.values(), ids=TABLE.keys())
def test_a_message_ends_with_its_subject(
    session: CorrectSession, act: Act, said: str, end: Act, after: str
) -> None:
    act(session)
    assert said in session.message
    end(session)
    assert after in session.message and (said == after or said not in session.message)


def test_what_was_kept_is_no_news_once_another_model_is_chosen(session: CorrectSession) -> None:
    then(LEARN, emit("keep_pressed"))(session)
    assert session.view.set_scores.call_args[0][1].startswith("Kept as")
    MODEL(session)
    assert session.view.set_scores.call_args[0][1] == ""


def test_a_decision_that_is_pending_stays_with_another_model(session: CorrectSession) -> None:
    LEARN(session)
    MODEL(session)
    assert session.view.set_scores.call_args[0][1].startswith("Better")
