"""All planes of an image: how its axes are read, and the run that segments one plane after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from napari_unetpp._types import UnetppError
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.messages import stacks as messages
from napari_unetpp.session.messages.common import GETTING_READY, REMOVED, Advice
from napari_unetpp.session.ports import Runner
from napari_unetpp.session.segment.resolve import SegmentRequest, range_of
from napari_unetpp.session.segment.runs import REMEDY
from napari_unetpp.session.stacks import values
from napari_unetpp.session.stacks.events import StackDone, StackPainted, StackProgress, StackRead
from napari_unetpp.session.stacks.ports import StackLayers
from napari_unetpp.session.stacks.request import StackRequest, links, resolve_stack
from napari_unetpp.session.stacks.values import StackShown
from napari_unetpp.session.stacks.work import segment_stack
from napari_unetpp.session.values import Plane, Scope
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.selection import Selection

if TYPE_CHECKING:
    from napari_unetpp.engine.collect import Reading

SETTINGS = ("level", "threshold", "min_size", "split", "kind", "scale", "contrast", "range")
"""Fields of the state with which the displayed plane may look otherwise than in the layer of all planes."""


class Stacks:
    """Shows how the axes of the chosen image are read, and segments all its planes when asked.

    Parameters
    ----------
    controller : Controller
    layers : StackLayers
    runner : Runner
        Of its own: what is done with the displayed plane meanwhile does not stop the run.

    Attributes
    ----------
    running : StackRequest or None
        The run in progress.
    done : dict
        For each image, what our layer of all its planes was made by.
    """

    def __init__(self, controller: Controller, layers: StackLayers, runner: Runner) -> None:
        self.controller, self.layers, self.runner = controller, layers, runner
        self.context, self.view, self.state = controller.context, controller.view, controller.state
        self.running: StackRequest | None = None
        self.done: dict[Hashable, StackRequest] = {}
        self._axes: dict[tuple[Hashable, int], Axes] = {}  # of images and versions, corrected by the user
        self._readings: dict[int, Reading] = {}  # of runs
        self._alone: Hashable | None = None  # key of the plane that is shown by itself
        self._run = 0
        self._began = 0.0

    def connect(self) -> None:
        """Listen."""
        controller, signals, events = self.controller, self.view.signals, self.state.events
        controller.readout.reading, controller.segment_all = self.reading, self.segment
        self.context.as_series = self.as_series
        for signal, reaction in (
            (signals.axis_chosen, self._on_axis),
            (signals.channel_chosen, self._on_channel),
            (signals.planes_chosen, self._on_scope),
            (signals.stitch_toggled, partial(self._on_link, "stitch")),
            (signals.track_toggled, partial(self._on_link, "track")),
            (signals.stop_pressed, self.runner.stop),
            (controller.readout.described, self.show),
            (controller.runs.finished, self._on_plane_shown),
            *((getattr(events, name), self._on_setting) for name in SETTINGS),
        ):
            signal.connect(reaction)
        for event, listener in (
            (StackRead, self._on_read),
            (StackProgress, self._on_progress),
            (StackPainted, self._on_painted),
            (StackDone, self._on_done),
        ):
            self.context.jobs.on(event, partial(self._tell, listener))

    def close(self) -> None:
        """Stop."""
        self.running = None
        self.runner.close()
        self.layers.close()

    # ------------------------------------------------------------------ reading

    def axes(self, plane: Plane) -> Axes | None:
        """How an image is read, after the user's corrections; None where that is not known."""
        return self._axes.get((plane.image, plane.version), plane.axes)

    def reading(self, plane: Plane) -> str:
        """The same in a sentence; empty for an image of one plane, and where the view is turned."""
        axes = self.axes(plane)
        if axes is None or not values.correctable(axes) or values.is_turned(plane, axes):
            return ""
        return messages.reading(plane, values.selection_of(axes, values.displayed_channel(plane, axes)))

    def as_series(self, request: SegmentRequest) -> SegmentRequest:
        """A request for one plane of a series, with the range and the scale of the series.

        So the plane alone looks as it does among the others. What the user set comes first.
        """
        made = self.done.get(request.plane.image)
        if self.state.planes != "all" or made is None or made.run not in self._readings:
            return request
        if made.model is not request.model or made.source.version != request.plane.version:
            return request
        reading = self._readings[made.run]
        scale = replace(reading.scale, scale=reading.scale.scale * request.plane.factor)
        return replace(
            request,
            choice=request.choice if self.state.scale is not None else scale,
            range=request.range or reading.range,
        )

    def show(self, plane: Plane | None) -> None:
        """Show how the displayed image is read, and what can be done with its planes."""
        axes = None if plane is None else self.axes(plane)
        if plane is None or axes is None or not values.correctable(axes):
            self.view.set_stack(StackShown())
            return
        if self._alone is not None and plane.key != self._alone and self.state.planes == "all":
            self._show_stack(plane.image)
        selection = values.selection_of(axes, values.displayed_channel(plane, axes))
        model = self.context.model
        stitch, track = (None, None) if model is None else links(self.state, selection, model)
        every = self.state.planes == "all" and selection.count > 1
        self.view.set_stack(
            StackShown(
                values.correctable(axes),
                values.channel_names(axes),
                values.displayed_channel(plane, axes),
                selection.count,
                self.state.planes,
                stitch if every else None,
                track if every else None,
                self._note(plane, selection) if every else "",
            )
        )

    def _note(self, plane: Plane, selection: Selection) -> str:
        made, layer = self.done.get(plane.image), self.layers.name(plane.image)
        if self.running is not None and self.running.source.image == plane.image:
            return messages.planes_text(selection)
        if made is None or layer is None:
            return messages.need(selection)
        if self._alone == plane.key:
            return messages.shown_alone(f"{plane.name} prediction")
        return messages.shown(layer, made)

    # ---------------------------------------------------- what the user asks for

    def segment(self) -> bool:
        """Segment all planes; False where the displayed one alone is wanted."""
        with self.context.reporting():
            plane = self.context.plane()
            axes = self.axes(plane)
            if self.state.planes != "all" or axes is None or values.planes_of(axes) == 1:
                return False
            if self.running is not None:
                raise Advice(messages.BUSY)
            self.controller.changes.take_limits()
            self._run += 1
            self._start(
                resolve_stack(
                    self.state,
                    self.layers.source(plane.image),
                    axes,
                    values.displayed_channel(plane, axes),
                    self.context.needed_model(),
                    range_of(self.state, plane),
                    self._run,
                )
            )
        return True

    def _start(self, request: StackRequest) -> None:
        runs, image = self.controller.runs, request.source.image
        runs.abandon()
        self.layers.begin(image, request.selection.axes, classes=not request.objects)
        self.done.pop(image, None)
        self.running, self._began = request, time.perf_counter()
        self._show_stack(image)
        runs.set_busy_with_stack(True)
        self.view.set_message("")
        self.view.set_progress(None, "" if runs.ready else GETTING_READY)
        job = partial(segment_stack, self.context.cache, request)
        self.context.jobs.submit(self.runner, job, partial(self._on_end, request.run), remedy=REMEDY)
        self._refresh()

    def _on_axis(self, number: int, letter: str) -> None:
        with self.context.reporting():
            plane = self.context.plane()
            axes = self.axes(plane)
            if axes is not None:
                self._axes[plane.image, plane.version] = values.corrected(axes, number, letter)
                self.controller.readout.describe()

    def _on_channel(self, channel: int) -> None:
        with self.context.reporting():
            plane = self.context.plane()
            axes = self.axes(plane)
            if axes is not None and "C" in axes.names:
                self.layers.go_to(plane.image, axes.names.index("C"), channel)

    def _on_scope(self, scope: Scope) -> None:
        self.state.planes = scope
        if scope == "all" and self.state.image in self.done:
            self._show_stack(self.state.image)
        self._refresh()

    def _on_link(self, name: str, on: bool) -> None:
        setattr(self.state, name, on)
        self._refresh()

    # ------------------------------------------------------------------ answers

    def _tell(self, listener: Callable[[Any, StackRequest], None], event: Any) -> None:
        """Hand an event of the run in progress on; answers to older ones are dropped."""
        if self.running is not None and event.run == self.running.run:
            listener(event, self.running)

    def _on_read(self, event: StackRead, request: StackRequest) -> None:
        self._readings = {made.run: self._readings[made.run] for made in self.done.values()}
        self._readings[request.run] = event.reading

    def _on_progress(self, event: StackProgress, _request: StackRequest) -> None:
        if event.plane == 0 and event.fraction == 0 and event.note:
            self.view.set_progress(None, event.note)
            return
        fraction = (event.plane + event.fraction) / event.planes
        text = messages.progress(event, time.perf_counter() - self._began)
        self.view.set_progress(fraction, text)

    def _on_painted(self, event: StackPainted, request: StackRequest) -> None:
        if not self.layers.paint(request.source.image, event.position, event.region, event.values):
            self.runner.stop()
            self._ended()
            self.view.set_message(REMOVED)

    def _on_done(self, event: StackDone, request: StackRequest) -> None:
        image = request.source.image
        reading = self._readings.get(request.run)
        if event.planes and reading is not None:
            self.done[image] = request
        layer, scale = self.layers.name(image), None if reading is None else reading.scale.scale
        text = messages.done(event, request, layer or "", scale)
        tracks = event.tracks
        if tracks is not None and len(tracks) and not self.layers.show_tracks(image, tracks):
            text = f"{text} {messages.NO_TRACKS}"
        self.view.set_message(text)

    def _on_end(self, run: int, _error: BaseException | None) -> None:
        if self.running is not None and self.running.run == run:
            self._ended()

    def _ended(self) -> None:
        self.running = None
        self.controller.runs.set_busy_with_stack(False)
        self._refresh()

    # ------------------------------------------------- the displayed plane alone

    def _on_setting(self, _value: Any) -> None:
        """A setting changed: it is tried on the displayed plane, where Live is on and no plane is shown."""
        made, runs = self.done.get(self.state.image), self.controller.runs
        if self.state.planes != "all" or made is None or self.running is not None:
            return
        nothing_shown = runs.running is None and runs.shown is None
        if nothing_shown and self.state.live and made.model is self.context.model:
            self.controller.segment()

    def _on_plane_shown(self, request: SegmentRequest) -> None:
        image = request.plane.image
        if self.layers.name(image) is not None:
            self._alone = request.plane.key
            self.layers.show(image, stack=False)
            self._refresh()

    def _show_stack(self, image: Hashable) -> None:
        self._alone = None
        self.layers.show(image, stack=True)

    def _refresh(self) -> None:
        """Show everything anew."""
        plane = None
        with suppress(UnetppError):
            plane = self.context.plane()
        self.show(plane)
