"""``napari-unetpp segment``: all images that are meant, one after the other."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_unetpp.commands.report import progress, say, sentence, size_options, tell, write_json
from napari_unetpp.files.labels.folders import named_once
from napari_unetpp.files.models import model_list
from napari_unetpp.files.results import outputs


def run_segment(args: argparse.Namespace) -> int:
    """Segment images, one after the other; a bad one is reported and the rest go on."""
    from napari_unetpp.commands.segment_image import Options

    info = model_list.find_model(args.model)
    options = Options(args.kind, args.level, size_options(args, info), args.overwrite, args.series)
    found = outputs.find_inputs(args.inputs, recursive=args.recursive)
    for problem in found.problems:
        say(f"error: {problem}")
    if found.results:
        say(f"note: {_left_out(found.results)}")
    plan = outputs.plan_outputs(found.sources, args.out, args.kind, table=args.table)
    model = None
    entries: list[dict[str, Any]] = []
    try:
        for number, output in enumerate(plan):
            if args.skip_existing and all(path.exists() for path in output.files):
                entries.append(_skipped(output))
                continue
            model = model or _loaded(args)
            entries.append(_segment_one(number, plan, model, options, args))
    finally:  # also what was done before Ctrl-C
        if args.json:
            write_json(args.json, entries)
    if plan:
        progress(len(plan), len(plan))
    skipped = sum("skipped" in entry for entry in entries)
    if skipped:
        say(f"{skipped} of {len(plan)} were there already")
    failures = len(found.problems) + sum("error" in entry for entry in entries)
    if failures:
        say(f"{failures} of {len(plan) + len(found.problems)} failed")
    return 1 if failures else 0


def _loaded(args: argparse.Namespace) -> Any:
    """The model on its device; what there is to know of the device is said once."""
    from napari_unetpp import api

    model = api.load_model(args.model, device=args.device, precision=args.precision)
    if model.choice.note:
        say(f"note: {model.choice.note}")
    return model


def _left_out(results: Sequence[Path]) -> str:
    if len(results) == 1:
        return f"{results[0]} is a result of napari-unetpp and is left out"
    return f"{len(results)} results of napari-unetpp are left out, among them {results[0]}"


def _skipped(output: outputs.Output) -> dict[str, Any]:
    files = [str(path) for path in output.files]
    return {"input": str(output.source), "outputs": files, "skipped": True}


def _segment_one(
    number: int, plan: Sequence[outputs.Output], model: Any, options: Any, args: argparse.Namespace
) -> dict[str, Any]:
    """Segment the image with this number; what is told of it with ``--json`` comes back."""
    from napari_unetpp.commands.segment_image import finish_table, segment_file

    output = plan[number]
    name = output.source.name
    progress(number, len(plan), name)
    try:
        if args.skip_existing and output.target.exists():
            finish_table(output, options.series)
            tell(f"{output.table}: the table of {output.target}, which was there already")
            return _skipped(output)
        outputs.check_target(output, [each.source for each in plan], overwrite=args.overwrite)
        done = segment_file(
            output,
            model,
            options,
            lambda tile, tiles: progress(number + tile / tiles, len(plan), f"{name}, tile {tile} of {tiles}"),
        )
    except Exception as error:  # the rest go on
        if args.debug:
            raise
        problem = sentence(error)
        say(f"error: {named_once(output.source, problem)}")
        return {"input": str(output.source), "error": problem}
    for note in done.notes:
        say(f"note: {output.source}: {note}")
    tell(done.line)
    return done.entry
