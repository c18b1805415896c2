"""The controller's part for planes that come and go: a slice, a stack that plays, a view that moves."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.session.cycle import Cycle
from napari_unetpp.session.pace import Pace
from napari_unetpp.session.ports import Layers, View
from napari_unetpp.session.presenter import Presenter, auto_scale
from napari_unetpp.session.speed import ChartPoint
from napari_unetpp.session.values import Plane, ShowRequest

FLICKER = 0.1
"""A plane that takes the network less than these seconds is shown when it is finished: what comes before
would only flicker, and cost the window time."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the controller lends.

    Attributes
    ----------
    model : callable
        Gives the chosen model.
    request : callable
        Gives the request for a plane as everything is set; UnetppError where there is no model.
    reconsider : callable
        Runs what is wanted otherwise than it is shown.
    telling : callable
        Gives a context in which errors go to the message line.
    """

    model: Callable[[], ModelInfo | None]
    request: Callable[[Plane], ShowRequest]
    reconsider: Callable[[], None]
    telling: Callable[[], AbstractContextManager[None]]


class Following:
    """Segments what is displayed now, if that is wanted, as deep as keeps up with a stack that plays."""

    def __init__(
        self, view: View, layers: Layers, presenter: Presenter, cycle: Cycle, wishes: Wishes
    ) -> None:
        self.view, self.layers, self.presenter, self.cycle = view, layers, presenter, cycle
        self.pace = Pace()
        self._state, self._wishes = presenter.state, wishes
        self._missed = False
        self._stopped: int | None = None  # generation of the run that the user stopped
        self._left: ShowRequest | None = None

    def connect(self) -> None:
        """Listen."""
        self.layers.signals.plane_changed.connect(self._on_plane)
        self.layers.signals.rested.connect(self._on_rested)
        self.layers.signals.view_moved.connect(self._on_view)
        self.cycle.finished.connect(self._on_finished)

    def catch_up(self) -> bool:
        """Go on with the plane that came while another was segmented; False where none did."""
        if self._missed:
            self._take(self.cycle.shown)
            return True
        return False

    def stop(self) -> None:
        """What runs is being stopped: no plane that came meanwhile follows it."""
        running, self._missed = self.cycle.running, False
        self._stopped = running.generation if running is not None else None

    def forget(self) -> None:
        """Nothing is gone on with when the view comes back to a plane."""
        self._left = None

    # ----------------------------------------------------------------- reactions

    def _on_plane(self, image: Hashable) -> None:
        """The data or the displayed plane of an image changed."""
        if image != self._state.image:
            return
        before, had = self.presenter.shown, self.cycle.running or self.cycle.shown or self._left
        self.presenter.describe(self._wishes.model())
        if self.presenter.shown == before:
            return
        self.pace.step()
        if self.cycle.running is not None and self._state.live and self.pace.plays:
            # what runs is finished: else nothing would ever be seen
            self._missed = self.cycle.running.generation != self._stopped
            return
        self._take(had)

    def _on_rested(self) -> None:
        """No plane has followed for a while: the chosen depth is due."""
        self.presenter.tell_costs(self._wishes.model())
        if not self._state.live:
            return
        if self._missed:
            self._take(self.cycle.running)
        else:
            self._wishes.reconsider()

    def _on_view(self) -> None:
        """Panned or zoomed: what runs does next what is visible now."""
        if self.cycle.running is not None:
            with suppress(UnetppError):
                self.cycle.workshop.gaze.turn_to(self.presenter.plane())

    def _on_finished(self, shown: ShowRequest) -> None:
        """How long a played plane took tells how much comes on top of the network."""
        if self.pace.plays:
            seconds = {point.level: point.seconds for point in self._points(shown)}
            self.pace.took(self.cycle.elapsed - seconds[shown.level] * _megapixels(shown))

    # ------------------------------------------------------------------- helpers

    def _take(self, had: ShowRequest | None) -> None:
        """Another plane is displayed: what was shown is not of it."""
        self._missed = False
        there = self.presenter.shown is not None
        self._left = None if there else had  # the view may come back to a plane
        self.cycle.abandon()
        if had is not None and there:
            if self._state.live:
                self._keep_up()
            else:
                self.view.set_message("This plane is not segmented yet: press Segment.")

    def _keep_up(self) -> None:
        """Segment the displayed plane, less deeply while a stack plays faster than the chosen depth is."""
        with self._wishes.telling():
            plane = self.presenter.plane()
            request = self._wishes.request(plane)
            megapixels, points = _megapixels(request), self._points(request)
            level = self.pace.level(request.level, points, megapixels)
            seconds = {point.level: point.seconds for point in points}
            self.presenter.tell_pace(request.model, level)
            preview = seconds[level] * megapixels > FLICKER
            self.cycle.show(replace(request, level=level, preview=preview))

    def _points(self, request: ShowRequest) -> Sequence[ChartPoint]:
        """What each depth of the model costs."""
        return self.presenter.costs.points(request.model, request.device)


def _megapixels(request: ShowRequest) -> float:
    """Of the working grid."""
    height, width = request.plane.shape
    choice = request.choice
    scale = choice.scale if choice is not None else auto_scale(request.model, request.plane)
    return height * width * scale**2 / 1e6
