"""A new result goes below the corrections in a worker, while the user goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from correct_stand_ins import CorrectSession, begin

KEY = ("cells", 0)
FIRST, BESIDE = np.s_[8:22, 8:22], np.s_[30:33, 30:33]


@pytest.fixture
def session(sitting: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CorrectSession:
    """The first object is erased; a new result with one object less is being merged."""
    monkeypatch.setenv("UNETPP_SITTINGS", str(tmp_path / "sittings"))
    session = begin(sitting)
    session.correct()
    session.merge_runner.inline = False
    sitting.layers.arrays["cells"][40:50, 60:70] = 0.6  # below the next threshold
    session.view.signals.threshold_changed.emit(0.7)
    return session


def labels(session: CorrectSession) -> np.ndarray:
    return session.corrections.planes[KEY].labels


def test_the_window_does_not_wait(session: CorrectSession) -> None:
    before = labels(session)
    assert not session.sitting.controller.busy and session.workflow.editor.merging.busy
    session.merge_runner.finish()
    assert labels(session) is not before and not session.workflow.editor.merging.busy
    assert not labels(session)[FIRST].any(), "what was erased stays so"


def test_a_stroke_meanwhile_counts(session: CorrectSession) -> None:
    session.corrections.paint(KEY, BESIDE, 77)
    session.merge_runner.finish()
    assert (labels(session)[BESIDE] == 77).all()
    assert session.corrections.planes[KEY].certain[BESIDE].all()


def test_pixels_of_a_stroke_that_has_not_ended_stay(session: CorrectSession) -> None:
    """napari announces a stroke when the button is released."""
    held = session.corrections.planes[KEY]
    painted, certain = held.labels.copy(), held.certain.copy()
    painted[BESIDE], certain[BESIDE] = 77, True
    session.corrections.planes[KEY] = replace(held, labels=painted, certain=certain)
    session.merge_runner.finish()
    assert (labels(session)[BESIDE] == 77).all()


def test_a_layer_that_was_deleted_does_not_come_back(session: CorrectSession) -> None:
    session.corrections.remove("cells")
    session.merge_runner.finish()
    assert not session.corrections.planes and not session.workflow.editor.merging.busy


def test_save_does_not_write_the_result_before(session: CorrectSession) -> None:
    plane = session.sitting.controller.context.plane()
    saved = session.workflow.editor.corrected(plane)
    assert np.array_equal(saved, labels(session)) and not session.workflow.editor.merging.busy
    session.merge_runner.finish()
    assert np.array_equal(saved, labels(session))


def test_there_and_back_is_where_it_was(session: CorrectSession) -> None:
    session.view.signals.labels_as_chosen.emit("sparse")
    session.view.signals.labels_as_chosen.emit("corrections")
    session.merge_runner.finish()
    assert not session.corrections.planes[KEY].encoding.strokes


def test_an_error_is_said_and_ends_it(session: CorrectSession, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("napari_unetpp.session.correct.merging.encoded", fail)
    session.merge_runner.finish()
    assert "Out of memory" in session.message and not session.workflow.editor.merging.busy
