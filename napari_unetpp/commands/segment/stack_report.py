"""The report on a segmented series: metadata of its files, entry of ``--json``, and a line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_unetpp.commands.segment.stack_tables import Measured
from napari_unetpp.commands.segment.values import ORIGIN, REPORTED, Done, Options, run_facts
from napari_unetpp.files.models import card_text
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.files.text import counted
from napari_unetpp.session.segment.objects import size_note
from napari_unetpp.volumes.series.plane import SeriesRequest


def facts_of(request: SeriesRequest, options: Options) -> dict[str, Any]:
    """How the result was computed, for its metadata."""
    known = request.reading
    facts = run_facts(request.evaluator, request.level, options, known.scale, known.range)
    return facts | {"read_as": str(request.selection)}


def report(
    output: Output,
    request: SeriesRequest,
    options: Options,
    facts: Mapping[str, Any],
    measured: Measured,
    notes: list[str],
    seconds: float,
) -> Done:
    """The line, the notes, and the entry of ``--json``."""
    chosen, model = request.selection, request.evaluator
    objects = measured.objects if options.kind == "labels" and model.info.task == "instances" else None
    if objects is not None and model.info.sampling.expects_size:
        fits = model.info.sampling.value / facts["scale"]
        note = size_note(measured.pixels, fits, options.objects.max_size)
        notes += [note] if note else []
    entry = {
        "input": str(output.source),
        "outputs": [str(path) for path in output.files if path.exists()],
        "objects": objects,
        "median_diameter_px": None if objects is None else measured.median_diameter,
        **{key: facts[key] for key in REPORTED},
        "seconds": round(seconds, 3),
        "notes": notes,
        "read_as": facts["read_as"],
        "frames": chosen.frames,
        "planes": chosen.depth,
        **{key: facts[key] for key in ORIGIN},
    }
    planes = counted(chosen.count, "plane")
    what = planes if objects is None else f"{planes}, {counted(objects, 'object')}"
    scale = f"scale {facts['scale']:.3g}: {facts['scale_reason']}"
    where = f"{card_text.level_name(request.level)}, {model.choice.label}, {seconds:.2f} s"
    return Done(f"{output.target}: {what}, {where}, {scale}", tuple(notes), entry)
