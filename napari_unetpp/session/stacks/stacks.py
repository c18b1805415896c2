"""All planes of an image, or a region: what the user asks for, and which of our layers is shown."""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from napari_unetpp._types import UnetppError
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.messages import stacks as messages
from napari_unetpp.session.messages.common import GETTING_READY, Advice
from napari_unetpp.session.ports import Runner
from napari_unetpp.session.segment.changes import RULE
from napari_unetpp.session.segment.resolve import SegmentRequest, range_of, rule_of
from napari_unetpp.session.segment.runs import REMEDY
from napari_unetpp.session.stacks import values
from napari_unetpp.session.stacks.ports import StackLayers
from napari_unetpp.session.stacks.reading import AxesReading
from napari_unetpp.session.stacks.request import StackRequest, links, resolve_stack, selected
from napari_unetpp.session.stacks.run_messages import RunMessages
from napari_unetpp.session.stacks.runs import StackRuns
from napari_unetpp.session.stacks.save import SaveStackRequest, save_stack
from napari_unetpp.session.stacks.values import StackShown
from napari_unetpp.session.values import Plane, Scope, model_key
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.selection import (
    ALL,
    Selection,
    SelectionRequest,
    parse_span,
    select,
    span_text,
)

SETTINGS = (*RULE, "level", "scale", "contrast", "range")
"""Fields of the state with which the displayed plane may look otherwise than in the layer of all planes."""


