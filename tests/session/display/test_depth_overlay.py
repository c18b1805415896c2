"""Auto as the fifth stop of the slider, and the overlay of its depths, without Qt, napari or torch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from stand_ins import FLOPS, model_info

from napari_unetpp._types import AUTO, LevelScores, StoppingRule
from napari_unetpp.net import graph
from napari_unetpp.session.display import costs
from napari_unetpp.session.messages import models as model_messages
from napari_unetpp.session.segment.speeds import Hints

RULE = StoppingRule((0.3,) * 3, (0.1,) * 3, 0.02, 0.003, 0.4, LevelScores(0.87, 0.7, 0.5, 1))
MODEL = replace(model_info("with auto"), stopping=RULE)


@pytest.fixture
def auto(sitting: Any) -> Any:
    """A sitting with a model that has Auto, segmented by it."""
    sitting.controller.add_model(MODEL)
    sitting.view.signals.level_changed.emit(AUTO)
    sitting.view.signals.segment_pressed.emit()
    return sitting


def test_the_slider_has_a_fifth_stop_where_the_model_has_a_rule(sitting: Any) -> None:
    assert sitting.view.set_levels.call_args[0][0] == (1, 2, 3, 4)
    sitting.controller.add_model(MODEL)
    assert sitting.view.set_levels.call_args[0][0] == (1, 2, 3, 4, AUTO)
    assert sitting.controller.state.level == MODEL.recommended_level


def test_the_result_says_what_auto_took(auto: Any) -> None:
    assert auto.engine.predicted[-1][0] == AUTO
    share = FLOPS / graph.flops(4, MODEL.net, 64, 96)
    assert "px, Auto, " in auto.message and f", {share:.0%} of the full work" in auto.message


def test_chart_and_readout_of_auto() -> None:
    *fixed, auto = costs.points(MODEL, {4: 2.0})
    assert [point.level for point in fixed] == [1, 2, 3, 4]
    assert (auto.level, auto.seconds, auto.quality, auto.measured) == (
        AUTO,
        pytest.approx(0.8 + costs.AUTO_OVERHEAD),
        0.87,
        False,
    )
    text, tip = model_messages.readout(MODEL, auto)
    assert text.startswith("Auto · 9.04 M · about 1.4 s per megapixel · Dice 0.87")
    assert "40%" in tip and "0.003" in tip
    assert costs.points(MODEL, {AUTO: 0.7, 4: 2.0})[-1].seconds == 0.7


def test_a_first_run_of_auto_says_what_the_levels_take() -> None:
    """What it takes beside the network was counted as the network's, and for Auto itself a second time."""
    *_, deepest, auto = costs.points(MODEL, {}, hints=Hints(first={AUTO: 1.4}))
    assert auto.seconds == pytest.approx(1.4)
    assert deepest.seconds == pytest.approx((1.4 - costs.AUTO_OVERHEAD) / 0.4)
    quick = costs.points(MODEL, {}, hints=Hints(first={AUTO: costs.AUTO_OVERHEAD / 2}))
    assert quick == costs.points(MODEL, {}), "it says nothing"


def test_the_depth_is_shown_with_auto_only(auto: Any) -> None:
    assert auto.layers.depth is None
    auto.view.signals.depth_toggled.emit(True)
    auto.view.set_depth_shown.assert_called_with(True)
    assert set(np.unique(auto.layers.depth)) == {1, 4} and auto.layers.depth.shape == (64, 96)
    auto.view.signals.level_changed.emit(2)
    assert auto.layers.depth is None
    auto.view.signals.level_changed.emit(AUTO)
    assert auto.layers.depth is not None
    auto.view.signals.depth_toggled.emit(False)
    assert auto.layers.depth is None


def test_the_box_may_be_ticked_first(sitting: Any) -> None:
    sitting.view.signals.depth_toggled.emit(True)
    assert sitting.layers.depth is None
    sitting.controller.add_model(MODEL)
    sitting.view.signals.level_changed.emit(AUTO)
    sitting.view.signals.segment_pressed.emit()
    assert sitting.layers.depth is not None


def test_what_auto_took_is_measured_by_real_runs(sitting: Any) -> None:
    """Its dot stayed an estimate for ever."""
    sitting.layers.arrays["cells"] = np.tile(sitting.layers.arrays["cells"], (4, 3))
    sitting.controller.add_model(MODEL)
    sitting.view.signals.level_changed.emit(AUTO)
    *before, auto = sitting.view.set_chart.call_args[0][0]
    assert not auto.measured
    sitting.view.signals.segment_pressed.emit()
    *after, auto = sitting.view.set_chart.call_args[0][0]
    megapixels = 4 * 64 * 3 * 96 / 1e6
    assert auto.measured and auto.seconds == pytest.approx(0.1 / megapixels), "the stand-in takes 0.1 s"
    assert after == before, "how deep an image needs it says nothing about the depths"
