"""What the levels take on this machine: a trial on a small square at first, then what real runs took."""

from __future__ import annotations

import json
from collections.abc import Mapping
from statistics import median

from napari_unetpp._types import AUTO, ModelInfo
from napari_unetpp.session.display.level_costs import ChartPoint, points
from napari_unetpp.session.values import Speed, model_key

RUNS = 5
"""So many runs of a level are kept: their median is what it takes."""

Record = Mapping[int, tuple[float, ...]]
"""Seconds per megapixel that the last runs of each level took from the image on, the newest last."""


def learn(record: Record, level: int, seconds: float, known: int | None) -> Record:
    """What is known after one more run.

    Parameters
    ----------
    record : mapping
    level : int
        What the run gave: 1-4, or `AUTO`.
    seconds : float
        What it took, per megapixel of the working grid.
    known : int or None
        The level whose nodes were kept in all of the plane and not computed again; 0: there were none. Where
        the plane was known in parts (None) nothing is learned: its time compares with nothing.

    Notes
    -----
    A run that went on from a level took what it added; with what that level takes it is a whole one. Auto
    goes on from level 1 only: from a deeper one it finds more than it would have computed.
    A deeper level never takes less than a shallower one. Where an older run says so it was made under other
    conditions (a smaller image, a busy machine), and what it says is dropped.
    """
    if known is None or known >= level or (level == AUTO and known > 1):
        return record
    if known:
        if known not in record:
            return record
        seconds += median(record[known])
    runs = (*record.get(level, ()), seconds)[-RUNS:]
    now = median(runs)
    agrees = {
        other: values
        for other, values in record.items()
        if AUTO in (level, other) or (other < level) == (median(values) <= now)
    }
    return {**agrees, level: runs}


def typical(record: Record) -> dict[int, float]:
    """Seconds per megapixel of each level that was run."""
    return {level: median(runs) for level, runs in record.items()}


def to_text(record: Record) -> str:
    """For a file."""
    return json.dumps(record)


def from_text(text: str | None) -> Record:
    """What a file says; nothing where it is not ours."""
    try:
        return {
            int(level): tuple(map(float, runs)) for level, runs in json.loads(text or "{}").items() if runs
        }
    except (AttributeError, TypeError, ValueError):
        return {}


class Costs:
    """What is known of each model and device, for the chart and the readout."""

    def __init__(self) -> None:
        self._learned: dict[tuple[str, str], Mapping[int, float]] = {}
        self._trial: dict[tuple[str, str], Mapping[int, float]] = {}

    def update(self, event: Speed) -> None:
        """Take over what a trial or real runs took."""
        known = self._learned if event.real else self._trial
        known[event.model, event.wanted] = event.levels

    def points(self, model: ModelInfo, device: str) -> list[ChartPoint]:
        """The chart of `model` on `device`."""
        key = model_key(model), device
        return points(model, self._learned.get(key, {}), self._trial.get(key, {}))

    def point(self, model: ModelInfo, device: str, level: int) -> ChartPoint:
        """One level of it."""
        return next(point for point in self.points(model, device) if point.level == level)
