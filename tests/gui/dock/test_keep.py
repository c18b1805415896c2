"""After Keep: the depth, Auto, and what can be saved meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from test_learn import LONG, Teacher

from napari_unetpp._types import AUTO, FinetuneDone, LevelScores, ModelInfo, StoppingRule


@pytest.fixture(scope="session")
def tiny_info(tiny_info: ModelInfo) -> ModelInfo:
    """The tiny model with Auto."""
    nothing = (0.0, 0.0, 0.0)
    scores = LevelScores(0.5, 0.4, None, 4000)
    return replace(tiny_info, stopping=StoppingRule(nothing, nothing, 0.5, 0.003, 0.5, scores, 32))


class WithoutAuto(Teacher):
    """Its model has no rule for Auto."""

    def finetune(self, request: Any, should_stop: Any) -> Iterator[Any]:
        for event in super().finetune(request, should_stop):
            if isinstance(event, FinetuneDone):
                info = replace(event.info, stopping=None)
                event = replace(event, info=info, notes=("No Auto: its rule needs more pixels.",))
            yield event


@pytest.fixture
def learned(viewer: Any, image: np.ndarray, open_dock: Any, wait: Any, qtbot: Any) -> Any:
    """Fine-tunes at a depth, keeps the new model, and gives the dock while that segments."""

    def learn(level: int) -> Any:
        viewer.add_image(image, name="cells")
        dock = open_dock()
        dock.form.head.levels.slider.setValue(level)
        dock.form.head.segment_button.click()
        wait(dock)
        assert dock.form.result.save_button.isEnabled()
        dock.form.correct.correct_button.click()
        viewer.layers["cells corrections"].paint((80, 100), 40000)
        qtbot.waitUntil(
            lambda: "1 correction" in dock.form.correct.correction_count_label.text(), timeout=LONG
        )
        dock.correcting.finetuning.trainer = WithoutAuto()
        dock.correcting.finetuning.trainer.go.set()
        dock.form.correct.finetune_button.click()
        qtbot.waitUntil(lambda: dock.correcting.finetuning.done is not None, timeout=LONG)
        dock.form.correct.keep_button.click()
        qtbot.waitUntil(lambda: dock.controller.model.name == "tiny-2", timeout=LONG)
        return dock

    return learn


def test_the_depth_stays_and_save_says_why_it_waits(learned: Any, wait: Any) -> None:
    """The depth went to the recommended one, and Save was grey without a word."""
    dock = learned(4)
    save = dock.form.result.save_button
    assert not save.isEnabled() and "is being segmented" in save.toolTip()
    wait(dock)
    assert dock.controller.state.level == dock.form.head.levels.slider.value() == 4
    assert save.isEnabled() and "table of its objects" in save.toolTip()
    assert "Auto" not in dock.form.correct.finetune_summary_label.text()
    dock.controller.state.model = next(iter(dock.controller.context.models))
    assert not save.isEnabled() and "press Segment" in save.toolTip()


def test_it_says_why_there_is_no_auto_any_more(learned: Any, wait: Any) -> None:
    dock = learned(AUTO)
    wait(dock)
    slider = dock.form.head.levels.slider
    assert slider.value() == 2 and slider.maximum() == 4
    text = dock.form.correct.finetune_summary_label.text()
    assert "No Auto: its rule needs more pixels. The depth is L2 now." in text
    assert "this model has no rule where it may stop early" in slider.toolTip()
    assert dock.form.result.save_button.isEnabled()
