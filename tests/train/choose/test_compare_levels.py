"""Each level is compared by itself, and the weights of a run by all levels."""

from __future__ import annotations

import pytest

from napari_unetpp._types import LevelScores, ScoreSet
from napari_unetpp.train.choose.levels import compare, compare_levels, mean_over_levels

Scores = tuple[float | None, float | None]

CHANGES: dict[str, tuple[Scores, Scores, str | None]] = {
    "AP50 counts": ((0.9, 0.5), (0.8, 0.6), "better"),
    "AP50 falls": ((0.8, 0.6), (0.9, 0.5), "worse"),
    "noise": ((0.9, 0.5), (0.1, 0.501), "same"),
    "Dice where AP50 is undefined": ((0.5, None), (0.6, None), "better"),
    "Dice where AP50 was undefined": ((0.5, None), (0.4, 0.9), "worse"),
    "nothing": ((None, None), (0.5, None), None),
}


@pytest.mark.parametrize("case", CHANGES)
def test_one_level(case: str) -> None:
    before, after, expected = CHANGES[case]
    scores = [LevelScores(dice, None, ap50, 1) for dice, ap50 in (before, after)]
    assert compare(*scores) == expected


def test_levels_are_compared_apart() -> None:
    sets = [
        ScoreSet("", 1, {level: LevelScores(value, None, None, 1) for level, value in enumerate(dice, 1)})
        for dice in ((0.5, 0.6, 0.7, 0.8), (0.6, 0.6, 0.6, 0.9))
    ]
    assert compare_levels(*sets) == {1: "better", 2: "same", 3: "worse", 4: "better"}


def test_two_heads_that_were_learned_do_not_beat_four() -> None:
    """At 20 % L2 is the best level of all, while L3 and L4 have not been learned yet."""
    at_the_start, at_20_percent, at_the_end = (
        mean_over_levels(dict(enumerate(dice, 1)))
        for dice in ((0.5, 0.5, 0.6, 0.6), (0.7, 0.85, 0.3, 0.2), (0.7, 0.8, 0.82, 0.84))
    )
    assert at_the_end > at_the_start > at_20_percent
