"""The part of `jobs.show` that needs the network: predict, collect maps, preview tiles."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    AUTO,
    ModelInfo,
    PredictDone,
    PredictRequest,
    PredictStarted,
    Preview,
    Region,
    ShouldStop,
    TileDone,
)
from napari_unetpp.engine import tiles
from napari_unetpp.net import graph
from napari_unetpp.session.display import rectangles
from napari_unetpp.session.segment.cache import MapsKey, Pixels, Workshop
from napari_unetpp.session.segment.plane_result import Kept
from napari_unetpp.session.values import (
    Event,
    Interval,
    Paint,
    Phase,
    Progress,
    ShowRequest,
    Speed,
    Stopped,
    model_key,
)


def predict_plane(
    workshop: Workshop, request: ShowRequest, key: MapsKey, pixels: Pixels, should_stop: ShouldStop
) -> Generator[Event, None, Kept | None]:
    """Compute what is missing for the request; returns the maps, or None when stopped."""
    image, notes = pixels.read()
    evaluator = workshop.evaluator(request.model, request.device)
    stats = workshop.engine.intensities(workshop.nodes, request, image)
    notes = (*notes, *workshop.engine.range_notes(image, stats))
    told: Interval = (stats.low, stats.high)
    if request.range is None:
        told, more = workshop.engine.range_told(image, stats)
        notes = (*notes, *more)
    asked = PredictRequest(
        image=image,
        plane=key.plane,
        level=request.level,
        scale=key.scale,
        viewport=request.plane.viewport,
        preview=request.preview,
        generation=request.generation,
        range=key.range,
    )
    run = _Run(workshop, request, key, notes, told, workshop.engine.invalid(image, stats))
    view = partial(workshop.gaze.on, key.plane)
    for event in workshop.engine.predict(evaluator, asked, workshop.nodes, should_stop, view):
        yield from run.take(event)
    return run.kept if run.finished else None


def foreground(model: ModelInfo) -> slice:
    """Channels of the maps that are foreground classes."""
    if model.task == "instances":
        return slice(0, 1)
    return slice(0 if len(model.outputs) == 1 else 1, None)


class _Run:
    """One pass of the network over a plane: turns engine events into events of the sitting."""

    def __init__(
        self,
        workshop: Workshop,
        request: ShowRequest,
        key: MapsKey,
        notes: tuple[str, ...],
        range_: Interval,
        invalid: NDArray[np.bool_] | None,
    ) -> None:
        self.workshop, self.request, self.key = workshop, request, key
        self.notes, self.range, self.invalid = notes, range_, invalid
        self.kept: Kept | None = None
        self.finished = False
        self.shape = (0, 0)
        self.done = self.total = 0
        self.previewed: set[Region] = set()
        self.looked_at: list[Region] = []

    def take(self, event: object) -> Generator[Event, None, None]:
        """Handle one event of the engine."""
        if isinstance(event, PredictStarted):
            self._begin(event)
            yield Phase(self.request.generation, "segmenting")
        elif isinstance(event, Preview):
            if self.request.preview:
                self.looked_at.append(event.region)
                yield self._preview(event)
        elif isinstance(event, TileDone):
            yield from self._tile(event)
        elif isinstance(event, PredictDone):
            yield from self._end(event)

    def _begin(self, event: PredictStarted) -> None:
        self.shape = event.shape
        self.total = event.tiles
        self.kept = self.workshop.find(self.key)
        if self.kept is None:
            store = self.workshop.engine.store(event.shape, len(self.request.model.outputs))
            shape = self.request.plane.shape
            self.kept = Kept(store, shape, self.key.scale, self.range, self.invalid, self.notes)

    def _tile(self, event: TileDone) -> Generator[Event, None, None]:
        assert self.kept is not None
        self.kept.store.add(event)
        top = float(event.maps[foreground(self.request.model)].sum(axis=0).max(initial=0.0))
        self.kept.peaks[event.level] = max(top, self.kept.peaks.get(event.level, 0.0))
        asked = event.level == self.request.level
        seen = event.region in self.previewed or any(event.region.overlaps(part) for part in self.looked_at)
        if self.request.preview and (asked or not seen):
            self.previewed.add(event.region)
            yield self._preview(event)
        self.done += asked
        fraction = event.done / max(1, event.total)
        yield Progress(self.request.generation, self.done, self.total, fraction)

    def _preview(self, event: TileDone | Preview) -> Paint:
        """Foreground in one colour: objects are told apart once the whole plane is there."""
        model, threshold = self.request.model, self.request.rule.threshold
        found = self.workshop.engine.mask(event.maps, model, threshold)
        region, values = rectangles.to_image_grid(found, event.region, self.shape, self.request.plane.shape)
        return Paint(self.request.generation, self.request.plane, region, values, final=False)

    def _end(self, event: PredictDone) -> Generator[Event, None, None]:
        if event.stopped:
            yield Stopped(self.request.generation, self.done, self.total)
            return
        assert self.kept is not None
        self.workshop.keep(self.key, self.kept)
        self.finished = True
        if event.level == AUTO and event.nodes_reused == 0:
            config = self.request.model.net
            padded = tiles.padded_shape(self.shape, config.multiple)
            self.kept.share = event.flops / graph.flops(config.depth, config, *padded)
        model, device = self.request.model, self.request.device
        speeds = self.workshop.speeds(model, device)
        megapixels = self.shape[0] * self.shape[1] / 1e6
        if speeds.took(event.level, event.seconds, megapixels, event.known_level):
            yield Speed(model_key(model), device, speeds.levels, real=True)
