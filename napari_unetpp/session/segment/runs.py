"""Runs of the worker: each has a number, its answers are painted, those of older runs are dropped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from psygnal import Signal

from napari_unetpp._types import ModelInfo
from napari_unetpp.session.context import Context
from napari_unetpp.session.events import (
    Answer,
    Job,
    MemoryUse,
    Outcome,
    Paint,
    Phase,
    Progress,
    Ready,
    Reduced,
    ScaleFound,
    Speed,
    Stopped,
)
from napari_unetpp.session.messages import common, models, results, saving
from napari_unetpp.session.segment import work
from napari_unetpp.session.segment.cache import DeviceRefused
from napari_unetpp.session.segment.resolve import SegmentRequest, in_pixels
from napari_unetpp.session.values import DeviceRequest, Interval, Preprocessing, Rule, Tone, model_key

REMEDY = "choose a shallower depth or a smaller scale"

A = TypeVar("A", bound=Answer)
Message = tuple[str, Tone, list[common.Offer]]
NOTHING: Message = ("", "info", [])
TONES: tuple[Tone, ...] = ("info", "warning", "error")


class Runs:
    """Runs requests and keeps what the last one gave.

    Attributes
    ----------
    running : SegmentRequest or None
        The run in progress.
    shown : SegmentRequest or None
        The request whose result our layer shows.
    levels : tuple of int
        Levels whose maps are cached for the plane of `shown`, at its scale and model.
    given_up : tuple or None
        Options of the last run, if it was stopped or failed: it is not repeated until they change.
    range : (float, float) or None
        Intensities that were 0 and 1 for the network in what is shown.
    notes : tuple of str
        On what is shown.
    generation : int
        Number of the last run.
    ready : bool
        Whether torch and the model are loaded.
    warming : bool
        Whether they are being loaded, or timed.
    """

    finished = Signal(SegmentRequest)
    refused = Signal(DeviceRequest, str)
    """A device that cannot be used, and why."""

    idle = Signal()

    def __init__(self, context: Context) -> None:
        self.context, self.view, self.layers = context, context.view, context.layers
        self.running: SegmentRequest | None = None
        self.shown: SegmentRequest | None = None
        self.levels: tuple[int, ...] = ()
        self.range: Interval | None = None
        self.notes: tuple[str, ...] = ()
        self.given_up: tuple[int, Preprocessing, Rule] | None = None
        self.generation = 0
        self.ready = self.warming = False
        self._began = 0.0
        self._short = False
        self._reduced = False  # memory did not suffice for the kind of result that was asked for
        self._timed: set[tuple[str, DeviceRequest]] = set()
        self._outcome = NOTHING
        self._hinted = False
        self._told: Message | None = None
        self._stack_runs = False  # all planes are being segmented, by another runner
        self._stack_shown = False  # their labels are shown, and can be saved
        self.on_answer(Phase, self._on_phase)
        self.on_answer(Progress, self._on_progress)
        self.on_answer(Paint, self._on_paint)
        self.on_answer(Reduced, self._on_reduced)
        self.on_answer(Stopped, self._on_stopped)
        self.on_answer(Outcome, self._on_outcome)
        context.jobs.on(Ready, self._on_ready)
        context.jobs.on(ScaleFound, self._on_scale)
        context.jobs.on(Speed, self._on_speed)
        context.jobs.on(MemoryUse, lambda event: self.view.set_memory_use(models.memory_use(event)))

    def on_answer(self, kind: type[A], listener: Callable[[A], object]) -> None:
        """Call `listener` with every answer of this type to the last run."""

        def listen(answer: A) -> None:
            if answer.generation == self.generation:
                listener(answer)

        self.context.jobs.on(kind, listen)

    @property
    def busy(self) -> bool:
        """Whether a run is in progress."""
        return self.running is not None

    @property
    def elapsed(self) -> float:
        """Seconds since the last run began."""
        return time.perf_counter() - self._began

    # ---------------------------------------------------------------- requests

    def show(self, request: SegmentRequest) -> None:
        """Run a request; answers to earlier ones are dropped."""
        self.layers.prepare(request.plane, classes=not request.objects)
        self.context.cache.visible.set(request.plane)
        self.generation += 1
        same = self.shown is not None and self.shown.plane.key == request.plane.key
        self.running = replace(request, generation=self.generation, preview=request.preview and not same)
        self.given_up = None
        self._reduced = False
        self._began = time.perf_counter()
        self._short = not request.preview
        if same:
            self.show_outcome()  # an error or advice of before holds no longer
        else:
            self.view.set_message("")
        self._show_can_save()
        self.view.set_busy(True)
        self.view.set_progress(0.0, "" if self.ready else common.GETTING_READY)
        job = partial(work.show, self.context.cache, self.running)
        self.context.submit(job, partial(self._on_end, self.generation), remedy=REMEDY)

    def warm(self, model: ModelInfo, device: DeviceRequest) -> None:
        """Load torch and the model, measure its speed."""
        self.warming, self.ready = True, False
        self.view.set_progress(None, common.GETTING_READY)
        job = partial(work.warm, self.context.cache, model, device)
        self.context.submit(job, partial(self._on_warm_end, device), remedy=REMEDY)

    def submit_other(self, job: Job) -> None:
        """Run a job that shows no result."""
        self.context.submit(job, self._on_other_end, remedy=REMEDY)

    def abandon(self) -> None:
        """Stop; what is running or shown does not fit the image or the settings any more."""
        self.generation += 1
        if self.running is not None:
            self.context.runner.stop()
        self.running = self.shown = self.range = self.given_up = None
        self.levels = ()
        self._outcome, self._hinted = NOTHING, False
        self.view.set_range_used(results.range_text(None))
        self._show_can_save()
        self._show_rest()

    def set_stack(self, *, runs: bool, shown: bool) -> None:
        """Whether all planes are being segmented (Stop and the bar are theirs), and are what is shown."""
        changed = runs != self._stack_runs
        self._stack_runs, self._stack_shown = runs, shown
        if self.running is None:
            self._show_can_save()
            if changed:
                self._show_rest()

    def _show_can_save(self) -> None:
        if self.shown is not None or self._stack_shown:
            self.view.set_can_save(True)
        elif self.running is not None:
            self.view.set_can_save(False, saving.NOT_FINISHED)
        else:
            self.view.set_can_save(False, saving.PLANES_NOT_FINISHED if self._stack_runs else saving.NOTHING)

    def _show_rest(self) -> None:
        """No run is in progress."""
        self.view.set_busy(self._stack_runs)
        if not self.warming and not self._stack_runs:
            self.view.set_progress(0.0, "")

    # ---------------------------------------------------------------- messages

    def show_hint(self, text: str) -> None:
        """Show a text until `end_hint` or `show_outcome`."""
        self._hinted = True
        self.view.set_message(text)

    def end_hint(self) -> None:
        """The hint does not hold any more."""
        if self._hinted:
            self.show_outcome()

    def tell(self, text: str, tone: Tone = "info", offers: Sequence[common.Offer] = ()) -> None:
        """Show a text after those told before, and once more when the worker is ready, which says so."""
        if self._told is not None and self.warming:
            before, old_tone, old_offers = self._told
            text = before if text in before else f"{before} {text}"
            tone, offers = max(old_tone, tone, key=TONES.index), [*old_offers, *offers]
        self._told = (text, tone, list(offers)) if self.warming else None
        self.view.set_message(text, tone, offers)

    def tell_again(self) -> None:
        """The worker is ready: show what was told meanwhile."""
        told, self._told = self._told, None
        if told is not None and self.running is None:
            self.view.set_message(*told)

    def show_outcome(self) -> None:
        """Show the outcome of the last run again, whatever was said since."""
        self._hinted = False
        self.view.set_message(*self._outcome)

    # ----------------------------------------------------------------- answers

    def _on_phase(self, event: Phase) -> None:
        self.ready = True
        if self.running is None or not self._short:
            self.view.set_progress(None, event.text)

    def _on_progress(self, event: Progress) -> None:
        if not self._short:
            text = results.progress(event.done, event.total, event.fraction, self.elapsed)
            self.view.set_progress(event.fraction, text)

    def _on_paint(self, event: Paint) -> None:
        if not self.layers.paint(event.plane, event.region, event.values, final=event.final):
            self.abandon()
            self.view.set_message(common.REMOVED)

    def _on_reduced(self, event: Reduced) -> None:
        assert self.running is not None
        self.running = replace(self.running, rule=replace(self.running.rule, kind=event.kind))
        self._reduced = True

    def _on_stopped(self, event: Stopped) -> None:
        shown = self.shown.level if self.shown is not None else None
        self.view.set_message(results.stopped(event.done, event.total, shown))

    def _on_outcome(self, event: Outcome) -> None:
        assert self.running is not None
        self.shown, self.running = self.running, None
        if event.range != self.range:
            self.view.set_range_used(results.range_text(event.range))
        self.levels, self.range, self.notes = event.levels, event.range, event.notes
        rule = in_pixels(self.shown.rule, self.shown.model, event.choice.scale)
        self._outcome, self._hinted = results.result(event, rule, reduced=self._reduced), False
        self.view.set_message(*self._outcome)
        self._show_can_save()
        self.finished.emit(self.shown)

    # -------------------------------------------------------------- other events

    def _on_ready(self, _event: Ready) -> None:
        self.ready = True

    def _on_scale(self, event: ScaleFound) -> None:
        if self.running is not None and self.running.plane is event.plane:
            self.running = replace(self.running, choice=event.choice)

    def _on_speed(self, event: Speed) -> None:
        if not event.real:
            self._timed.add((event.model, event.wanted))

    def _on_other_end(self, _error: BaseException | None) -> None:
        self.warming = False
        if self.running is None:
            self._show_rest()

    def _on_warm_end(self, device: DeviceRequest, error: BaseException | None) -> None:
        self._on_other_end(error)
        if isinstance(error, DeviceRefused):
            self.refused.emit(device, str(error))

    def _on_end(self, generation: int, error: BaseException | None) -> None:
        if generation != self.generation:
            return
        self.given_up = self.running.options if self.running is not None else None
        self.running = None
        self._show_rest()
        self._show_can_save()
        self.idle.emit()
        if self.running is None and self.shown is not None and error is None:
            measure = (model_key(self.shown.model), self.shown.device) not in self._timed
            self.submit_other(partial(work.after, self.context.cache, self.shown, measure=measure))
