"""Runs over all planes of an image: their answers go to our layer and to the view."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

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
from napari_unetpp.session.stacks.work import segment_stack

if TYPE_CHECKING:
    from napari_unetpp.engine.collect import Reading


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
        self._readings: dict[int, Reading] = {}  # of runs
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

    def start(self, request: StackRequest) -> None:
        """Run a request."""
        if request.target is None:
            self.layers.begin(request)
        self.done.pop(request.source.image, None)
        self.running, self._began = request, time.perf_counter()
        job = partial(segment_stack, self.context.cache, request)
        self.context.jobs.submit(self.runner, job, partial(self._on_end, request.run), remedy=REMEDY)

    def as_series(self, request: SegmentRequest) -> SegmentRequest:
        """A request for one plane of a series, with the range and the scale of the series.

        So the plane alone looks as it does among the others. What the user set comes first.
        """
        made, state = self.done.get(request.plane.image), self.context.state
        if state.planes != "all" or made is None or made.run not in self._readings:
            return request
        if made.model is not request.model or made.source.version != request.plane.version:
            return request
        reading = self._readings[made.run]
        scale = replace(reading.scale, scale=reading.scale.scale * request.plane.factor)
        return replace(
            request,
            choice=request.choice if state.scale is not None else scale,
            range=request.range or reading.range,
        )

    def close(self) -> None:
        """Stop."""
        self.running = None
        self.runner.close()

    # ------------------------------------------------------------------ answers

    def _tell(self, listener: Callable[[Any, StackRequest], None], event: Any) -> None:
        """Hand an event of the run in progress on; answers to older ones are dropped."""
        if self.running is not None and event.run == self.running.run:
            listener(event, self.running)

    def _on_read(self, event: StackRead, request: StackRequest) -> None:
        self._readings = {made.run: self._readings[made.run] for made in self.done.values()}
        self._readings[request.run] = event.reading

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
        reading = self._readings.get(request.run)
        if event.planes and reading is not None:
            self.done[image] = request
        layer, scale = self.layers.name(image), None if reading is None else reading.scale.scale
        text = messages.done(event, request, layer or "", scale)
        if image != self.context.state.image:
            text = messages.of_image(request, text)
        tracks = event.tracks
        if tracks is not None and len(tracks) and not self.layers.show_tracks(image, tracks):
            text = f"{text} {messages.NO_TRACKS}"
        self.view.set_message(text)

    def _on_end(self, run: int, _error: BaseException | None) -> None:
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
        self.view.set_message(text)

    def _ended(self) -> None:
        self.running = None
        self.ended.emit()
