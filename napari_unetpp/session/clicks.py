"""The controller's part for the click tool: a click adds an object, Shift and a click takes one away."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from napari_unetpp._types import UnetppError
from napari_unetpp.session import jobs, wording
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.corrector import Corrector
from napari_unetpp.session.resolve import pick_request
from napari_unetpp.session.values import Click, Event, Phase, Picked, Plane, Scaled


class Clicks:
    """Turns clicks into corrections, one after the other.

    Parameters
    ----------
    controller : Controller
    corrector : Corrector
    """

    def __init__(self, controller: Controller, corrector: Corrector) -> None:
        self.controller, self.corrector = controller, corrector
        self.view, self.layers, self.state = controller.view, controller.layers, controller.state
        self._waiting = 0

    def connect(self) -> None:
        """Listen."""
        self.view.signals.click_tool_toggled.connect(self._on_toggled)
        signals = self.layers.signals
        signals.clicked.connect(self._on_clicked)
        signals.click_tool_ended.connect(self.end)
        self.state.events.image.connect(self.end)

    def end(self, _value: object = None) -> None:
        """Put the tool away."""
        self.controller.cycle.end_remark()
        self.layers.set_click_tool(None)
        self.view.set_click_tool(False)

    # ----------------------------------------------------------- what happened

    def _on_toggled(self, on: bool) -> None:
        if not on:
            self.end()
            return
        plane = None
        with self.controller.telling():
            plane = self.controller.presenter.plane()
        if plane is None or self.controller.model is None:
            self.end()
            return
        self.layers.set_click_tool(plane.image)
        self.view.set_click_tool(True)
        self.controller.cycle.remark(wording.CLICK)

    def _on_clicked(self, image: Hashable, click: Click) -> None:
        if image != self.state.image:
            return
        with self.controller.telling():
            plane = self.controller.presenter.plane()
            if click.remove:
                self._tell_removed(self.corrector.remove(plane, click.region))
            else:
                self._pick(plane, click)

    def _tell_removed(self, count: int) -> None:
        if not count:
            raise wording.Advice("There is no object here to take away.")
        self.view.set_message(wording.taken(count))

    def _pick(self, plane: Plane, click: Click) -> None:
        model = self.controller.model
        if model is None:
            raise UnetppError(wording.NO_MODEL)
        if self.controller.busy:
            raise wording.Advice(
                "The image is being segmented: click again when that has ended, or press Stop."
            )
        request = pick_request(self.state, plane, model, self.controller.scales, click)
        self._waiting += 1
        self.view.set_progress(None, wording.PICKING)
        job = partial(jobs.pick, self.controller.cycle.workshop, request)
        self.controller.runner.submit(job, self._on_event, self._on_end)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Phase):
            self.view.set_progress(None, event.text)
        elif isinstance(event, Scaled):
            self.view.set_progress(None, wording.PICKING)
            self.controller.cycle.scaled.emit(event)
        elif isinstance(event, Picked):
            self._add(event)

    def _add(self, event: Picked) -> None:
        with self.controller.telling():
            if self.controller.presenter.plane().key != event.request.plane.key:
                return
            if not event.labels.any():
                raise wording.Advice(wording.nothing_there(event.request.click.is_point))
            added = self.corrector.add(event)
            self.view.set_can_save(True)
            self.view.set_message(wording.added(added, event.seconds, event.request.level))

    def _on_end(self, error: BaseException | None) -> None:
        self._waiting -= 1
        if not self._waiting and not self.controller.busy:
            self.view.set_progress(0.0, "")
        if error is not None:
            self.view.set_message(wording.error(error, "choose a shallower depth"), "error")
