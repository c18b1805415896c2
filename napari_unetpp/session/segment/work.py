"""Segmenting as generators of frozen events: a worker runs them, tests run them with ``list``.

Each takes the worker's cache, a frozen request, and the flag that asks it to stop.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import AUTO, ModelInfo, Region, ShouldStop, never_stop
from napari_unetpp.engine.memory import release_free_memory
from napari_unetpp.session.events import (
    DepthMap,
    Event,
    Outcome,
    Paint,
    Phase,
    Picked,
    Ready,
    Reduced,
    Speed,
    Stopped,
    Uncertainty,
)
from napari_unetpp.session.segment import engine, objects
from napari_unetpp.session.segment.cache import CachedPlane, WorkerCache
from napari_unetpp.session.segment.prediction import predict_plane, with_scale
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.values import Click, DeviceRequest, model_key

MARGIN = 32
"""Pixels around a click that are evaluated, at least; more where objects are larger."""

WIDENINGS = 4
"""How often that is doubled, at most, for an object that reaches further."""

PREFETCH_PIXELS = 2_000_000
"""Up to this size the other computed levels are decoded ahead, so that the slider repaints at once."""

BLOCK = 1024
"""Side of the rectangles in which a result is painted: each costs the window's thread a few ms."""


def warm(
    cache: WorkerCache, model: ModelInfo, device: DeviceRequest, should_stop: ShouldStop
) -> Iterator[Event]:
    """Import torch, load the model, and measure what each level costs on this machine."""
    choice = cache.loaded(model, device).choice
    yield Ready(model_key(model), device, choice.device, choice.dtype, choice.note, engine.devices())
    speeds = cache.speeds(model, device)
    yield Speed(model_key(model), device, speeds.levels, real=True, hints=speeds.hints)
    yield from _measure(cache, model, device, should_stop)


