"""One stack, film, multi-channel image or zarr of ``napari-unetpp segment``: plane by plane, and resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unetpp._types import ModelInfo, ScaleChoice, UnetppError
from napari_unetpp.commands.segment.stack_input import file_version, open_input
from napari_unetpp.commands.segment.stack_tables import without_unmeasured
from napari_unetpp.commands.segment.values import Done, Options, asked_facts
from napari_unetpp.files.formats.kinds import is_zarr
from napari_unetpp.files.notes import Note
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.files.results.settings import CHANGED
from napari_unetpp.volumes.cluster.address import ImageAddress
from napari_unetpp.volumes.inputs.source import LARGE, ImageSource, is_stack
from napari_unetpp.volumes.ome_zarr import load_zarr
from napari_unetpp.volumes.selection import Selection, select
from napari_unetpp.volumes.series.store import remove

if TYPE_CHECKING:
    from napari_unetpp.commands.segment.values import Done, Options
    from napari_unetpp.engine.loaded_model import LoadedModel
    from napari_unetpp.volumes.cluster.workers import Workers
    from napari_unetpp.volumes.series.plane import SeriesRequest
    from napari_unetpp.volumes.series.run import SeriesProgress
    from napari_unetpp.volumes.series.store import PlaneStore

LARGEST_TIFF = 4_000_000_000
"""Bytes of a result from which it becomes OME-Zarr."""

LINKS = ("stitch", "track")
"""Settings that count when all planes are done."""

BYTES = {"labels": 4, "mask": 1, "probability": 4}
"""Of a pixel of each kind of result."""


def goes_by_planes(path: Path, options: Options) -> bool:
    """Whether an image is read plane by plane, not as one picture."""
    return options.stack.given or is_stack(path, options.series)


def segment_stack(
    output: Output,
    model: LoadedModel,
    options: Options,
    on_progress: Callable[[SeriesProgress], None],
    say: Note,
    workers: Workers | None = None,
) -> Done:
    """Segment all requested planes and write the results.

    Parameters
    ----------
    on_progress : callable
        Called after every tile and plane.
    say : callable
        Called with sentences: how the image is read, memory and disk, planes of an earlier run.
    workers : Workers, optional
        Other processes that segment planes, and tiles of large ones.
    """
    from napari_unetpp.commands.segment.stack_report import facts_of, report
    from napari_unetpp.commands.segment.stack_results import finish
    from napari_unetpp.volumes.series.reading import series_notes
    from napari_unetpp.volumes.series.run import segment_series

    start = time.perf_counter()
    notes: list[str] = []
    if options.overwrite:
        remove(output.partial)
    with open_input(output, options, notes.append) as image:
        chosen = chosen_planes(image, model.info, options)
        say(f"{output.source}: {chosen}")
        if _needs_zarr(output, chosen, options):
            load_zarr()  # now, not after hours of work
            output = output.as_zarr()
        given = options.size["range"], options.size["diameter"]
        notes += series_notes(image.array, chosen, range=given[0], diameter=given[1])
        mark = file_version(output.source)
        request, store = _begin(output, image, chosen, model, options, mark, say)
        others = None if workers is None else workers.series(request, _address(output, options, mark))
        with removed_if_empty(output):
            for event in segment_series(request, store, workers=others):
                if event.note:
                    notes.append(event.note)
                on_progress(event)
                if event.tile == event.tiles and file_version(output.source) != mark:
                    raise UnetppError(
                        f"{output.source} was changed while it was segmented. The planes in "
                        f"{store.folder} belong to different versions of it: give --overwrite to begin anew."
                    )
        facts = facts_of(request, options) | {CHANGED: mark}
        measured = finish(output, store, image, chosen, options, facts, notes.append)
    seconds = time.perf_counter() - start
    return report(output, request, options, facts, measured, notes, seconds)


@contextmanager
def removed_if_empty(output: Output) -> Iterator[None]:
    """Remove the folder of planes when the run ends, however it ends, without a finished plane."""
    try:
        yield
    finally:
        if not output.begun:
            remove(output.partial)


def finish_stack(output: Output, model: LoadedModel, options: Options) -> tuple[Path, ...]:
    """Write the missing files beside a result of an earlier run; returns these files."""
    from napari_unetpp.commands.segment.stack_extra_files import read_result, write_extra_files
    from napari_unetpp.commands.segment.stack_tables import Measured

    with open_input(output, options) as image:
        chosen = chosen_planes(image, model.info, options)
        missing = without_unmeasured(output.missing, chosen)
        if missing.files == (output.target,):
            return ()
        measured = Measured.of(missing, image, chosen, options)
        with read_result(output.target, chosen) as planes:
            for _ in measured.measure(planes):
                pass
        write_extra_files(missing, measured, options, overwrite=False)
    return missing.files[1:]


def _address(output: Output, options: Options, mark: list[list[int]]) -> ImageAddress:
    """Where other processes find the image."""
    stack = options.stack
    path = output.source.resolve()
    return ImageAddress(path, options.series, stack.selection.axes, stack.region, str(mark))


def chosen_planes(image: ImageSource, info: ModelInfo, options: Options) -> Selection:
    """The selection; raises UnetppError, before any work, for what cannot be done with it."""
    from napari_unetpp.volumes.series.numbering import check_links
    from napari_unetpp.volumes.series.three_directions import check_directions

    stack = options.stack
    chosen = select(image.axes, stack.selection, inputs=info.net.in_channels)
    check_directions(stack.directions, chosen)
    if options.objects.fill_holes and np.prod(chosen.plane_shape) > LARGE:
        raise UnetppError(
            f"--fill-holes needs the whole plane in memory, and a plane of more than {LARGE // 1_000_000} "
            "megapixels is segmented in pieces. Leave it out, or give --region."
        )
    if stack.stitch is not None or stack.track is not None:
        if info.task != "instances":
            raise UnetppError(
                f"--stitch and --track link objects, but {info.name!r} does not tell objects apart."
            )
        check_links(chosen, stitch=stack.stitch, track=stack.track)
    return chosen


def _needs_zarr(output: Output, chosen: Selection, options: Options) -> bool:
    size = int(np.prod(chosen.stack_shape)) * BYTES[options.kind]
    return options.kind != "probability" and (size > LARGEST_TIFF or is_zarr(output.source))


def _begin(
    output: Output,
    image: ImageSource,
    chosen: Selection,
    model: LoadedModel,
    options: Options,
    mark: list[list[int]],
    say: Note,
) -> tuple[SeriesRequest, PlaneStore]:
    """The request and the store of planes; range and scale of an interrupted run are used again."""
    from napari_unetpp.engine.collect import Reading
    from napari_unetpp.engine.level import resolve_level
    from napari_unetpp.volumes.series.need import need_text
    from napari_unetpp.volumes.series.plane import SeriesRequest
    from napari_unetpp.volumes.series.reading import read_series_as
    from napari_unetpp.volumes.series.store import PlaneStore, read_about

    info = model.info
    level = resolve_level(info, options.level)
    settings = {
        "input": str(output.source.resolve()),
        CHANGED: mark,
        "read_as": str(chosen),
        **{name: value for name, value in asked_facts(info, level, options).items() if name not in LINKS},
        "kind": options.kind,
        "precision": model.choice.label,
        "spacing": list(image.axes.spacing) if options.stack.directions > 1 else None,
        **({} if output.probability is None else {"probability": True}),
    }
    before = read_about(output.partial) if options.stack.resume else None
    if before is not None and all(before.get(key) == value for key, value in settings.items()):
        reading = before["reading"]
        known = Reading(ScaleChoice(reading["scale"], reading["reason"]), (reading["low"], reading["high"]))
    else:
        side = None if image.pixel_size is None else image.pixel_size.side
        known = read_series_as(image.array, chosen, model, pixel_size=side, **options.size)
    model = model.with_rule(options.objects.rule(info.decode, known.scale.scale))
    low, high = known.range
    decided = {"scale": known.scale.scale, "reason": known.scale.reason, "low": low, "high": high}
    with_maps = output.probability is not None
    request = SeriesRequest(
        image.array, chosen, model, level, known, options.kind, options.stack.directions, with_maps
    )
    about, beside = {**settings, "reading": decided}, None
    if with_maps:
        shape = request.shape_of("probability")
        beside = PlaneStore(output.partial / "probability", about, shape, np.float32, chosen.count)
    store = PlaneStore(output.partial, about, request.plane_shape, request.dtype, chosen.count, beside)
    say(f"{output.source}: {need_text(request)}")
    if store.done:
        say(f"{output.source}: {store.done} of {store.count} planes are there; going on")
    return request, store
