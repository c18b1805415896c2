"""Which depth keeps up with a stack that plays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from napari_unetpp.session.display.level_costs import ChartPoint

PLAYING = 1.0
"""Seconds: planes that follow each other faster than this are played."""

SHARE = 0.8
"""Of the time between two planes, what the network may take with all that was seen to come on top of it."""


class Pace:
    """Watches how fast planes follow each other.

    Parameters
    ----------
    clock : callable
        Gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = -PLAYING
        self._interval: float | None = None
        self._on_top = 0.0

    def step(self) -> None:
        """Another plane is displayed."""
        now = self._clock()
        passed, self._last = now - self._last, now
        if passed >= PLAYING:
            self._interval = None
        elif self._interval is None:
            self._interval = passed
        else:
            self._interval += 0.5 * (passed - self._interval)

    def took(self, on_top: float) -> None:
        """A plane took so many seconds more than the network was thought to."""
        self._on_top += 0.5 * (max(0.0, on_top) - self._on_top)

    @property
    def plays(self) -> bool:
        """Whether planes follow each other."""
        return self._interval is not None and self._clock() - self._last < PLAYING

    def level(self, wanted: int, points: Sequence[ChartPoint], megapixels: float) -> int:
        """The deepest depth up to `wanted` that keeps up, or the shallowest; `wanted` where nothing plays.

        Parameters
        ----------
        points : sequence of ChartPoint
            What each depth costs.
        megapixels : float
            Of the working grid.
        """
        if not self.plays or self._interval is None:
            return wanted
        allowed = SHARE * self._interval - self._on_top
        dear = next(point.seconds for point in points if point.level == wanted)
        cheaper = [point for point in points if point.level == wanted or point.seconds < dear]
        fast = [point for point in cheaper if point.seconds * megapixels <= allowed]
        if fast:
            return max(fast, key=lambda point: point.seconds).level
        return min(points, key=lambda point: point.seconds).level
