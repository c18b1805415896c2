"""Whether a level became better, each level for itself. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from napari_unetpp._types import LevelScores, ScoreSet

Judgement = Literal["better", "same", "worse"]

WORTH_IT = 0.002
"""Smaller differences of Dice and AP50 are noise."""


def judge(before: LevelScores, after: LevelScores) -> Judgement | None:
    """One level by AP50 where both have it, else by Dice; None where neither is defined."""
    for old, new in ((before.ap50, after.ap50), (before.dice, after.dice)):
        if old is not None and new is not None:
            return "same" if abs(new - old) <= WORTH_IT else "better" if new > old else "worse"
    return None


def judge_levels(before: ScoreSet, after: ScoreSet) -> dict[int, Judgement | None]:
    """Every level that both have, shallow first."""
    return {
        level: judge(before.levels[level], after.levels[level])
        for level in sorted(before.levels.keys() & after.levels.keys())
    }


def merit(dice: Mapping[int, float]) -> float:
    """What the weights of one moment are worth: the mean over all levels, since somebody may use each.

    A moment at which the shallow levels were learned and the deep ones not yet is so compared with the end.
    """
    return sum(dice.values()) / len(dice)
