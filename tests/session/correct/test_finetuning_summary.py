"""What is said of a fine-tuning agrees with its table, depth by depth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from stand_ins import model_info

from napari_unetpp._types import FinetuneDone, LevelScores, ScoreSet
from napari_unetpp.session.messages.correcting import summary


def scores(dice: Mapping[int, float]) -> ScoreSet:
    return ScoreSet("held out", 1, {level: LevelScores(d, None, None, 1) for level, d in dice.items()})


@pytest.mark.parametrize(
    ("before", "after", "better", "says", "says_not"),
    [
        ((0.6, 0.7, 0.8, 0.8), (0.7, 0.8, 0.9, 0.9), True, "Better at L3: Dice 0.80 → 0.90", "Worse"),
        (
            (0.6, 0.7, 0.8, 0.8),
            (0.5, 0.7, 0.9, 0.7),
            True,
            "Worse at L1 (0.60 → 0.50), L4 (0.80 → 0.70).",
            "x",
        ),
        ((0.6, 0.7, 0.8, 0.8), (0.9, 0.7, 0.7, 0.7), False, "Better at L1 (0.60 → 0.90).", "Worse"),
        (
            (0.6, 0.7, 0.8, 0.8),
            (0.6, 0.7, 0.8, 0.8),
            False,
            "Not better at L3: Dice 0.80 → 0.80",
            "Better at L1",
        ),
        ((0.601, 0.7, 0.8, 0.8), (0.604, 0.7, 0.8, 0.8), False, "Not better", "Better at L1"),
    ],
)
def test_each_depth_is_judged_for_itself(
    before: tuple[float, ...], after: tuple[float, ...], better: bool, says: str, says_not: str
) -> None:
    pairs = [dict(enumerate(values, 1)) for values in (before, after)]
    info = replace(model_info(level=3), validation=scores(pairs[1]))
    done = FinetuneDone(info, {}, scores(pairs[0]), scores(pairs[1]), better, 10, 60.0, False)
    text, tone = summary(done)
    assert says in text and says_not not in text
    assert tone == ("info" if better else "warning")


def test_without_validation_no_depth_is_judged() -> None:
    done = FinetuneDone(model_info(), {}, None, None, None, 10, 60.0, False)
    assert "No validation" in summary(done)[0] and "Worse" not in summary(done)[0]
