"""Runs over all planes of an image: their answers go to our layer and to the view."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import Any

from psygnal import Signal

from napari_unetpp.session.context import Context
from napari_unetpp.session.messages import stacks as messages
from napari_unetpp.session.ports import Runner
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.segment.runs import REMEDY
from napari_unetpp.session.stacks.events import (
    StackDone,
    StackPainted,
    StackProgress,
    StackRead,
    StackStored,
    StackWritten,
)
from napari_unetpp.session.stacks.ports import StackLayers
from napari_unetpp.session.stacks.request import StackRequest
from napari_unetpp.session.stacks.unfinished import Unfinished
from napari_unetpp.session.stacks.work import segment_stack
from napari_unetpp.session.values import model_key


class StackRuns:
    """Runs requests and keeps what the layers of all planes were made by.

    Parameters
    ----------
    context : Context
    layers : StackLayers
    runner : Runner
        Of its own: what is done with the displayed plane meanwhile does not stop the run.
    plane_runs : callable
        Whether the displayed plane is being segmented: then the bar shows that.

    Attributes
    ----------
    running : StackRequest or None
        The run in progress.
    done : dict
        For each image, what our layer of all its planes was made by.
    planes_before : int
        How many planes a stopped run had done of the run in progress.
    opened : Signal
        The key of an image whose layer was made anew during a run.
    ended : Signal
        Emitted when a run has ended.
    """

    opened = Signal(object)
    ended = Signal()

    def __init__(
        self, context: Context, layers: StackLayers, runner: Runner, plane_runs: Callable[[], bool]
    ) -> None:
        self.context, self.layers, self.runner, self.view = context, layers, runner, context.view
        self._plane_runs = plane_runs
        self.running: StackRequest | None = None
        self.done: dict[Hashable, StackRequest] = {}
        self.planes_before = 0
        self._reads: dict[int, StackRead] = {}  # of runs
        self._unfinished: dict[Hashable, Unfinished] = {}  # runs that were stopped or failed, by image
        self._began = 0.0

    def connect(self) -> None:
        """Listen to the worker."""
        self.context.as_series = self.as_series
        self.view.signals.stop_pressed.connect(self.runner.stop)
        for event, listener in (
            (StackRead, self._on_read),
            (StackStored, self._on_stored),
            (StackWritten, self._on_written),
            (StackProgress, self._on_progress),
            (StackPainted, self._on_painted),
            (StackDone, self._on_done),
        ):
            self.context.jobs.on(event, partial(self._tell, listener))

    def unfinished(self, request: StackRequest) -> Unfinished | None:
        """What a stopped run has done of a request already."""
        found = self._unfinished.get(request.source.image)
        return found if found is not None and found.goes_on_as(request) else None

    def start(self, request: StackRequest) -> None:
        """Run a request; what a stopped run has done of it is not done again."""
        image, kept = request.source.image, self.unfinished(request)
        self._forget_closed()
        if kept is None:
            self._forget(image)
            kept = self._unfinished[image] = Unfinished(request)
        if request.target is None:
            self.layers.begin(request)
        self.done.pop(image, None)
        self.planes_before = kept.planes
        self.running, self._began = request, time.perf_counter()
        job = partial(segment_stack, self.context.cache, request, kept)
        self.context.jobs.submit(self.runner, job, partial(self._on_end, request.run, kept), remedy=REMEDY)

    def as_series(self, request: SegmentRequest) -> SegmentRequest:
        """A request for one plane of a series, with the range and the scale of the series.

        So the plane alone looks as it does among the others. What the user set comes first.
        """
        made, state = self.done.get(request.plane.image), self.context.state
        if state.planes == "plane" or made is None or made.run not in self._reads:
            return request
        if made.selection.project:  # its intensities are others
            return request
        other = model_key(made.model) != model_key(request.model)
        if other or made.source.version != request.plane.version:
            return request
        reading = self._reads[made.run].reading
        scale = replace(reading.scale, scale=reading.scale.scale * request.plane.factor)
        return replace(
            request,
            choice=request.choice if state.scale is not None else scale,
            range=request.range or reading.range,
        )

    def read(self, request: StackRequest) -> StackRead | None:
        """How the planes of a run are read; None before that is known, known where it is `done`."""
        return self._reads.get(request.run)

    def close(self) -> None:
        """Stop. A run in progress still needs its planes: they are removed when it ends."""
        self.running = None
        self._unfinished.clear()
        self.runner.close()

    # ------------------------------------------------------------------ answers

    def _tell(self, listener: Callable[[Any, StackRequest], None], event: Any) -> None:
        """Hand an event of the run in progress on; answers to older ones are dropped."""
        if self.running is not None and event.run == self.running.run:
            listener(event, self.running)

    def _on_read(self, event: StackRead, request: StackRequest) -> None:
        self._reads = {made.run: self._reads[made.run] for made in self.done.values()}
        self._reads[request.run] = event

    def _on_progress(self, event: StackProgress, request: StackRequest) -> None:
        if self._plane_runs():
            return
        if event.plane == 0 and event.note:
            self.view.set_progress(None, event.note)
            return
        fraction = (event.plane + event.fraction) / event.planes
        text = messages.progress(event, time.perf_counter() - self._began)
        chosen = request.source.image == self.context.state.image
        self.view.set_progress(fraction, text if chosen else messages.of_image(request, text))

    def _on_painted(self, event: StackPainted, request: StackRequest) -> None:
        if not self.layers.paint(request.source.image, event.position, event.region, event.values):
            self._give_up(request)

    def _on_stored(self, event: StackStored, request: StackRequest) -> None:
        self.layers.begin_stored(request, event.labels)
        self.opened.emit(request.source.image)

    def _on_written(self, _event: StackWritten, request: StackRequest) -> None:
        if not self.layers.refresh(request.source.image):
            self._give_up(request)

    def _on_done(self, event: StackDone, request: StackRequest) -> None:
        image = request.source.image
        read = self._reads.get(request.run)
        if event.planes and read is not None:
            self.done[image] = request
        if event.planes == event.of:
            self._unfinished.pop(image, None)
        layer, scale = self.layers.name(image), None if read is None else read.reading.scale.scale
        text = messages.done(event, request, layer or "", scale)
        if image != self.context.state.image:
            text = messages.of_image(request, text)
        tracks = event.tracks
        if tracks is not None and len(tracks) and not self.layers.show_tracks(image, tracks):
            text = f"{text} {messages.NO_TRACKS}"
        self.view.set_message(text)

    def _on_end(self, run: int, kept: Unfinished, _error: BaseException | None) -> None:
        if self._unfinished.get(kept.request.source.image) is not kept:
            kept.remove()
        if self.running is not None and self.running.run == run:
            self._ended()

    def _give_up(self, request: StackRequest) -> None:
        """The layer or the image is gone, or has other pixels."""
        image = request.source.image
        if image not in [choice.key for choice in self.context.layers.images()]:
            text = messages.closed(request)
        else:
            text = (messages.removed if self.layers.name(image) is None else messages.replaced)(request)
        self.runner.stop()
        self._ended()
        self._unfinished.pop(image, None)
        self.view.set_message(text)

    def _forget(self, image: Hashable) -> None:
        """Remove what a stopped run of an image has done."""
        found = self._unfinished.pop(image, None)
        if found is not None:
            found.remove()

    def _forget_closed(self) -> None:
        for image in self._unfinished.keys() - {choice.key for choice in self.context.layers.images()}:
            self._forget(image)

    def _ended(self) -> None:
        self.running = None
        self.ended.emit()
