"""What the message line says while all planes are segmented: of which image, and what holds for the next."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any

from napari_unetpp._types import UnetppError
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.messages import stacks as messages
from napari_unetpp.session.segment.changes import RULE
from napari_unetpp.session.segment.resolve import range_of
from napari_unetpp.session.segment.runs import Message
from napari_unetpp.session.stacks.request import StackRequest, changed, resolve_stack
from napari_unetpp.session.stacks.runs import StackRuns

SETTINGS = (*RULE, "model", "device", "level", "scale", "contrast", "range", "stitch", "track")
"""Fields of the state that a run takes over when it begins."""


class RunMessages:
    """Says which planes are being segmented, and that a changed setting holds for the next run.

    Parameters
    ----------
    controller : Controller
    runs : StackRuns
    segment : callable
        Begins a run, as everything is set.
    """

    def __init__(self, controller: Controller, runs: StackRuns, segment: Callable[[], object]) -> None:
        self.controller, self.context, self.state = controller, controller.context, controller.state
        self.runs, self._segment = runs, segment
        self._restarts: Hashable | None = None  # key of an image whose run is stopped to begin anew

    def connect(self) -> None:
        """Listen."""
        self.controller.changes.under_way = self.told
        self.context.view.signals.offer_taken.connect(self._on_offer)
        self.runs.ended.connect(self._on_ended)
        for name in SETTINGS:
            getattr(self.state.events, name).connect(self._on_setting)

    def tell(self) -> None:
        """Say it, unless the displayed plane is segmented or shown by itself."""
        told, plane_runs = self.told(), self.controller.runs
        if told is not None and plane_runs.running is None and plane_runs.shown is None:
            self.context.view.set_message(*told)

    def told(self) -> Message | None:
        """What to say; None: no run is in progress."""
        request = self.runs.running
        if request is None:
            return None
        if request.source.image != self.state.image:
            return messages.elsewhere(request), "info", []
        differs = changed(request, self._as_set_now(request))
        if differs:
            return messages.unchanged(request, differs), "info", [messages.RESTART]
        return messages.going_on(request, self.runs.planes_before), "info", []

    def _as_set_now(self, request: StackRequest) -> StackRequest:
        model, contrast = self.context.model or request.model, request.range
        with suppress(UnetppError):
            contrast = range_of(self.state, self.context.plane())
        return resolve_stack(self.state, request.source, request.selection, model, contrast, request.run)

    def _on_setting(self, _value: Any) -> None:
        if self.runs.running is not None and self.runs.running.source.image == self.state.image:
            self.tell()

    def _on_offer(self, action: str) -> None:
        """Stop the run in progress, and begin anew when it has ended."""
        if action == messages.RESTART[1] and self.runs.running is not None:
            self._restarts = self.runs.running.source.image
            self.runs.runner.stop()

    def _on_ended(self) -> None:
        restarts, self._restarts = self._restarts, None
        if restarts is not None and restarts == self.state.image:
            self._segment()
