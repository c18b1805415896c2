"""Overlays of a result: how uncertain it is, how deep Auto went; Next goes from place to place."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import AUTO, Spot
from napari_unetpp.session.context import Context
from napari_unetpp.session.events import DepthMap, Uncertainty
from napari_unetpp.session.messages import results
from napari_unetpp.session.messages.common import Advice
from napari_unetpp.session.segment import work
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.segment.runs import Runs
from napari_unetpp.session.values import Plane, model_key

Mask = NDArray[np.bool_]


class Overlays:
    """Lays uncertainty and depth over the image, and goes to the most uncertain places.

    Attributes
    ----------
    certain : callable
        Gives the pixels of a plane that the user decided, None where there are none.
    """

    def __init__(self, context: Context, runs: Runs) -> None:
        self.context, self.runs = context, runs
        self.view, self.layers, self.state = context.view, context.layers, context.state
        self.certain: Callable[[Plane], Mask | None] = lambda _plane: None
        self._found: Uncertainty | None = None
        self._visited: dict[Hashable, list[Spot]] = {}  # by plane and model
        self._next_wanted = self._depth_on = False
        self.view.signals.next_pressed.connect(self.next)
        self.state.events.uncertainty.connect(self._on_uncertainty_box)
        self.state.events.depth.connect(self._on_depth_box)
        runs.idle.connect(self._on_idle)
        context.jobs.on(Uncertainty, self._on_uncertainty)
        context.jobs.on(DepthMap, self._on_depth)

    def next(self) -> None:
        """Go to the most uncertain place that was neither visited nor decided by the user."""
        with self.context.reporting():
            shown = self.runs.shown
            if self.runs.running is not None:
                self._next_wanted = True  # the result is on its way
            elif shown is None:
                raise Advice(
                    "Press Segment first: Next then goes to the places where its result is most uncertain."
                )
            elif self._found is not None and self._found.request is shown:
                self._go(self._found)
            else:
                self._next_wanted = True
                self._compute_uncertainty(shown)

    # ----------------------------------------------------------- what happened

    def _on_idle(self) -> None:
        shown = self.runs.shown
        if shown is None:
            self._next_wanted = False
        elif self.state.uncertainty or self._next_wanted:
            self._compute_uncertainty(shown)
        self._update_depth()

    def _on_uncertainty_box(self, on: bool) -> None:
        self.view.set_uncertainty(on)
        if not on:
            self.layers.hide_uncertainty()
        elif self.runs.shown is not None and self.runs.running is None:
            self._compute_uncertainty(self.runs.shown)

    def _on_depth_box(self, on: bool) -> None:
        self.view.set_depth_shown(on)
        self._update_depth()

    def _on_uncertainty(self, event: Uncertainty) -> None:
        if event.request is not self.runs.shown:
            return
        self._found = event
        if self.state.uncertainty:
            with self.context.reporting():
                self.layers.show_uncertainty(event.request.plane, event.values)
        if self._next_wanted:
            self._go(event)

    def _on_depth(self, event: DepthMap) -> None:
        if event.request is self.runs.shown and self.state.depth:
            self._depth_on = True
            self.layers.show_depth(event.request.plane, event.values)

    # ------------------------------------------------------------------ helpers

    def _compute_uncertainty(self, shown: SegmentRequest) -> None:
        job = partial(work.uncertainty, self.context.cache, shown)
        self.context.submit(job, lambda _error: None, remedy="hide the uncertainty")

    def _update_depth(self) -> None:
        """Show the depth of a result of Auto, if that is wanted; hide it for any other."""
        shown = self.runs.shown
        if not self.state.depth or (shown is not None and shown.level != AUTO):
            if self._depth_on:
                self._depth_on = False
                self.layers.hide_depth()
        elif shown is not None and self.runs.running is None:
            job = partial(work.depth, self.context.cache, shown)
            self.context.submit(job, lambda _error: None, remedy="hide the depth")

    def _go(self, found: Uncertainty) -> None:
        self._next_wanted = False
        plane = found.request.plane
        visited = self._visited.setdefault((plane.key, model_key(found.request.model)), [])
        left = to_visit(found.places, visited, self.certain(plane), found.diameter / 2)
        if not left:
            self.view.set_message(results.no_place_left(len(found.places)))
            return
        visited.append(left[0])
        self.layers.go_to(plane, left[0].y, left[0].x, found.diameter)
        self.view.set_message(results.place(left[0].value, len(left) - 1))


def to_visit(
    places: Sequence[Spot], visited: Sequence[Spot], certain: Mask | None, reach: float
) -> list[Spot]:
    """Places that are further than `reach` px from every visited one, with no certain pixel near them."""
    return [
        place
        for place in places
        if all(np.hypot(place.y - other.y, place.x - other.x) > reach for other in visited)
        and not _is_certain(place, certain, reach)
    ]


def _is_certain(place: Spot, certain: Mask | None, reach: float) -> bool:
    if certain is None:
        return False
    half = max(1, int(reach / 2))
    rows, columns = (slice(max(0, at - half), at + half + 1) for at in (place.y, place.x))
    return bool(certain[rows, columns].any())
