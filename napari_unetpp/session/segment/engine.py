"""The engine as the jobs call it. torch is imported by the first call that needs it, in the worker."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import AUTO, PredictEvent, PredictRequest, Region, ScaleChoice, ShouldStop
from napari_unetpp.engine.input.normalise import NormStats, measure, with_range
from napari_unetpp.engine.input.range_notes import range_notes
from napari_unetpp.session.segment.cache import CachedPlane, WorkerCache
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.values import Click

if TYPE_CHECKING:
    from napari_unetpp.engine.decode.plane_result import PlaneResult
    from napari_unetpp.engine.decode.window import Window
    from napari_unetpp.engine.loaded_model import LoadedModel

TIMING_SIDE = 256
"""A square of this side is timed; all four levels together cost one pass of the deepest."""


def devices() -> tuple[str, ...]:
    """Devices that this torch can use on this machine."""
    import torch

    found = ["cpu"]
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    return tuple(found)


def intensities(cache: WorkerCache, request: SegmentRequest, image: NDArray[Any]) -> NormStats:
    """The range of intensities of a plane: given, or measured once."""
    if request.range is not None:
        return with_range(image, *request.range)
    rule = request.model.normalisation
    return cache.nodes.stats(request.plane.key, rule, lambda: measure(image, rule))


def decide_scale(
    model: LoadedModel,
    image: NDArray[Any],
    stats: NormStats,
    pixel_size: float | None,
    should_stop: ShouldStop,
) -> ScaleChoice:
    """The scale of a plane by the model's rule, or by a search."""
    from napari_unetpp.engine.input.scale import decide_scale

    return decide_scale(model, image, stats, pixel_size=pixel_size, should_stop=should_stop)


def predict(
    cache: WorkerCache,
    request: SegmentRequest,
    image: NDArray[Any],
    known: tuple[int, ...],
    should_stop: ShouldStop,
) -> Iterator[PredictEvent]:
    """Tiles of a plane, at every level up to the requested one but the `known` ones; visible tiles first."""
    from napari_unetpp.engine.predict import predict

    wanted = PredictRequest(
        image=image,
        plane=request.plane.key,
        level=request.level,
        scale=request.scale,
        viewport=request.plane.viewport,
        known=known,
        preview=request.preview,
        range=request.range,
    )
    evaluator = cache.loaded(request.model, request.device)

    def current_view() -> Region | None:
        return cache.visible.of(request.plane.key)

    return predict(evaluator, wanted, cache.nodes, should_stop, current_view)


def empty_maps(cache: WorkerCache, request: SegmentRequest, shape: tuple[int, int]) -> PlaneResult:
    """Where the maps of a plane are collected; `shape` is the working grid."""
    from napari_unetpp.engine.collect import invalid_pixels
    from napari_unetpp.engine.decode.map_store import MapStore
    from napari_unetpp.engine.decode.plane_result import PlaneResult

    assert request.choice is not None
    image, _ = cache.read(request.plane)
    stats = intensities(cache, request, image)
    return PlaneResult(
        MapStore(shape, len(request.model.outputs)),
        request.model,
        request.level,
        request.plane.shape,
        request.decode,
        invalid_pixels(image, stats),
        scale=request.choice,
        range=(stats.low, stats.high),
    )


def with_notes(cache: WorkerCache, request: SegmentRequest, maps: PlaneResult) -> PlaneResult:
    """Maps with what is said of the image and its range."""
    from napari_unetpp.engine.input.range_notes import NOISE, reported_range

    image, notes = cache.read(request.plane)
    stats, given = intensities(cache, request, image), request.range is not None
    shown = maps.range if given else reported_range(image, stats)
    noise = (NOISE,) if shown != maps.range else ()
    return replace(maps, notes=(*notes, *range_notes(image, stats, given=given), *noise), range=shown)


def maps_for(cached: CachedPlane, request: SegmentRequest) -> PlaneResult:
    """The cached maps at the level and with the rule of a request."""
    return replace(cached.maps, level=request.level, rule=request.decode)


def window(cache: WorkerCache, request: SegmentRequest, cached: CachedPlane | None, region: Region) -> Window:
    """A part of the plane with its maps: cached ones, else computed for this part alone."""
    from napari_unetpp.engine.decode.window import predict_window, stored_window

    if cached is not None:
        return stored_window(cached.maps.store, request.level, region, request.plane.shape)
    image, _ = cache.read(request.plane)
    stats = intensities(cache, request, image)
    level = request.model.recommended_level if request.level == AUTO else request.level
    evaluator = cache.loaded(request.model, request.device)
    return predict_window(evaluator, image, region, level, request.scale, stats)


def pick(window: Window, request: SegmentRequest, click: Click, region: Region) -> NDArray[np.uint32]:
    """What a click on the plane means, as labels of `region`."""
    from napari_unetpp.engine.decode.click import object_at, objects_inside

    model, rule, where = request.model, request.decode, click.region.relative_to(region)
    if click.is_point:
        return object_at(window, model, rule, where.y0, where.x0)
    inside = np.zeros(region.shape, bool)
    inside[where.slices] = True
    return objects_inside(window, model, rule, inside)


def time_levels(model: LoadedModel, should_stop: ShouldStop) -> Iterator[Mapping[int, float]]:
    """Seconds per megapixel of every level, on a small square, each level on top of the last."""
    config = model.info.net
    pixels = np.random.default_rng(0).random((config.in_channels, TIMING_SIDE, TIMING_SIDE), dtype=np.float32)
    image = model.tensor(pixels)
    known: dict[Any, Any] = {}
    warm_up = image if model.choice.dtype == "int8" else image[..., :64, :64]  # each size is compiled
    for level in (config.levels[0], config.depth):  # the first calls choose kernels: not counted
        if not model.nodes(warm_up, level, known, should_stop):
            return
        model.maps(level, known)
    known, elapsed, measured = {}, 0.0, {}
    for level in config.levels:
        start = time.perf_counter()
        if not model.nodes(image, level, known, should_stop):
            return
        model.maps(level, known)  # on a GPU this waits for the result
        elapsed += time.perf_counter() - start
        measured[level] = elapsed / (TIMING_SIDE**2 / 1e6)
    yield measured
