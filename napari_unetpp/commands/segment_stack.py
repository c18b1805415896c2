"""One stack, film, multi-channel image or zarr of ``napari-unetpp segment``: plane by plane, and resumed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import AUTO, Region, ScaleChoice, UnetppError
from napari_unetpp.files.formats.kinds import is_zarr
from napari_unetpp.files.models import card_text
from napari_unetpp.files.notes import Note, no_note
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.volumes.inputs.source import LARGE, ImageSource, is_stack, open_image
from napari_unetpp.volumes.selection import Selection, SelectionRequest, select

if TYPE_CHECKING:
    from napari_unetpp.commands.segment_image import Done, Options
    from napari_unetpp.engine.collect import Reading
    from napari_unetpp.engine.loaded_model import LoadedModel
    from napari_unetpp.volumes.series.run import SeriesProgress

LARGEST_TIFF = 4_000_000_000
"""Bytes of a result from which it becomes OME-Zarr."""

BYTES = {"labels": 4, "mask": 1, "probability": 4}
"""Of a pixel of each kind of result."""


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What was asked of stacks.

    Attributes
    ----------
    selection : SelectionRequest
    region : Region or None
        Rows and columns to segment.
    stitch, track : float or None
        Overlap from which objects are linked through depth, and over time.
    resume : bool
        Go on with what an interrupted run has left.
    """

    selection: SelectionRequest = field(default_factory=SelectionRequest)
    region: Region | None = None
    stitch: float | None = None
    track: float | None = None
    resume: bool = False

    @property
    def asked(self) -> bool:
        """Whether something was asked that only stacks have, or parts of a plane."""
        alone = self.selection == SelectionRequest()
        return not alone or any(x is not None for x in (self.region, self.stitch, self.track))


def goes_by_planes(path: Path, options: Options) -> bool:
    """Whether an image is read plane by plane, not as one picture."""
    return options.stack.asked or is_zarr(path) or is_stack(path, options.series)


def segment_stack(
    output: Output,
    model: LoadedModel,
    options: Options,
    on_progress: Callable[[SeriesProgress], None],
    say: Note,
) -> Done:
    """Segment all planes that were asked for and write their results.

    Parameters
    ----------
    on_progress : callable
        Told after every tile and plane.
    say : callable
        Told how the image is read, what it needs, and where an earlier run is gone on with.
    """
    from napari_unetpp.commands.stack_results import finish
    from napari_unetpp.volumes.series.run import segment_series
    from napari_unetpp.volumes.series.store import remove

    start = time.perf_counter()
    notes: list[str] = []
    if options.overwrite:
        remove(output.partial)
    with _opened(output, options, notes.append) as image:
        chosen = _chosen(image, model, options)
        say(f"{output.source}: {chosen}")
        output = output.as_zarr() if _needs_zarr(output, chosen, options) else output
        mark = mark_of(output.source)
        request, store, known = _begin(output, image, chosen, model, options, mark, say)
        for event in segment_series(request, store):
            if event.note:
                notes.append(event.note)
            on_progress(event)
            if event.tile == event.tiles and mark_of(output.source) != mark:
                raise UnetppError(
                    f"{output.source} was changed while it was segmented. What was done is in "
                    f"{store.folder}, but does not fit together any more: give --overwrite to begin anew."
                )
        region = options.stack.region
        facts = {**_facts(known, model), "read_as": str(chosen)}
        facts |= {} if region is None else {"rows": [region.y0, region.y1], "columns": [region.x0, region.x1]}
        measured = finish(output, store, image, chosen, options, facts, notes.append)
    return _done(output, chosen, model, options, facts, measured, notes, time.perf_counter() - start)


def finish_tables(output: Output, model: LoadedModel, options: Options) -> None:
    """Write the table and the tracks that are missing, of labels that an earlier run has written."""
    from napari_unetpp.commands.stack_tables import Measured

    table, tracks = (
        None if path is None or path.exists() else path for path in (output.table, output.tracks)
    )
    wanted = replace(output, table=table, tracks=tracks)
    with _opened(output, options) as image:
        chosen = _chosen(image, model, options)
        measured = Measured.of(without_table_if_large(wanted, chosen), image, chosen, options)
        with open_labels_of(output.target, chosen) as planes:
            for _ in measured.seen(planes):
                pass
        measured.write(without_table_if_large(wanted, chosen), overwrite=False)


@contextmanager
def open_labels_of(path: Path, chosen: Selection) -> Iterator[Iterator[NDArray[Any]]]:
    """The planes of a result, one after the other."""
    from napari_unetpp.volumes.inputs.tiff_stack import TiffStack
    from napari_unetpp.volumes.ome_zarr import open_labels

    with ExitStack() as stack:
        labels = open_labels(path).levels[0] if path.is_dir() else stack.enter_context(TiffStack(path))
        shape = tuple(n for n in labels.shape[:-2] if n > 1) + tuple(labels.shape[-2:])
        if shape != chosen.stack_shape:
            raise UnetppError(
                f"{path} has shape {shape}, but {chosen.stack_shape} would be segmented ({chosen}). Give the "
                "options with which it was made, or --overwrite."
            )
        leading = labels.shape[:-2]
        yield (np.asarray(labels[(*where, slice(None), slice(None))]) for where in np.ndindex(*leading))


