"""One image of ``napari-unetpp segment``: read, segmented, written and reported."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Kind, PredictEvent, TileDone, UnetppError
from napari_unetpp.commands.segment.stack_input import file_version
from napari_unetpp.commands.segment.values import ORIGIN, REPORTED, Done, Options, run_facts
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.images.pixel_size import PixelSpacing, read_pixel_size
from napari_unetpp.files.labels.folders import read_label
from napari_unetpp.files.models import card_text
from napari_unetpp.files.objects import table
from napari_unetpp.files.objects.formats import write_objects
from napari_unetpp.files.objects.planes import ObjectPlane, Subject
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.files.results.result_file import (
    About,
    read_facts,
    write_labels,
    write_mask,
    write_probability,
)
from napari_unetpp.files.results.settings import CHANGED
from napari_unetpp.files.text import counted
from napari_unetpp.session.segment import objects

if TYPE_CHECKING:
    from napari_unetpp.engine.decode.plane_result import PlaneResult
    from napari_unetpp.engine.loaded_model import LoadedModel

WRITERS = {
    "labels": write_labels,
    "mask": write_mask,
    "probability": write_probability,
}


def segment_file(
    output: Output, model: LoadedModel, options: Options, on_tile: Callable[[int, int], None]
) -> Done:
    """Segment one image and write its results; `on_tile` is called with tiles done and tiles in all."""
    from napari_unetpp.engine.collect import predict_maps
    from napari_unetpp.engine.level import memory_remedy, resolve_level
    from napari_unetpp.engine.memory import enough_memory

    def on_event(event: PredictEvent) -> None:
        if isinstance(event, TileDone):
            on_tile(event.done, event.total)

    start = time.perf_counter()
    notes: list[str] = []
    image = read_image(output.source, series=options.series, note=notes.append)
    size = read_pixel_size(output.source, options.series)
    side = None if size is None else size.side
    with enough_memory(
        "the network ran",
        memory_remedy(model.info, resolve_level(model.info, options.level, augment=options.augment)),
    ):
        found = predict_maps(
            image,
            model,
            level=options.level,
            pixel_size=side,
            objects=options.objects,
            augment=options.augment,
            on_event=on_event,
            **options.size,
        )
    facts = run_facts(model, found.level, options, found.scale, found.range)
    facts[CHANGED] = file_version(output.source)
    try:
        result: NDArray[Any] = getattr(found, options.kind)()
    except MemoryError as error:
        raise _mask_instead(found, output, options, About(size, facts)) from error
    WRITERS[options.kind](output.target, result, overwrite=options.overwrite, about=About(size, facts))
    write_extra_files(output, image, result, size, options, facts)
    if output.probability is not None:
        write_probability(
            output.probability, found.probability(), overwrite=options.overwrite, about=About(size, facts)
        )
    seconds = time.perf_counter() - start
    areas = objects.areas(result) if options.kind == "labels" and model.info.task == "instances" else None
    if areas is not None and model.info.sampling.expects_size:
        fits = model.info.sampling.value / found.scale.scale
        note = objects.size_note(areas, fits, options.objects.max_size)
        notes += [note] if note else []
    entry = {
        "input": str(output.source),
        "outputs": [str(path) for path in output.files],
        "objects": None if areas is None else int(areas.size),
        "median_diameter_px": None if areas is None else objects.median_diameter(areas),
        **{key: facts[key] for key in REPORTED},
        "seconds": round(seconds, 3),
        "notes": [*notes, *found.notes],
        **{key: facts[key] for key in ORIGIN},
    }
    what = _amount(result, options.kind, areas)
    scale = f"scale {found.scale.scale:.3g}: {found.scale.reason}"
    level = card_text.level_name(found.level)
    line = f"{output.target}: {what}, {level}, {model.choice.label}, {seconds:.2f} s, {scale}"
    return Done(line, (*notes, *found.notes), entry)


def _mask_instead(found: PlaneResult, output: Output, options: Options, about: About) -> BaseException:
    """Write the mask, which needs less memory than labels; returns the error to raise."""
    if options.kind != "labels":
        return MemoryError()
    target = output.target.with_name(output.target.name.replace("_labels.tif", "_mask.tif"))
    write_mask(target, found.mask(), overwrite=options.overwrite, about=about)
    return UnetppError(
        f"{output.source}: out of memory while telling objects apart. The mask is in {target}."
        " Crop the image, or choose a smaller --scale."
    )


def finish(output: Output, options: Options) -> tuple[Path, ...]:
    """Write the missing files beside labels of an earlier run; returns these files."""
    missing = output.missing
    image = read_image(output.source, series=options.series)
    size = read_pixel_size(output.source, options.series)
    write_extra_files(missing, image, read_label(output.target), size, options, read_facts(output.target))
    return missing.files[1:]


def write_extra_files(
    output: Output,
    image: NDArray[Any],
    labels: NDArray[Any],
    size: PixelSpacing | None,
    options: Options,
    facts: Mapping[str, Any],
) -> None:
    """Write the table of objects and the files for other programs; `facts`: how the labels were made."""
    if output.table is None and not output.also:
        return
    area = None if size is None else size.area
    measured = table.object_table(labels, image, pixel_area=area, shapes=output.table is not None)
    if output.table is not None:
        table.write_csv(output.table, measured, overwrite=options.overwrite)
    plane = ObjectPlane(labels, columns=measured)
    subject = Subject(output.source.name, options.classes, options.instances, facts)
    for name, path in output.also:
        write_objects(path, name, [plane], subject, overwrite=options.overwrite)


def _amount(result: NDArray[Any], kind: Kind, areas: NDArray[np.int64] | None) -> str:
    if kind == "probability":
        return " x ".join(str(n) for n in result.shape) + " px"
    if areas is not None:
        return counted(areas.size, "object")
    return f"{100 * float((result > 0).mean()):.1f} % foreground"
