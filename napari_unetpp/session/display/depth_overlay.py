"""The controller's part for the overlay that shows how deep Auto went."""

from __future__ import annotations

from functools import partial

from napari_unetpp._types import AUTO
from napari_unetpp.session import messages
from napari_unetpp.session.ports import Layers, Runner, View
from napari_unetpp.session.segment import work
from napari_unetpp.session.segment.cache import Workshop
from napari_unetpp.session.segment.runs import Cycle
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import DepthMap, Event


class Depths:
    """Lays the depth of each place over the image while a result of Auto is shown."""

    def __init__(
        self,
        view: View,
        layers: Layers,
        runner: Runner,
        workshop: Workshop,
        state: SessionState,
        cycle: Cycle,
    ) -> None:
        self.view, self.layers, self.runner, self.workshop = view, layers, runner, workshop
        self.state, self.cycle = state, cycle

    def connect(self) -> None:
        """Listen."""
        self.cycle.idle.connect(self.update)
        self.state.events.depth.connect(self.update)

    def update(self) -> None:
        """Show what is wanted and there is to show, or nothing."""
        shown = self.cycle.shown
        self.view.set_depth_shown(self.state.depth)
        if not self.state.depth or (shown is not None and shown.level != AUTO):
            self.layers.hide_depth()
        elif shown is not None and self.cycle.running is None:
            self.runner.submit(partial(work.depth, self.workshop, shown), self._on_event, self._on_end)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, DepthMap) and event.request is self.cycle.shown and self.state.depth:
            self.layers.show_depth(event.request.plane, event.values)

    def _on_end(self, error: BaseException | None) -> None:
        if error is not None:
            self.view.set_message(messages.error(error, "hide the depth"), "error")
