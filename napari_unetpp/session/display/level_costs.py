"""What each level costs and gives: as real runs took where there were any, else estimated and marked so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_unetpp._types import AUTO, ModelInfo, ScoreSet
from napari_unetpp.net import graph

ASSUMED_FLOPS = 100e9
"""Of a laptop, for the estimate before anything was measured."""


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A level in the speed/quality chart.

    Attributes
    ----------
    seconds : float
        Per megapixel of the working grid.
    measured : bool
        Whether that is what real runs on this machine took; else it is estimated.
    quality : float or None
        Dice; None where nothing was validated.
    """

    level: int
    seconds: float
    measured: bool
    quality: float | None
    recommended: bool


def levels_of(model: ModelInfo) -> tuple[int, ...]:
    """Levels that can be asked for: those of the network, and `AUTO` where the model has a rule for it."""
    return (*model.net.levels, AUTO) if model.stopping else model.net.levels


def scores_of(model: ModelInfo) -> ScoreSet | None:
    """Validation scores; the test scores where the card has no others."""
    return model.validation or model.test


def quality(model: ModelInfo, level: int) -> float | None:
    """Dice of `level` on the model's validation data."""
    if level == AUTO:
        return model.stopping.scores.dice if model.stopping else None
    scores = scores_of(model)
    entry = scores.levels.get(level) if scores else None
    return entry.dice if entry else None


def estimate(model: ModelInfo, level: int, learned: Mapping[int, float], trial: Mapping[int, float]) -> float:
    """Seconds per megapixel of a level that was not run yet.

    As much more or less than the nearest level that was as the trial, or the FLOPs, say. What Auto takes
    depends on the image, so it says nothing of the others.
    """
    runs = {other: seconds for other, seconds in learned.items() if other != AUTO}
    work = _work(model, level, trial)
    if not runs:
        return work
    near = min(runs, key=lambda other: abs(other - level))
    seconds = runs[near] * work / _work(model, near, trial)
    if level == AUTO:
        return seconds
    least = max((runs[other] for other in runs if other < level), default=0.0)
    most = min((runs[other] for other in runs if other > level), default=seconds)
    return min(max(seconds, least), most)


def _work(model: ModelInfo, level: int, trial: Mapping[int, float]) -> float:
    """Seconds per megapixel by a trial, else by FLOPs; of Auto, by its share on the validation data."""
    if level == AUTO and model.stopping:
        return model.stopping.share * _work(model, model.net.depth, trial)
    if level in trial:
        return trial[level]
    return graph.flops(level, model.net, 1024, 1024) * 1e6 / 2**20 / ASSUMED_FLOPS


def points(
    model: ModelInfo, learned: Mapping[int, float], trial: Mapping[int, float] | None = None
) -> list[ChartPoint]:
    """The chart of `model`, shallow first.

    Parameters
    ----------
    model : ModelInfo
    learned : mapping from level to seconds per megapixel
        What real runs took.
    trial : mapping from level to seconds per megapixel, optional
        What all levels took on a small square.
    """
    return [
        ChartPoint(
            level,
            learned[level] if level in learned else estimate(model, level, learned, trial or {}),
            level in learned,
            quality(model, level),
            level == model.recommended_level,
        )
        for level in levels_of(model)
    ]
