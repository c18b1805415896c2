"""What each level costs and gives: measured where it was measured, else estimated and marked so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_unetpp._types import AUTO, ModelInfo, ScoreSet
from napari_unetpp.net import graph
from napari_unetpp.session.values import levels_of

ASSUMED_FLOPS = 100e9
"""Of a laptop, for the estimate before anything was measured."""


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A level in the speed/quality chart. `quality` is Dice, None where nothing was validated."""

    level: int
    seconds: float
    measured: bool
    quality: float | None
    recommended: bool


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


def estimate(model: ModelInfo, level: int, measured: Mapping[int, float]) -> float:
    """Seconds per megapixel of `level`, scaled by FLOPs from the nearest measured level."""
    if not measured:
        return _flops(model, level) / ASSUMED_FLOPS
    near = min(measured, key=lambda other: abs(other - level))
    return measured[near] * _flops(model, level) / _flops(model, near)


def _flops(model: ModelInfo, level: int) -> float:
    """Per megapixel; of Auto, what it took on the model's validation data."""
    if level == AUTO and model.stopping:
        return model.stopping.share * _flops(model, model.net.depth)
    return graph.flops(level, model.net, 1024, 1024) * 1e6 / 2**20


def points(model: ModelInfo, measured: Mapping[int, float]) -> list[ChartPoint]:
    """The chart of `model`, shallow first."""
    return [
        ChartPoint(
            level,
            measured.get(level) or estimate(model, level, measured),
            level in measured,
            quality(model, level),
            level == model.recommended_level,
        )
        for level in levels_of(model)
    ]
