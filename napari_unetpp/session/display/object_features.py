"""The table of objects that our layers carry: measured in a worker of its own, handed over at once."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ShouldStop, UnetppError
from napari_unetpp.files.objects.table import by_number, object_table
from napari_unetpp.session.controller import Controller
from napari_unetpp.session.correct.merge import IGNORE_LABEL
from napari_unetpp.session.correct.ports import CorrectionsLayers
from napari_unetpp.session.events import Event, ObjectFeaturesMeasured
from napari_unetpp.session.ports import Layers, Runner
from napari_unetpp.session.segment.cache import PlanePixels
from napari_unetpp.session.stacks.stacks import Stacks
from napari_unetpp.session.stacks.values import position_of
from napari_unetpp.session.values import Plane

LARGEST = 64_000_000
"""Pixels of a plane above which nothing is measured until Save: it would take seconds and gigabytes."""


Shown = dict[Literal["result", "corrections", "stack"], NDArray[Any]]
"""What our layers show for a plane: labels of shape (Y, X)."""


class ObjectFeatures:
    """Measures the objects of the displayed plane anew whenever they may have changed.

    Parameters
    ----------
    controller : Controller
    layers, corrections
        The ports; see `session.ports` and `session.correct.ports`.
    stacks : Stacks
        How images are read, and the layers of all their planes.
    runner : Runner
        Of its own: no run, and nothing that is saved, waits for it or is stopped by it.
    """

    def __init__(
        self,
        controller: Controller,
        layers: Layers,
        corrections: CorrectionsLayers,
        stacks: Stacks,
        runner: Runner,
    ) -> None:
        self.controller, self.layers, self.runner = controller, layers, runner
        self.corrections, self.stacks = corrections, stacks
        self._closed = False

    def connect(self) -> None:
        """Listen."""
        self.controller.idle.connect(lambda: self.update())
        self.stacks.runs.ended.connect(lambda: self.update())
        self.layers.signals.rested.connect(lambda: self.update())
        self.corrections.signals.labels_put.connect(self.update)
        self.corrections.signals.painted.connect(self.update)

    def close(self) -> None:
        """Measure no more."""
        if not self._closed:
            self._closed = True
            self.runner.close()

    def update(self, image: Hashable | None = None) -> None:
        """Measure what is displayed of an image, by default of the chosen one; an older measurement stops.

        During a run, and while a stack plays, everything would be out of date at once.
        """
        controller = self.controller
        image = controller.state.image if image is None else image
        if self._closed or image is None or controller.busy or controller.playback.speed.playing:
            return
        try:
            plane = self.layers.read(image)
        except UnetppError:  # shown where the user asks for a segmentation
            return
        found: dict[Any, NDArray[Any] | None] = {
            "result": self.layers.result(plane),
            "corrections": self.corrections.labels(plane),
            "stack": self.stacks.layers.displayed(plane),
        }
        shown: Shown = {
            layer: labels for layer, labels in found.items() if labels is not None and labels.size <= LARGEST
        }
        if shown:
            pixels = controller.context.cache.pixels(plane)  # read for the run already
            job = partial(measure, plane, pixels, shown, position_of(plane, self.stacks.reading.axes(plane)))
            self.runner.submit(job, self._on_event, self._on_end)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ObjectFeaturesMeasured) and not self._closed:
            targets: dict[str, Any] = {
                "result": self.layers,
                "corrections": self.corrections,
                "stack": self.stacks.layers,
            }
            targets[event.layer].set_features(event.plane, event.columns)

    def _on_end(self, error: BaseException | None) -> None:
        """An error is not shown: the labels are there without features, and Save measures them again."""


def measure(
    plane: Plane, pixels: PlanePixels, shown: Shown, position: Mapping[str, int], should_stop: ShouldStop
) -> Iterator[Event]:
    """Measure the objects of what our layers show for a plane; `position` becomes columns of its own."""
    if should_stop():
        return
    image, _ = pixels.read()
    for layer, labels in shown.items():
        table = object_table(
            np.where(labels == IGNORE_LABEL, 0, labels) if layer == "corrections" else labels,
            image,
            pixel_area=plane.pixel.area,
            position=position,
            shapes=False,
        )
        if should_stop():  # a newer one is on its way
            return
        yield ObjectFeaturesMeasured(plane, layer, by_number(table))
