"""Segments the plane that is displayed now: after a step, while a stack plays, when the view moves."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from dataclasses import replace

from napari_unetpp._types import UnetppError
from napari_unetpp.session.context import Context
from napari_unetpp.session.display.costs import ChartPoint
from napari_unetpp.session.display.readout import Readout, auto_scale
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.segment.runs import Runs

PLAYING = 1.0
"""Seconds: planes that follow each other faster than this are played."""

SHARE = 0.8
"""Of the time between two planes, what the network and everything else of a run may take."""

FLICKER = 0.1
"""Seconds: a plane that takes the network less is shown when it is finished. Tiles shown before would only
flicker, and cost the window time."""


class PlaybackSpeed:
    """Measures how fast planes follow each other, and picks the depth that keeps up.

    Parameters
    ----------
    clock : callable
        Gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last = -PLAYING
        self._interval: float | None = None
        self._overhead = 0.0

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

    def add_overhead(self, seconds: float) -> None:
        """A plane took so many seconds more than the network was expected to."""
        self._overhead += 0.5 * (max(0.0, seconds) - self._overhead)

    @property
    def playing(self) -> bool:
        """Whether planes follow each other."""
        return self._interval is not None and self._clock() - self._last < PLAYING

    def level(self, chosen: int, points: Sequence[ChartPoint], megapixels: float) -> int:
        """The deepest level up to `chosen` that keeps up, else the shallowest; `chosen` while nothing plays.

        Parameters
        ----------
        points : sequence of ChartPoint
            What each level costs.
        megapixels : float
            Of the working grid.
        """
        if not self.playing or self._interval is None:
            return chosen
        allowed = SHARE * self._interval - self._overhead
        limit = next(point.seconds for point in points if point.level == chosen)
        cheaper = [point for point in points if point.level == chosen or point.seconds < limit]
        fast = [point for point in cheaper if point.seconds * megapixels <= allowed]
        if fast:
            return max(fast, key=lambda point: point.seconds).level
        return min(points, key=lambda point: point.seconds).level


class Playback:
    """Segments what is displayed, if Live is on, as deep as keeps up with a stack that plays.

    Parameters
    ----------
    update : callable
        Runs what is set differently from what is shown.
    """

    def __init__(self, context: Context, runs: Runs, readout: Readout, update: Callable[[], None]) -> None:
        self.context, self.runs, self.readout, self._update = context, runs, readout, update
        self.speed = PlaybackSpeed()
        self._missed = False  # a plane came while another was segmented
        self._stopped: int | None = None  # generation of the run that the user stopped
        self._last: SegmentRequest | None = None  # what was shown before the view left every plane

    def connect(self) -> None:
        """Listen to the layers, after those who keep the layers themselves up to date."""
        signals = self.context.layers.signals
        signals.plane_changed.connect(self._on_plane)
        signals.rested.connect(self._on_rested)
        signals.view_moved.connect(self._on_view)
        self.runs.finished.connect(self._on_finished)

    def catch_up(self) -> bool:
        """Segment the plane that came while another was segmented; False where none did."""
        if self._missed:
            self._take(self.runs.shown)
            return True
        return False

    def stop(self) -> None:
        """The user stops the run: no plane that came meanwhile follows it."""
        running, self._missed = self.runs.running, False
        self._stopped = running.generation if running is not None else None

    def forget(self) -> None:
        """Segment nothing by itself when the view comes back to a plane."""
        self._last = None

    # ----------------------------------------------------------------- reactions

    def _on_plane(self, image: Hashable) -> None:
        """The data or the displayed plane of an image changed."""
        if image != self.context.state.image:
            return
        before, last = self.readout.shown, self.runs.running or self.runs.shown or self._last
        self.readout.describe()
        if self.readout.shown == before:
            return
        self.speed.step()
        if self.runs.running is not None and self.context.state.live and self.speed.playing:
            # the run is not interrupted: otherwise no plane would ever be finished
            self._missed = self.runs.running.generation != self._stopped
            return
        self._take(last)

    def _on_rested(self) -> None:
        """No plane has followed for a while: segment at the chosen level."""
        self.readout.show_costs()
        if not self.context.state.live:
            return
        if self._missed:
            self._take(self.runs.running)
        else:
            self._update()

    def _on_view(self) -> None:
        """Panned or zoomed: the run goes on with what is visible now."""
        if self.runs.running is not None:
            with suppress(UnetppError):
                self.context.cache.visible.set(self.context.plane())

    def _on_finished(self, shown: SegmentRequest) -> None:
        """What a played plane took longer than the network is overhead."""
        if self.speed.playing:
            seconds = {point.level: point.seconds for point in self._points(shown)}
            self.speed.add_overhead(self.runs.elapsed - seconds[shown.level] * _megapixels(shown))

    # ------------------------------------------------------------------- helpers

    def _take(self, last: SegmentRequest | None) -> None:
        """Another plane is displayed: what was shown is not of it."""
        self._missed = False
        there = self.readout.shown is not None
        self._last = None if there else last  # the view may come back to a plane
        self.runs.abandon()
        if not there:
            self.context.view.set_message("")  # beside the image stands why it cannot be segmented
        elif last is not None and self.context.state.planes == "plane":
            if self.context.state.live:
                self._segment()
            else:
                self.context.view.set_message("This plane is not segmented yet: press Segment.")

    def _segment(self) -> None:
        """Segment the displayed plane, at a shallower level while a stack plays too fast."""
        with self.context.reporting():
            request = self.context.request(self.context.plane())
            megapixels, points = _megapixels(request), self._points(request)
            level = self.speed.level(request.level, points, megapixels)
            seconds = {point.level: point.seconds for point in points}
            self.readout.show_costs(level)
            preview = seconds[level] * megapixels > FLICKER
            self.runs.show(replace(request, level=level, preview=preview))

    def _points(self, request: SegmentRequest) -> Sequence[ChartPoint]:
        return self.readout.costs.points(request.model, request.device)


def _megapixels(request: SegmentRequest) -> float:
    """Of the working grid."""
    height, width = request.plane.shape
    scale = request.scale if request.choice is not None else auto_scale(request.model, request.plane)
    return height * width * scale**2 / 1e6
