"""The table of objects that our layers carry: measured in a worker of its own, handed over at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ShouldStop, UnetppError
from napari_unetpp.files.objects.table import by_number, object_table
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.correct.merge import IGNORE
from napari_unetpp.session.correct.ports import Sheets
from napari_unetpp.session.ports import Layers, Runner
from napari_unetpp.session.segment.cache import Pixels
from napari_unetpp.session.values import Event, Featured, Plane

LARGEST = 64_000_000
"""Pixels of a plane above which nothing is measured until Save: it would take seconds and gigabytes."""


Shown = dict[Literal["result", "corrections"], NDArray[Any]]
"""What our layers show for a plane: labels of shape (Y, X)."""


class ObjectFeatures:
    """Measures the objects of the displayed plane anew whenever they may have changed.

    Parameters
    ----------
    controller : Controller
    layers, sheets
        The ports; see `session.ports` and `session.correct.ports`.
    runner : Runner
        Of its own: no run, and nothing that is saved, waits for it or is stopped by it.
    """

    def __init__(self, controller: Controller, layers: Layers, sheets: Sheets, runner: Runner) -> None:
        self.controller, self.layers, self.sheets, self.runner = controller, layers, sheets, runner
        self._closed = False

    def connect(self) -> None:
        """Listen."""
        self.controller.idle.connect(lambda: self.update())
        self.layers.signals.rested.connect(lambda: self.update())
        self.sheets.signals.held.connect(self.update)
        self.sheets.signals.painted.connect(self.update)

    def close(self) -> None:
        """Measure no more."""
        if not self._closed:
            self._closed = True
            self.runner.close()

    def update(self, image: Hashable | None = None) -> None:
        """Measure what is displayed of an image, by default of the chosen one; an older measurement stops.

        During a run, and while a stack plays, everything would be out of date at once.
        """
        image = self.controller.state.image if image is None else image
        if self._closed or image is None or self.controller.busy or self.controller.following.pace.plays:
            return
        try:
            plane = self.layers.read(image)
        except UnetppError:  # whoever wants to segment it is told
            return
        result, corrections = self.layers.result(plane), self.sheets.labels(plane)
        shown: Shown = {}
        if result is not None and result.size <= LARGEST:
            shown["result"] = result
        if corrections is not None and corrections.size <= LARGEST:
            shown["corrections"] = corrections
        if shown:
            pixels = self.controller.cycle.workshop.pixels(plane)  # read for the run already
            self.runner.submit(partial(measure, plane, pixels, shown), self._on_event, self._on_end)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Featured) and not self._closed:
            target = self.layers if event.layer == "result" else self.sheets
            target.set_features(event.plane, event.columns)

    def _on_end(self, error: BaseException | None) -> None:
        """Features are an extra: whatever went wrong, the labels are there, and Save says what it is."""


def measure(plane: Plane, pixels: Pixels, shown: Shown, should_stop: ShouldStop) -> Iterator[Event]:
    """Work: the features of what our layers show for a plane."""
    if should_stop():
        return
    image, _ = pixels.read()
    for layer, labels in shown.items():
        table = object_table(
            np.where(labels == IGNORE, 0, labels) if layer == "corrections" else labels,
            image,
            pixel_area=plane.pixel.area,
            position={step.axis: step.index for step in plane.position},
            shapes=False,
        )
        if should_stop():  # a newer one is on its way
            return
        yield Featured(plane, layer, by_number(table))
