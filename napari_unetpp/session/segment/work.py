"""Work as generators of frozen events: the dock's worker runs them, so do tests with ``list``.

Each takes what the worker keeps, a frozen request and the flag that asks it to stop.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import AUTO, Region, ShouldStop, UnetppError, never_stop
from napari_unetpp.files.objects import also, table
from napari_unetpp.files.objects.planes import ObjectPlane, Subject
from napari_unetpp.session import messages
from napari_unetpp.session.display import object_table, rectangles
from napari_unetpp.session.display.level_costs import levels_of
from napari_unetpp.session.segment import numbering
from napari_unetpp.session.segment.cache import MapsKey, Workshop
from napari_unetpp.session.segment.plane_result import Kept
from napari_unetpp.session.segment.prediction import predict_plane
from napari_unetpp.session.segment.scale_search import with_scale
from napari_unetpp.session.values import (
    DepthMap,
    Doubt,
    Event,
    Outcome,
    Paint,
    Phase,
    Picked,
    PickRequest,
    PlaneRequest,
    Ready,
    Reduced,
    Saved,
    SaveRequest,
    ShowRequest,
    Speed,
    Stopped,
    WarmRequest,
    model_key,
)

NO_RUN = -1
"""Generation of what a click says: it belongs to no run."""

MARGIN = 32
"""Pixels around a click that are looked at, at least; else as many as an object measures."""

WIDENINGS = 4
"""How often that is doubled, at most, for an object that reaches further."""

PREFETCH_PIXELS = 2_000_000
"""Up to this size the other computed levels are decoded ahead, so that the slider repaints at once."""


def warm(workshop: Workshop, request: WarmRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """Import torch, load the model, and measure what each level costs on this machine."""
    evaluator = workshop.evaluator(request.model, request.device)
    key = model_key(request.model)
    choice = evaluator.choice
    devices = workshop.engine.devices()
    yield Ready(key, request.device, choice.device, choice.dtype, choice.note, devices)
    yield Speed(key, request.device, workshop.speeds(request.model, request.device).levels, real=True)
    yield from _trial(workshop, request, should_stop)


def show(workshop: Workshop, request: ShowRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """Show a level of a plane: predict what is missing, decode, paint, and say what came out."""
    if should_stop():
        yield Stopped(request.generation, 0, 0)
        return
    start = time.perf_counter()
    plane, pixels = request.plane, workshop.pixels(request.plane)
    scaled = yield from with_scale(workshop, request, pixels, should_stop, request.generation)
    if scaled is None or should_stop():
        yield Stopped(request.generation, 0, 0)
        return
    request = scaled
    key = _key(workshop, request)
    kept = workshop.find(key)
    if kept is None or not kept.store.complete(request.level):
        kept = yield from predict_plane(workshop, request, key, pixels, should_stop)
        if kept is None:
            return
    if request.rule.kind == "labels" and (request.level, request.rule) not in kept.decoded:
        yield Phase(request.generation, "finding objects")
    try:
        result = _decoded(workshop, kept, request)
    except MemoryError:
        if request.rule.kind == "mask":
            raise
        request = replace(request, rule=replace(request.rule, kind="mask"))
        result = _decoded(workshop, kept, request)
        yield Reduced(request.generation, "mask")
    kept.shown = result if request.objects else kept.shown
    for region in rectangles.blocks(plane.shape):
        if should_stop():
            yield Stopped(request.generation, 0, 0)
            return
        yield Paint(request.generation, plane, region, result[region.slices], final=True)
    yield _outcome(kept, request, result, time.perf_counter() - start)


def after(
    workshop: Workshop, request: ShowRequest, should_stop: ShouldStop, *, measure: bool
) -> Iterator[Event]:
    """What an idle worker does after a run.

    Decodes the other computed levels of the plane, so that the slider repaints at once, takes up the
    measurement of speed if the first press of the button interrupted it, and gives memory back.
    """
    kept = workshop.find(_key(workshop, request))
    if kept is not None and request.plane.shape[0] * request.plane.shape[1] <= PREFETCH_PIXELS:
        for level in levels_of(request.model):
            if should_stop():
                return
            if kept.store.complete(level):
                _decoded(workshop, kept, replace(request, level=level))
    if measure:
        yield from _trial(workshop, request, should_stop)
    if not should_stop():
        workshop.engine.give_back()
        yield workshop.held


def doubt(workshop: Workshop, request: ShowRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """How uncertain the shown result is, and where most; nothing where its maps are no longer kept."""
    del should_stop  # short, and asked for
    kept = workshop.find(_key(workshop, request))
    if kept is None or not kept.store.complete(request.level):
        return
    values = workshop.engine.uncertainty(kept, request.model, request.level, request.rule.threshold)
    diameter = typical_diameter(request)
    places = workshop.engine.places(values, diameter)
    yield Doubt(request, np.rint(255 * values).astype(np.uint8), places, diameter)


def depth(workshop: Workshop, request: ShowRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """How deep Auto went; nothing where the maps are no longer kept."""
    del should_stop  # short, and asked for
    kept = workshop.find(_key(workshop, request))
    if kept is not None and kept.store.complete(request.level):
        yield DepthMap(request, workshop.engine.depth(kept, request.model, request.level))


def pick(workshop: Workshop, request: PickRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """Find what was clicked at, in a window that grows until it holds the whole object."""
    del should_stop  # short, and every click counts
    start = time.perf_counter()
    pixels = workshop.pixels(request.plane)
    scaled = yield from with_scale(workshop, request, pixels, never_stop, NO_RUN)
    assert scaled is not None
    request = scaled
    evaluator = workshop.evaluator(request.model, request.device)
    kept = workshop.find(_key(workshop, request))
    if kept is not None and not kept.store.complete(request.level):
        kept = None
    reach = max(MARGIN, round(typical_diameter(request)))
    for _ in range(WIDENINGS):
        region = _around(request.click.region, reach, request.plane.shape)
        maps = workshop.engine.window(workshop.nodes, request, evaluator, kept, region, pixels.read)
        labels = workshop.engine.pick(maps, request, region)
        if not _cut_off(labels > 0, region, request.plane.shape):
            break
        reach *= 2
    yield Picked(request, region, labels, time.perf_counter() - start)


def save(request: SaveRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """Write labels and the CSV of the objects, or a file for another program; nothing is ever overwritten."""
    del should_stop  # short, and half a pair of files helps nobody
    for_others = request.path.suffix.lower() in map(also.suffix_of, also.FORMATS)
    try:
        paths = _save_for_others(request) if for_others else _save_labels(request)
    except OSError as error:
        raise UnetppError(messages.not_written(request.path, error)) from error
    missing = request.plane.pixel.missing
    yield Saved(paths, (messages.no_area(missing),) if missing else ())


def _save_labels(request: SaveRequest) -> tuple[Path, ...]:
    from napari_unetpp.files.images.pixel_size import PixelSpacing
    from napari_unetpp.files.results.result_file import About, write_labels, write_mask

    write = write_mask if request.kind == "mask" else write_labels
    side = request.plane.pixel.side
    about = About(PixelSpacing(side, side) if side else None)
    image_path, table_path = object_table.free_paths(request.path)
    write(image_path, request.labels if request.kind == "labels" else request.labels > 0, about=about)
    position = {step.axis: step.index for step in request.plane.position}
    table.write_csv(table_path, _measured(request, position))
    return image_path, table_path


def _save_for_others(request: SaveRequest) -> tuple[Path, ...]:
    path = object_table.free_path(request.path)
    position = {step.axis: step.index for step in request.plane.position}
    plane = ObjectPlane(request.labels, position, _measured(request, {}))
    subject = Subject(request.plane.name, request.classes, request.instances)
    also.write_also(path, also.format_of(path), [plane], subject)
    return (path,)


def _measured(request: SaveRequest, position: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    image, area = np.asarray(request.plane.data), request.plane.pixel.area
    return table.object_table(request.labels, image, pixel_area=area, position=position)


# ------------------------------------------------------------------ helpers


def _trial(
    workshop: Workshop, request: WarmRequest | ShowRequest, should_stop: ShouldStop
) -> Iterator[Event]:
    """Time all levels on a small square; what real runs take is learned from then on."""
    evaluator = workshop.evaluator(request.model, request.device)
    for levels in workshop.engine.time_levels(evaluator, should_stop):
        workshop.speeds(request.model, request.device).warm = True
        yield Speed(model_key(request.model), request.device, levels)


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


def _key(workshop: Workshop, request: PlaneRequest) -> MapsKey:
    """Where the maps of a request, whose scale is known, are kept."""
    version = workshop.evaluator(request.model, request.device).version
    return MapsKey(request.plane.key, version, request.scale, request.range)


def typical_diameter(request: PlaneRequest) -> float:
    """Of an object, in px of the image; where nothing says, a twentieth of the longer side."""
    rule = request.model.sampling
    return rule.value / request.scale if rule.kind == "object" else max(request.plane.shape) / 20


def _decoded(workshop: Workshop, kept: Kept, request: ShowRequest) -> NDArray[Any]:
    """The result for the request's level and rule, decoded once."""
    slot = (request.level, request.rule)
    if slot not in kept.decoded:
        result = workshop.engine.decode(kept, request.model, request.level, request.rule)
        before = workshop.shown(request.plane.key) if request.objects else None
        if before is not None:
            with suppress(MemoryError):  # then the objects have numbers of their own
                result = numbering.follow(result, before)
        kept.decoded[slot] = rectangles.small_dtype(result)
        workshop.trim()
    kept.decoded.move_to_end(slot)
    return kept.decoded[slot]


def _outcome(kept: Kept, request: ShowRequest, result: NDArray[Any], seconds: float) -> Outcome:
    assert request.choice is not None
    areas = object_table.areas(result)
    is_labels = request.objects
    fitted = is_labels and request.model.sampling.kind == "object"
    note = object_table.size_note(areas, typical_diameter(request)) if fitted else None
    return Outcome(
        generation=request.generation,
        level=request.level,
        kind="labels" if is_labels else "mask",
        levels=tuple(level for level in levels_of(request.model) if kept.store.complete(level)),
        seconds=seconds,
        objects=len(areas) if is_labels else None,
        diameter=object_table.median_diameter(areas) if is_labels else None,
        coverage=float(areas.sum()) / max(1, result.size),
        peak=kept.peaks.get(request.level, 0.0),
        choice=request.choice,
        range=kept.range,
        constant=kept.constant,
        notes=(*kept.notes, note) if note else kept.notes,
        share=kept.share if request.level == AUTO else None,
    )
