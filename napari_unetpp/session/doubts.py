"""The controller's part for uncertainty: the overlay, and Next, which goes from place to place."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Spot
from napari_unetpp.session import jobs, wording
from napari_unetpp.session.cycle import Cycle
from napari_unetpp.session.ports import Layers, Runner, View
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Doubt, Event, Plane, ShowRequest, model_key
from napari_unetpp.session.workshop import Workshop

Decided = NDArray[np.bool_]


class Doubts:
    """Shows where the result is uncertain, and leads there.

    Parameters
    ----------
    view, layers, runner
        The ports; see `session.ports`.
    telling : callable
        Gives a context in which errors go to the message line.

    Attributes
    ----------
    decided : callable
        Gives the pixels of a plane that the user decided, None where there are none.
    """

    def __init__(
        self,
        view: View,
        layers: Layers,
        runner: Runner,
        workshop: Workshop,
        state: SessionState,
        cycle: Cycle,
        telling: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.view, self.layers, self.runner, self.workshop = view, layers, runner, workshop
        self.state, self.cycle, self._telling = state, cycle, telling
        self.decided: Callable[[Plane], Decided | None] = lambda _plane: None
        self._found: Doubt | None = None
        self._visited: dict[Hashable, list[Spot]] = {}  # by plane and model: another one doubts elsewhere
        self._next_wanted = False

    def connect(self) -> None:
        """Listen."""
        self.view.signals.next_pressed.connect(self.next)
        self.cycle.idle.connect(self._on_idle)

    def next(self) -> None:
        """Go to the most uncertain place that was neither visited nor decided by the user."""
        with self._telling():
            if self.cycle.running is not None:
                self._next_wanted = True  # the result is on its way
            elif self.cycle.shown is None:
                raise wording.Advice(
                    "Press Segment first: Next then goes to the places where its result is most uncertain."
                )
            elif self._current(self.cycle.shown):
                self._go()
            else:
                self._next_wanted = True
                self._look(self.cycle.shown)

    def show(self, shown: bool) -> None:
        """Lay the uncertainty over the image, or take it away."""
        self.view.set_uncertainty(shown)
        if not shown:
            self.layers.hide_uncertainty()
        elif self.cycle.shown is not None and self.cycle.running is None:
            self._look(self.cycle.shown)

    # ----------------------------------------------------------- what happened

    def _on_idle(self) -> None:
        if self.cycle.shown is None:
            self._next_wanted = False
        elif self.state.uncertainty or self._next_wanted:
            self._look(self.cycle.shown)

    def _look(self, shown: ShowRequest) -> None:
        job = partial(jobs.doubt, self.workshop, shown)
        self.runner.submit(job, self._on_event, self._on_end)

    def _on_event(self, event: Event) -> None:
        if not isinstance(event, Doubt) or event.request is not self.cycle.shown:
            return
        self._found = event
        if self.state.uncertainty:
            with self._telling():
                self.layers.show_uncertainty(event.request.plane, event.values)
        if self._next_wanted:
            self._go()

    def _on_end(self, error: BaseException | None) -> None:
        if error is not None:
            self.view.set_message(wording.error(error, "hide the uncertainty"), "error")

    # ------------------------------------------------------------------ helpers

    def _current(self, shown: ShowRequest) -> bool:
        return self._found is not None and self._found.request is shown

    def _go(self) -> None:
        assert self._found is not None
        self._next_wanted = False
        found, plane = self._found, self._found.request.plane
        visited = self._visited.setdefault((plane.key, model_key(found.request.model)), [])
        left = to_visit(found.places, visited, self.decided(plane), found.diameter / 2)
        if not left:
            self.view.set_message(wording.no_place_left(len(found.places)))
            return
        visited.append(left[0])
        self.layers.go_to(plane, left[0].y, left[0].x, found.diameter)
        self.view.set_message(wording.place(left[0].value, len(left) - 1))


def to_visit(
    places: Sequence[Spot], visited: Sequence[Spot], decided: Decided | None, reach: float
) -> list[Spot]:
    """Places that are further than `reach` px from every visited one, and hold nothing decided near by."""
    return [
        place
        for place in places
        if all(np.hypot(place.y - other.y, place.x - other.x) > reach for other in visited)
        and not _is_decided(place, decided, reach)
    ]


def _is_decided(place: Spot, decided: Decided | None, reach: float) -> bool:
    if decided is None:
        return False
    half = max(1, int(reach / 2))
    rows, columns = (slice(max(0, at - half), at + half + 1) for at in (place.y, place.x))
    return bool(decided[rows, columns].any())