class Stacks:
    """Segments all planes of the chosen image, or a region, when asked, and shows how it is read.

    Parameters
    ----------
    controller : Controller
    layers : StackLayers
    runner : Runner
        Of its own: what is done with the displayed plane meanwhile does not stop the run.

    Attributes
    ----------
    reading : AxesReading
    runs : StackRuns
    run_messages : RunMessages
    """

    def __init__(self, controller: Controller, layers: StackLayers, runner: Runner) -> None:
        self.controller, self.layers = controller, layers
        self.context, self.view, self.state = controller.context, controller.view, controller.state
        self.reading = AxesReading(controller.context, controller.readout, layers)
        self.runs = StackRuns(controller.context, layers, runner, lambda: controller.busy)
        self.run_messages = RunMessages(controller, self.runs, self.segment)
        self._alone: Hashable | None = None  # key of the plane that is shown by itself
        self._image: Hashable | None = None  # that was described last
        self._run = 0
        self._closed = False

    def connect(self) -> None:
        """Listen."""
        controller, signals, events = self.controller, self.view.signals, self.state.events
        controller.segment_all, controller.save_all = self.segment, self.save
        self.reading.connect()
        self.runs.connect()
        self.run_messages.connect()
        for signal, reaction in (
            (signals.planes_chosen, self._on_scope),
            (signals.span_changed, self._on_span),
            (signals.region_chosen, partial(self._on_choice, "region")),
            (signals.stitch_toggled, partial(self._on_choice, "stitch")),
            (signals.track_toggled, partial(self._on_choice, "track")),
            (controller.readout.described, self.show),
            (controller.runs.finished, self._on_plane_shown),
            (self.runs.opened, self._show_stack),
            (self.runs.ended, self._refresh),
            *((getattr(events, name), self._on_setting) for name in SETTINGS),
        ):
            signal.connect(reaction)

    def close(self) -> None:
        """Stop, once."""
        if not self._closed:
            self._closed = True
            self.runs.close()
            self.layers.close()

    @property
    def running(self) -> StackRequest | None:
        """The run in progress."""
        return self.runs.running

    def shown(self, plane: Plane) -> StackRequest | None:
        """What made the labels of all planes, or of a region, where these are what is shown of an image."""
        return self.runs.done[plane.image] if self._saves(plane) else None

    # ----------------------------------------------------------- what is shown

    def show(self, plane: Plane | None) -> None:
        """Show how the displayed image is read, and what can be done with its planes."""
        self._show_regions(plane)
        if plane is not None and plane.key != self._alone and self.state.planes != "plane":
            self._show_stack(plane.image)
        saves = plane is not None and self._saves(plane)
        self.controller.runs.set_stack(runs=self.running is not None, shown=saves)
        axes = None if plane is None else self.reading.axes(plane)
        if plane is None or axes is None or not values.correctable(axes):
            self.view.set_stack(StackShown())
            return
        channel = values.displayed_channel(plane, axes)
        selection, problem = values.selection_of(axes, channel), ""
        try:
            selection = selected(self.state, axes, channel)
        except UnetppError as error:
            problem = str(error)
        model = self.context.model
        stitch, track = (None, None) if model is None else links(self.state, selection, model)
        every = self.state.planes != "plane" and values.planes_of(axes) > 1
        self.view.set_stack(
            StackShown(
                values.correctable(axes),
                values.channel_names(axes),
                values.displayed_channel(plane, axes),
                values.planes_of(axes),
                axes.size("Z") > 1,
                self.state.planes,
                self._spans(axes),
                stitch if every else None,
                track if every else None,
                (problem or self._note(plane, selection)) if every else "",
            )
        )

    def _show_regions(self, plane: Plane | None) -> None:
        """What of the image may be segmented; another image begins with the whole."""
        choices = [] if plane is None else self.layers.areas()
        image = None if plane is None else plane.image
        if image != self._image or self.state.region not in (None, values.VIEW, *(c.key for c in choices)):
            self.state.region = None
        if image != self._image:
            self.state.t_span = self.state.z_span = ALL
        self._image = image
        self.view.set_regions(choices, self.state.region)

    def _note(self, plane: Plane, selection: Selection) -> str:
        made, layer = self.runs.done.get(plane.image), self.layers.name(plane.image)
        if self.running is not None and self.running.source.image == plane.image:
            return messages.planes_text(selection)
        if made is None or layer is None:
            return messages.need(selection, fits=self.layers.fits(messages.label_bytes(selection)))
        if self._alone == plane.key:
            return messages.shown_alone(f"{plane.name} prediction")
        return messages.shown(layer, made)

    # ---------------------------------------------------- what the user asks for

    def segment(self) -> bool:
        """Segment all planes, or a region; False where the whole displayed plane is wanted."""
        with self.context.reporting():
            plane = self.context.plane()
            axes = self.reading.axes(plane)
            every = self.state.planes != "plane" and axes is not None and values.planes_of(axes) > 1
            if axes is None or not (every or self.state.region is not None):
                return False
            if self.running is not None:
                raise Advice(messages.busy(self.running))
            self.controller.changes.take_limits()
            self._start(self._request(plane, axes, every=every))
        return True

    def _request(self, plane: Plane, axes: Axes, *, every: bool) -> StackRequest:
        self._run += 1
        source, region = self.layers.source(plane.image), self.state.region
        model = self.context.needed_model()
        rule_of(self.state)  # says whether it makes sense, before anything is asked
        area = None if region is None else self.layers.area(plane.image, axes, region)
        channel, contrast = values.displayed_channel(plane, axes), range_of(self.state, plane)
        inputs, at = model.net.in_channels, values.displayed_position(plane, axes)
        if every:
            selection = selected(self.state, axes, channel, inputs)
        else:
            selection = values.selection_of(axes, channel, inputs=inputs, at=at)
        request = resolve_stack(self.state, source, selection, model, contrast, self._run, None, area)
        before = self.runs.unfinished(request)
        if before is not None:
            return replace(request, target=before.request.target)
        return request if area is not None else replace(request, target=self._target(plane, selection))

    def _target(self, plane: Plane, selection: Selection) -> Path | None:
        """Where labels are kept that do not fit into memory: the user is asked. None: they fit."""
        size = messages.label_bytes(selection)
        if self.layers.fits(size):
            return None
        path = self.view.ask_zarr(messages.zarr_suggestion(plane), messages.size_text(size))
        if path is None:
            raise Advice(messages.NOT_ASKED)
        return path

    def _start(self, request: StackRequest) -> None:
        plane_runs = self.controller.runs
        plane_runs.abandon()
        self.runs.start(request)
        self._show_stack(request.source.image)
        self.run_messages.tell()
        self.view.set_progress(None, "" if plane_runs.ready else GETTING_READY)
        self._refresh()

    def save(self) -> bool:
        """Write all planes; False where those are not what is shown."""
        with self.context.reporting():
            plane = self.context.plane()
            if not self._saves(plane):
                return False
            made = self.runs.done[plane.image]
            path = self.view.ask_path(messages.file_suggestion(plane, made))
            if path is not None:
                read, labels = self.runs.read(made), self.layers.reader(plane.image)
                assert read is not None, "what is done was read"
                request = SaveStackRequest(path, made, read, labels, self.state.probability)
                job = partial(save_stack, request)
                self.context.jobs.submit(self.runs.runner, job, lambda _error: None, remedy=REMEDY)
        return True

    def _saves(self, plane: Plane) -> bool:
        """Whether the labels of all planes, or of a region, are what is shown."""
        made = self.runs.done.get(plane.image)
        if made is None or self.layers.name(plane.image) is None or self._alone is not None:
            return False
        meant = self.state.planes != "plane" or made.area is not None
        return meant and made.source.version == plane.version and self.running is None

    def _on_scope(self, scope: Scope) -> None:
        self.state.planes = scope
        if scope != "plane" and self.state.image in self.runs.done:
            self._show_stack(self.state.image)
        self.controller.readout.describe()

    def _on_span(self, letter: str, text: str) -> None:
        """Which frames or planes are segmented; what makes no sense is said, and not taken over."""
        with self.context.reporting():
            axes, span = self.reading.axes(self.context.plane()), parse_span(text) if text.strip() else ALL
            if axes is not None:
                select(axes, SelectionRequest(t=span) if letter == "T" else SelectionRequest(z=span))
                setattr(self.state, f"{letter.lower()}_span", span)
        self.controller.readout.describe()

    def _spans(self, axes: Axes) -> tuple[tuple[str, str, int], ...]:
        """The ranges that can be given for T and Z, where not all planes are wanted."""
        if self.state.planes in ("plane", "all"):
            return ()
        spans = (("T", self.state.t_span), ("Z", self.state.z_span))
        return tuple((name, span_text(span), axes.size(name)) for name, span in spans if axes.size(name) > 1)

    def _on_choice(self, name: str, value: Any) -> None:
        setattr(self.state, name, value)
        self._refresh()

    # ------------------------------------------------- the displayed plane alone

    def _on_setting(self, _value: Any) -> None:
        """A setting changed: it is tried on the displayed plane, where Live is on and no plane is shown."""
        made, runs = self.runs.done.get(self.state.image), self.controller.runs
        if self.state.planes == "plane" or made is None or made.area is not None or self.running is not None:
            return
        if made.selection.project:
            self.view.set_message(messages.HOLDS_NEXT)
            return
        nothing_shown = runs.running is None and runs.shown is None
        if nothing_shown and self.state.live and model_key(made.model) == self.state.model:
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
