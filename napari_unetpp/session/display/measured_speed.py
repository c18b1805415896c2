"""Measured speeds of a sitting, per model and device, kept consistent between levels."""

from __future__ import annotations

from napari_unetpp._types import AUTO, ModelInfo
from napari_unetpp.session.display.costs import ChartPoint, points
from napari_unetpp.session.events import Speed
from napari_unetpp.session.values import model_key


class Costs:
    """What was measured on this machine since the dock was opened."""

    def __init__(self) -> None:
        self._measured: dict[tuple[str, str], dict[int, float]] = {}

    def update(self, event: Speed) -> None:
        """Take over a measurement.

        One level of a real run corrects the others by the same factor: it includes reading and
        tiling, they were timed on a small square, and a deeper level must not look cheaper.
        A run before that first timing does not count: its first calls load and choose kernels.
        What Auto takes depends on the image: it is what the last run took, and says nothing of the others.
        """
        known = self._measured.setdefault((event.model, event.wanted), {})
        if len(event.levels) == 1:
            (level, seconds), *_ = event.levels.items()
            if level == AUTO and known:
                known[AUTO] = seconds
            if level not in known or level == AUTO:
                return
            factor = seconds / known[level]
            known.update({other: value * factor for other, value in known.items()})
        known.update(event.levels)

    def points(self, model: ModelInfo, device: str) -> list[ChartPoint]:
        """The chart of `model` on `device`."""
        return points(model, self._measured.get((model_key(model), device), {}))

    def point(self, model: ModelInfo, device: str, level: int) -> ChartPoint:
        """One level of it."""
        return next(point for point in self.points(model, device) if point.level == level)
