"""The cycle of a request: numbered, run off the GUI thread, its answers painted, stale ones dropped."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from psygnal import Signal

from napari_unetpp.session import messages
from napari_unetpp.session.display.image_description import RANGE_UNKNOWN, range_text
from napari_unetpp.session.ports import Layers, Runner, View
from napari_unetpp.session.segment import work
from napari_unetpp.session.segment.cache import Workshop
from napari_unetpp.session.segment.scales import in_pixels
from napari_unetpp.session.values import (
    Event,
    Held,
    Interval,
    Job,
    Paint,
    Phase,
    Progress,
    Reading,
    Ready,
    Reduced,
    Rule,
    RunEvent,
    Saved,
    SaveRequest,
    Scaled,
    ShowRequest,
    Speed,
    Stopped,
    Tone,
    WarmRequest,
    model_key,
)

GETTING_READY = "getting ready: loading torch and the model"
REMEDY = "choose a shallower depth or a smaller scale"
OTHER = -1
"""Generation of work that is not a run: warming up, saving."""


class Cycle:
    """Runs requests and keeps what the last ones gave.

    Attributes
    ----------
    running : ShowRequest or None
        The run in progress.
    shown : ShowRequest or None
        The request whose result our layer shows.
    levels : tuple of int
        Levels whose maps are kept for the plane of `shown`, at its scale and model.
    given_up : tuple or None
        What was wanted by the last run, if it was stopped or failed: it is not tried again by itself.
    range : (float, float) or None
        Intensities that were 0 and 1 for the network in what is shown.
    """

    scaled = Signal(Scaled)
    reduced = Signal(Reduced)
    measured = Signal(Speed)
    finished = Signal(ShowRequest)
    ready = Signal(Ready)
    idle = Signal()

    def __init__(self, view: View, layers: Layers, runner: Runner, workshop: Workshop) -> None:
        self.view, self.layers, self.runner, self.workshop = view, layers, runner, workshop
        self.running: ShowRequest | None = None
        self.shown: ShowRequest | None = None
        self.levels: tuple[int, ...] = ()
        self.range: Interval | None = None
        self.given_up: tuple[int, Reading, Rule] | None = None
        self._generation = 0
        self._began = 0.0
        self._short = False
        self._reduced = False  # memory did not suffice for the kind of result that was wanted
        self._timed: set[tuple[str, str]] = set()
        self._warming = False
        self._warm = False
        self._closed = False
        self._told: tuple[str, Tone, list[messages.Offer]] = ("", "info", [])
        self._remarked = False

    @property
    def is_ready(self) -> bool:
        """Whether torch and the model are loaded."""
        return self._warm

    @property
    def elapsed(self) -> float:
        """Seconds since the last run began."""
        return time.perf_counter() - self._began

    # ---------------------------------------------------------------- requests

    def show(self, request: ShowRequest) -> None:
        """Run a request; answers to earlier ones no longer count.

        One that wants no preview is short: no bar, which would be drawn anew at every word, follows it.
        """
        self.layers.prepare(request.plane, classes=not request.objects)
        self.workshop.gaze.turn_to(request.plane)
        self._generation += 1
        same = self.shown is not None and self.shown.plane.key == request.plane.key
        self.running = replace(request, generation=self._generation, preview=request.preview and not same)
        self.given_up = None
        self._reduced = False
        self._began = time.perf_counter()
        self._short = not request.preview
        if not same:
            self.view.set_message("")
        self.view.set_busy(True)
        self.view.set_progress(0.0, "" if self._warm else GETTING_READY)
        self._submit(partial(work.show, self.workshop, self.running), self._generation)

    def remark(self, text: str) -> None:
        """Say something that holds until `end_remark`; what came out is told again then."""
        self._remarked = True
        self.view.set_message(text)

    def end_remark(self) -> None:
        """What was remarked no longer holds."""
        if self._remarked:
            self._remarked = False
            self.view.set_message(*self._told)

    def warm(self, request: WarmRequest) -> None:
        """Load torch and the model, measure its speed."""
        self._warming, self._warm = True, False
        self.view.set_progress(None, GETTING_READY)
        self._submit(partial(work.warm, self.workshop, request), OTHER)

    def save(self, request: SaveRequest) -> None:
        """Write files."""
        self._submit(partial(work.save, request), OTHER)

    def abandon(self) -> None:
        """What runs or is shown no longer fits: stop, and drop whatever still comes."""
        self._generation += 1
        if self.running is not None:
            self.runner.stop()
        self.running = self.shown = self.range = self.given_up = None
        self.levels = ()
        self._told, self._remarked = ("", "info", []), False
        self.view.set_range_used(RANGE_UNKNOWN)
        self.view.set_busy(False)
        self.view.set_can_save(False)
        if not self._warming:
            self.view.set_progress(0.0, "")

    def abandon_silently(self) -> None:
        """The sitting ends: nothing that still comes counts, and nobody is told."""
        self._generation += 1
        self.running = self.shown = None
        self._closed = True

    def _submit(self, job: Job, generation: int) -> None:
        self.runner.submit(job, self._on_event, partial(self._on_end, generation))

    # ----------------------------------------------------------------- answers

    def _on_event(self, event: Event) -> None:
        if self._closed:
            return
        if isinstance(event, Ready):
            self._warm = True
            self.ready.emit(event)
        elif isinstance(event, Scaled):
            if self.running is not None and self.running.plane is event.plane:
                self.running = replace(self.running, choice=event.choice)
            self.scaled.emit(event)
        elif isinstance(event, Speed):
            if not event.real:
                self._timed.add((event.model, event.wanted))
            self.measured.emit(event)
        elif isinstance(event, Held):
            self.view.set_held(messages.held(event))
        elif isinstance(event, Saved):
            self.view.set_message(messages.saved(event))
        elif (
            isinstance(event, RunEvent) and event.generation == self._generation and self.running is not None
        ):
            self._on_answer(event)

    def _on_answer(self, event: RunEvent) -> None:
        assert self.running is not None
        if isinstance(event, Paint):
            if not self.layers.paint(event.plane, event.region, event.values, final=event.final):
                self.abandon()
                self.view.set_message(messages.REMOVED)
        elif isinstance(event, Phase):
            self._warm = True
            if not self._short:
                self.view.set_progress(None, event.text)
        elif isinstance(event, Progress):
            if not self._short:
                text = messages.progress(event.done, event.total, event.fraction, self.elapsed)
                self.view.set_progress(event.fraction, text)
        elif isinstance(event, Reduced):
            self.running = replace(self.running, rule=replace(self.running.rule, kind=event.kind))
            self._reduced = True
            self.reduced.emit(event)
        elif isinstance(event, Stopped):
            shown = self.shown.level if self.shown is not None else None
            self.view.set_message(messages.stopped(event.done, event.total, shown))
        else:
            self.shown, self.running = self.running, None
            self.levels, self.range = event.levels, event.range
            self.view.set_range_used(range_text(event.range))
            rule = in_pixels(self.shown.rule, self.shown.model, event.choice.scale)
            told, tone, offers = messages.result(event, rule)
            if self._reduced:
                told, tone = f"{messages.NO_OBJECTS_FOUND} {told}", "warning"
            self._told, self._remarked = (told, tone, offers), False
            self.view.set_message(*self._told)
            self.finished.emit(self.shown)

    def _on_end(self, generation: int, error: BaseException | None) -> None:
        if self._closed:
            return
        if error is not None:
            self.view.set_message(messages.error(error, REMEDY), "error")
        if generation == OTHER:
            self._warming = False
            if self.running is None:
                self.view.set_progress(0.0, "")
            return
        if generation != self._generation:
            return
        self.given_up = self.running.wish if self.running is not None else None
        self.running = None
        self.view.set_busy(False)
        self.view.set_progress(0.0, "")
        self.view.set_can_save(self.shown is not None)
        self.idle.emit()
        if self.running is None and self.shown is not None and error is None:
            self._use_idle_time(self.shown)

    def _use_idle_time(self, shown: ShowRequest) -> None:
        measure = (model_key(shown.model), shown.device) not in self._timed
        job = partial(work.after, self.workshop, shown, measure=measure)
        self.runner.submit(job, self._on_event, partial(self._on_end, OTHER))