def show(cache: WorkerCache, request: SegmentRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """Show a level of a plane: predict what is missing, decode, paint, and tell the outcome."""
    if should_stop():
        yield Stopped(request.generation, 0, 0)
        return
    start = time.perf_counter()
    scaled = yield from with_scale(cache, request, should_stop)
    if scaled is None or should_stop():
        yield Stopped(request.generation, 0, 0)
        return
    request = scaled
    cached = cache.find(request)
    if cached is None or not cached.maps.store.complete(request.level):
        cached = yield from predict_plane(cache, request, cached, should_stop)
        if cached is None:
            return
    if request.rule.kind == "labels" and (request.level, request.rule) not in cached.decoded:
        yield Phase(request.generation, "finding objects")
    try:
        result = _decoded(cache, cached, request)
    except MemoryError:
        if request.rule.kind == "mask":
            raise
        request = replace(request, rule=replace(request.rule, kind="mask"))
        result = _decoded(cache, cached, request)
        yield Reduced(request.generation, "mask")
    if request.objects:
        cache.keep_objects(request.plane, result)
    for region in blocks(request.plane.shape):
        if should_stop():
            yield Stopped(request.generation, 0, 0)
            return
        yield Paint(request.generation, request.plane, region, result[region.slices], final=True)
    if not cached.noted:  # measured last, so that pixels come first
        cached.maps, cached.noted = engine.with_notes(cache, request, cached.maps), True
    yield _outcome(cached, request, result, time.perf_counter() - start)


def after(
    cache: WorkerCache, request: SegmentRequest, should_stop: ShouldStop, *, measure: bool
) -> Iterator[Event]:
    """What an idle worker does after a run.

    Decodes the other computed levels of the plane, so that the slider repaints at once, measures the speed
    if the first run interrupted that, and gives memory back.
    """
    cached = cache.find(request)
    if cached is not None and request.plane.shape[0] * request.plane.shape[1] <= PREFETCH_PIXELS:
        for level in cached.levels():
            if should_stop():
                return
            _decoded(cache, cached, replace(request, level=level))
    if measure:
        yield from _measure(cache, request.model, request.device, should_stop)
    if not should_stop():
        release_free_memory()
        yield cache.memory_use


def uncertainty(cache: WorkerCache, request: SegmentRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """How uncertain the shown result is, and where most; nothing where its maps are not cached any more."""
    from napari_unetpp.engine.decode.uncertainty import places

    del should_stop  # short, and asked for
    cached = cache.find(request)
    if cached is not None and cached.maps.store.complete(request.level):
        values = engine.maps_for(cached, request).uncertainty()
        found = places(values, request.diameter)
        yield Uncertainty(request, np.rint(255 * values).astype(np.uint8), found, request.diameter)


def probability(cache: WorkerCache, request: SegmentRequest) -> NDArray[np.float32] | None:
    """Probabilities (C, Y, X) of the shown result; None where its maps are not cached any more."""
    cached = cache.find(request)
    if cached is None or not cached.maps.store.complete(request.level):
        return None
    return engine.maps_for(cached, request).probability()


def depth(cache: WorkerCache, request: SegmentRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """How deep Auto went; nothing where the maps are not cached any more."""
    del should_stop  # short, and asked for
    cached = cache.find(request)
    if cached is not None and cached.maps.store.complete(request.level):
        yield DepthMap(request, engine.maps_for(cached, request).depth())


def pick(
    cache: WorkerCache, request: SegmentRequest, click: Click, should_stop: ShouldStop
) -> Iterator[Event]:
    """Find the object, or those inside a box, at a click: in a window that grows until it holds them."""
    del should_stop  # short, and every click counts
    start = time.perf_counter()
    scaled = yield from with_scale(cache, request, never_stop)
    assert scaled is not None
    request = scaled
    cached = cache.find(request)
    if cached is not None and not cached.maps.store.complete(request.level):
        cached = None
    reach = max(MARGIN, round(request.diameter))
    for _ in range(WIDENINGS):
        region = _around(click.region, reach, request.plane.shape)
        labels = engine.pick(engine.window(cache, request, cached, region), request, click, region)
        if not _cut_off(labels > 0, region, request.plane.shape):
            break
        reach *= 2
    yield Picked(request, click, region, labels, time.perf_counter() - start)


def blocks(shape: tuple[int, int]) -> Iterator[Region]:
    """Rectangles that cover `shape`, in reading order."""
    for y0 in range(0, shape[0], BLOCK):
        for x0 in range(0, shape[1], BLOCK):
            yield Region(y0, x0, min(y0 + BLOCK, shape[0]), min(x0 + BLOCK, shape[1]))


# ------------------------------------------------------------------ helpers


def _measure(
    cache: WorkerCache, model: ModelInfo, device: DeviceRequest, should_stop: ShouldStop
) -> Iterator[Event]:
    """Time all levels on a small square; from then on the times of real runs are recorded."""
    for levels in engine.time_levels(cache.loaded(model, device), should_stop):
        cache.speeds(model, device).warm = True
        yield Speed(model_key(model), device, levels)


def _around(region: Region, reach: int, shape: tuple[int, int]) -> Region:
    return Region(
        max(0, region.y0 - reach),
        max(0, region.x0 - reach),
        min(shape[0], region.y1 + reach),
        min(shape[1], region.x1 + reach),
    )


def _cut_off(found: NDArray[np.bool_], region: Region, shape: tuple[int, int]) -> bool:
    """Whether something reaches a side of the region behind which the plane goes on."""
    sides = (
        (region.y0 > 0, found[0]),
        (region.y1 < shape[0], found[-1]),
        (region.x0 > 0, found[:, 0]),
        (region.x1 < shape[1], found[:, -1]),
    )
    return any(goes_on and side.any() for goes_on, side in sides)


def _decoded(cache: WorkerCache, cached: CachedPlane, request: SegmentRequest) -> NDArray[Any]:
    """The result for the request's level and rule, decoded once."""
    slot = (request.level, request.rule)
    if slot not in cached.decoded:
        maps = engine.maps_for(cached, request)
        result: NDArray[Any] = maps.mask() if request.rule.kind == "mask" else maps.labels()
        before = cache.last_objects(request.plane) if request.objects else None
        if before is not None:
            with suppress(MemoryError):  # then the objects have numbers of their own
                result = objects.follow(result, before)
        cached.decoded[slot] = objects.small_dtype(result)
        cache.trim()
    cached.decoded.move_to_end(slot)
    return cached.decoded[slot]


def _outcome(cached: CachedPlane, request: SegmentRequest, result: NDArray[Any], seconds: float) -> Outcome:
    maps, areas = cached.maps, objects.areas(result)
    sized = request.objects and request.model.sampling.expects_size
    note = objects.size_note(areas, request.diameter, request.rule.max_size) if sized else None
    assert request.choice is not None
    return Outcome(
        generation=request.generation,
        level=request.level,
        kind="labels" if request.objects else "mask",
        levels=cached.levels(),
        seconds=seconds,
        objects=len(areas) if request.objects else None,
        diameter=objects.median_diameter(areas) if request.objects else None,
        coverage=float(areas.sum()) / max(1, result.size),
        peak=cached.peaks.get(request.level, 0.0),
        choice=request.choice,
        range=maps.range,
        constant=maps.invalid is not None and bool(maps.invalid.all()),
        notes=(*maps.notes, note) if note else maps.notes,
        share=cached.share if request.level == AUTO else None,
    )