def mark_of(path: Path) -> list[list[int]]:
    """What changes when a file, or the metadata of a zarr, is written anew: sizes and times."""
    files = [path / name for name in ("zarr.json", ".zattrs", ".zarray")] if path.is_dir() else [path]
    return [[s.st_size, s.st_mtime_ns] for s in (file.stat() for file in files if file.exists())]


@contextmanager
def _opened(output: Output, options: Options, note: Note = no_note) -> Iterator[ImageSource]:
    """The image, or the region of it that was asked for."""
    axes = options.stack.selection.axes
    with open_image(output.source, series=options.series, axes=axes, note=note) as image:
        yield _cropped(image, options.stack.region)


def without_table_if_large(output: Output, chosen: Selection) -> Output:
    """The same without a table where planes are too large to be measured in memory."""
    height, width = chosen.plane_shape
    return replace(output, table=None) if height * width > LARGE else output


def _cropped(image: ImageSource, region: Region | None) -> ImageSource:
    if region is None:
        return image
    height, width = image.axes.size("Y"), image.axes.size("X")
    if not (0 <= region.y0 < region.y1 <= height and 0 <= region.x0 < region.x1 <= width):
        raise UnetppError(
            f"--region {region.y0}:{region.y1},{region.x0}:{region.x1} was given; expected rows within "
            f"0:{height} and columns within 0:{width}. The image was read as {image.axes}."
        )
    return image.cropped(region)


def _chosen(image: ImageSource, model: LoadedModel, options: Options) -> Selection:
    """What is segmented; what cannot be done with it is refused before any work."""
    from napari_unetpp.volumes.series.numbering import check_links

    stack = options.stack
    chosen = select(image.axes, stack.selection, inputs=model.info.net.in_channels)
    if stack.stitch is not None or stack.track is not None:
        if model.info.task != "instances":
            raise UnetppError(
                f"--stitch and --track link objects, but {model.info.name!r} does not tell objects apart."
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
) -> tuple[Any, Any, Reading]:
    """What is to be done, and where planes are kept; what an earlier run has decided is used again."""
    from napari_unetpp.engine.collect import Reading, resolve_level
    from napari_unetpp.volumes.series.need import need_text
    from napari_unetpp.volumes.series.plane import SeriesRequest
    from napari_unetpp.volumes.series.reading import read_series_as
    from napari_unetpp.volumes.series.store import PlaneStore, read_about

    info = model.info
    level = resolve_level(info, options.level)
    asked = {
        "input": str(output.source.resolve()),
        "last_change": mark,
        "read_as": str(chosen),
        "region": None if options.stack.region is None else str(options.stack.region),
        "model": info.sha256,
        "level": level,
        "kind": options.kind,
        "size": {name: list(v) if isinstance(v, tuple) else v for name, v in options.size.items()},
        "precision": model.choice.label,
    }
    before = read_about(output.partial) if options.stack.resume else None
    if before is not None and all(before.get(key) == value for key, value in asked.items()):
        said = before["reading"]
        known = Reading(ScaleChoice(said["scale"], said["reason"]), (said["low"], said["high"]))
    else:
        side = None if image.pixel_size is None else image.pixel_size.side
        known = read_series_as(image.array, chosen, model, pixel_size=side, **options.size)
    low, high = known.range
    decided = {"scale": known.scale.scale, "reason": known.scale.reason, "low": low, "high": high}
    request = SeriesRequest(image.array, chosen, model, level, known, options.kind)
    shape, dtype = request.plane_shape, request.dtype
    store = PlaneStore(output.partial, {**asked, "reading": decided}, shape, dtype, chosen.count)
    say(f"{output.source}: {need_text(request)}")
    if store.done:
        say(f"{output.source}: {store.done} of {store.count} planes are there; going on")
    return request, store, known


def _facts(known: Reading, model: LoadedModel) -> dict[str, Any]:
    return {
        "model": model.info.name,
        "model_sha256": model.info.sha256,
        "scale": known.scale.scale,
        "scale_reason": known.scale.reason,
        "range": [float(value) for value in known.range],
        "device": model.choice.device,
        "precision": model.choice.dtype,
    }


def _done(
    output: Output,
    chosen: Selection,
    model: LoadedModel,
    options: Options,
    facts: dict[str, Any],
    measured: Any,
    notes: list[str],
    seconds: float,
) -> Done:
    from napari_unetpp.commands.segment_image import Done
    from napari_unetpp.engine.collect import resolve_level

    level = resolve_level(model.info, options.level)
    objects = measured.objects if options.kind == "labels" and model.info.task == "instances" else None
    entry = {
        "input": str(output.source),
        "outputs": [str(path) for path in output.files if path.exists()],
        "objects": objects,
        "median_diameter_px": None if objects is None else measured.median_diameter,
        "level": "auto" if level == AUTO else level,
        **{key: facts[key] for key in ("scale", "scale_reason", "range", "precision")},
        "seconds": round(seconds, 3),
        "notes": notes,
        "read_as": facts["read_as"],
        "frames": chosen.frames,
        "planes": chosen.depth,
    }
    planes = f"{chosen.count} plane{'' if chosen.count == 1 else 's'}"
    what = planes if objects is None else f"{planes}, {objects} objects"
    scale = f"scale {facts['scale']:.3g}: {facts['scale_reason']}"
    where = f"{card_text.level_name(level)}, {model.choice.label}, {seconds:.2f} s"
    return Done(f"{output.target}: {what}, {where}, {scale}", tuple(notes), entry)
