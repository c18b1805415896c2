"""What each level costs and gives on this machine.

Seconds come from real runs where there were any. Else they are estimated, from other levels, from a trial
on a small square or from FLOPs, and marked so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_unetpp._types import AUTO, ModelInfo, ScoreSet
from napari_unetpp.net import graph
from napari_unetpp.session.events import Speed
from napari_unetpp.session.segment.speeds import NO_HINTS, Hints
from napari_unetpp.session.values import DeviceRequest, levels_of, model_key

ASSUMED_FLOPS = 100e9
"""Of a laptop, for the estimate before anything was measured."""

AUTO_OVERHEAD = 0.6
"""Seconds per megapixel that Auto takes beside the network, in float32 and bfloat16; see how-it-works.md."""


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


def estimate(
    model: ModelInfo,
    level: int,
    measured: Mapping[int, float],
    trial: Mapping[int, float],
    hints: Hints = NO_HINTS,
) -> float:
    """Seconds per megapixel of a level that was not run yet.

    As much more or less than the nearest level that was as the trial, or the FLOPs, say. What Auto takes
    depends on the image, so it says nothing of the others; expected is its share of the deepest level's work
    on the validation data, and `AUTO_OVERHEAD`.
    """
    if level == AUTO and model.stopping:
        deepest = model.net.depth
        seconds = (
            measured[deepest] if deepest in measured else estimate(model, deepest, measured, trial, hints)
        )
        return model.stopping.share * seconds + AUTO_OVERHEAD
    runs = {other: seconds for other, seconds in measured.items() if other != AUTO}
    work = _work(model, level, trial)
    if not runs:
        return work * _pace(model, trial, hints)
    near = min(runs, key=lambda other: abs(other - level))
    seconds = runs[near] * work / _work(model, near, trial)
    least = max((runs[other] for other in runs if other < level), default=0.0)
    most = min((runs[other] for other in runs if other > level), default=seconds)
    return min(max(seconds, least), most)


def _pace(model: ModelInfo, trial: Mapping[int, float], hints: Hints) -> float:
    """What runs took as a share of what the trial, or the FLOPs, say: from hints alone."""
    if hints.added:
        (known, level), seconds = list(hints.added.items())[-1]
        work = _work(model, level, trial) - _work(model, known, trial)
        return seconds / work if work > 0 else 1.0
    if trial or not hints.first:
        return 1.0
    ((level, seconds),) = hints.first.items()
    if level == AUTO:
        seconds -= AUTO_OVERHEAD
    return seconds / _work(model, level, trial) if seconds > 0 else 1.0


def _work(model: ModelInfo, level: int, trial: Mapping[int, float]) -> float:
    """Seconds per megapixel by a trial, else by FLOPs; of Auto, by its share on the validation data."""
    if level == AUTO and model.stopping:
        return model.stopping.share * _work(model, model.net.depth, trial)
    if level in trial:
        return trial[level]
    return graph.flops(level, model.net, 1024, 1024) * 1e6 / 2**20 / ASSUMED_FLOPS


def points(
    model: ModelInfo,
    measured: Mapping[int, float],
    trial: Mapping[int, float] | None = None,
    hints: Hints = NO_HINTS,
) -> list[ChartPoint]:
    """The chart of `model`, shallow first.

    Parameters
    ----------
    model : ModelInfo
    measured : mapping from level to seconds per megapixel
        What real runs took.
    trial : mapping from level to seconds per megapixel, optional
        What all levels took on a small square.
    hints : Hints, optional
        What else real runs say.
    """
    return [
        ChartPoint(
            level,
            measured[level] if level in measured else estimate(model, level, measured, trial or {}, hints),
            level in measured,
            quality(model, level),
            level == model.recommended_level,
        )
        for level in levels_of(model)
    ]


class Costs:
    """What is known of each model and device, for the chart and the readout."""

    def __init__(self) -> None:
        self._measured: dict[tuple[str, DeviceRequest], Mapping[int, float]] = {}
        self._trial: dict[tuple[str, DeviceRequest], Mapping[int, float]] = {}
        self._hints: dict[tuple[str, DeviceRequest], Hints] = {}

    def update(self, event: Speed) -> None:
        """Take over what a trial or real runs took."""
        known = self._measured if event.real else self._trial
        known[event.model, event.wanted] = event.levels
        if event.real:
            self._hints[event.model, event.wanted] = event.hints

    def points(self, model: ModelInfo, device: DeviceRequest) -> list[ChartPoint]:
        """The chart of `model` on `device`."""
        key = model_key(model), device
        hints = self._hints.get(key, NO_HINTS)
        return points(model, self._measured.get(key, {}), self._trial.get(key, {}), hints)

    def point(self, model: ModelInfo, device: DeviceRequest, level: int) -> ChartPoint:
        """One level of it."""
        return next(point for point in self.points(model, device) if point.level == level)
