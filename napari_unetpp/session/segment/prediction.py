"""The part of a run that needs the network: find the scale, predict, collect maps, preview tiles."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    AUTO,
    PredictDone,
    PredictStarted,
    Preview,
    Region,
    ScaleChoice,
    ShouldStop,
    TileDone,
)
from napari_unetpp.engine import tiles
from napari_unetpp.engine.decode import labelling
from napari_unetpp.net import graph
from napari_unetpp.session.events import Event, Paint, Phase, Progress, ScaleFound, Speed, Stopped
from napari_unetpp.session.segment import engine
from napari_unetpp.session.segment.cache import CachedPlane, WorkerCache
from napari_unetpp.session.segment.resolve import SegmentRequest, is_searched
from napari_unetpp.session.values import model_key

SEARCHING = "looking for the object size"


def with_scale(
    cache: WorkerCache, request: SegmentRequest, should_stop: ShouldStop
) -> Generator[Event, None, SegmentRequest | None]:
    """The request with a scale, which is searched for where it is not known; None when stopped."""
    if request.choice is not None:
        return request
    known = cache.scales.find(request.plane, request.model)
    if known is None:
        if is_searched(request.model):
            yield Phase(request.generation, SEARCHING)
        found = _decide_scale(cache, request, should_stop)
        if should_stop():
            return None
        cache.scales.store(request.plane, request.model, found, request.range)
    choice = known or found
    yield ScaleFound(request.plane, choice, searched=known is None)
    return replace(request, choice=choice)


def _decide_scale(cache: WorkerCache, request: SegmentRequest, should_stop: ShouldStop) -> ScaleChoice:
    image, _ = cache.read(request.plane)
    model = cache.loaded(request.model, request.device)
    stats = engine.intensities(cache, request, image)
    return engine.decide_scale(model, image, stats, request.plane.pixel.side, should_stop)


def predict_plane(
    cache: WorkerCache, request: SegmentRequest, cached: CachedPlane | None, should_stop: ShouldStop
) -> Generator[Event, None, CachedPlane | None]:
    """Compute the maps that `cached` lacks; returns all of them, or None when stopped."""
    image, _ = cache.read(request.plane)
    known = cached.levels() if cached is not None else ()
    run = _Run(cache, request, cached)
    for event in engine.predict(cache, request, image, known, should_stop):
        match event:
            case PredictStarted():
                if run.cached is None:
                    run.cached = CachedPlane(engine.empty_maps(cache, request, event.shape))
                run.total = event.tiles
                yield Phase(request.generation, "segmenting")
            case Preview():
                yield from run.preview(event)
            case TileDone():
                yield from run.collect(event)
            case PredictDone():
                yield from run.end(event)
    return run.cached if run.finished else None


class _Run:
    """One pass of the network over a plane: turns events of the engine into events for the window."""

    def __init__(self, cache: WorkerCache, request: SegmentRequest, cached: CachedPlane | None) -> None:
        self.cache, self.request, self.cached = cache, request, cached
        self.finished = False
        self.done = self.total = 0
        self.painted: set[Region] = set()
        self.previewed: list[Region] = []

    def preview(self, event: Preview) -> Generator[Event, None, None]:
        """A part of a tile at level 1, before the tile is done."""
        if self.request.preview:
            self.previewed.append(event.region)
            yield self._foreground(event)

    def collect(self, event: TileDone) -> Generator[Event, None, None]:
        """A tile at one level; shown at the requested level, or where nothing is shown yet."""
        assert self.cached is not None
        self.cached.maps.store.add(event)
        whole = labelling.foreground(event.maps, self.request.model).sum(axis=0)
        peaks = self.cached.peaks
        peaks[event.level] = max(float(whole.max(initial=0.0)), peaks.get(event.level, 0.0))
        asked = event.level == self.request.level
        if self.request.preview and (asked or not self._is_painted(event.region)):
            self.painted.add(event.region)
            yield self._foreground(event)
        self.done += asked
        yield Progress(self.request.generation, self.done, self.total, event.done / max(1, event.total))

    def end(self, event: PredictDone) -> Generator[Event, None, None]:
        """All tiles are there, or the run was stopped."""
        if event.stopped:
            yield Stopped(self.request.generation, self.done, self.total)
            return
        assert self.cached is not None
        self.cache.store(self.request, self.cached)
        self.finished = True
        config, shape = self.request.model.net, self.cached.maps.store.shape
        if event.level == AUTO and event.nodes_reused == 0:
            padded = tiles.padded_shape(shape, config.multiple)
            self.cached.share = event.flops / graph.flops(config.depth, config, *padded)
        model, device = self.request.model, self.request.device
        speeds, megapixels = self.cache.speeds(model, device), shape[0] * shape[1] / 1e6
        if event.compiled:  # what this took says nothing about the next run
            return
        if speeds.add(event.level, event.seconds, megapixels, event.known_level):
            yield Speed(model_key(model), device, speeds.levels, real=True, hints=speeds.hints)

    def _is_painted(self, region: Region) -> bool:
        return region in self.painted or any(region.overlaps(part) for part in self.previewed)

    def _foreground(self, event: TileDone | Preview) -> Paint:
        """Foreground in one colour: objects are told apart once the whole plane is there."""
        request = self.request
        assert self.cached is not None
        found = labelling.mask(event.maps, request.model, request.decode)
        shape = self.cached.maps.store.shape
        region, values = to_image_grid(found, event.region, shape, request.plane.shape)
        return Paint(request.generation, request.plane, region, values, final=False)


def to_image_grid(
    mask: NDArray[np.bool_], region: Region, working: tuple[int, int], shape: tuple[int, int]
) -> tuple[Region, NDArray[np.uint16]]:
    """A mask for `region` of the working grid as nearest neighbours on the grid of the image."""
    if working == shape:
        return region, mask.astype(np.uint16)
    rows = _nearest(region.y0, region.y1, working[0], shape[0])
    columns = _nearest(region.x0, region.x1, working[1], shape[1])
    if not rows.size or not columns.size:
        return Region(0, 0, 0, 0), np.zeros((0, 0), np.uint16)
    values = mask[np.ix_(rows - region.y0, columns - region.x0)].astype(np.uint16)
    y0, x0 = _first(region.y0, working[0], shape[0]), _first(region.x0, working[1], shape[1])
    return Region(y0, x0, y0 + rows.size, x0 + columns.size), values


def _first(start: int, working: int, size: int) -> int:
    """First image row whose centre lies at or after working row `start`."""
    return max(0, int(np.ceil(start * size / working - 0.5)))


def _nearest(start: int, stop: int, working: int, size: int) -> NDArray[np.intp]:
    """Working rows in ``[start, stop)`` for the image rows whose centres lie there."""
    image = np.arange(_first(start, working, size), _first(stop, working, size) if stop < working else size)
    return np.clip(((image + 0.5) * working / size).astype(np.intp), start, stop - 1)
