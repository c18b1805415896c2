"""``napari-unetpp segment``: all input images, one after the other."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from napari_unetpp._types import ModelInfo, ObjectOptions, UnetppError, UsageError
from napari_unetpp.commands.json_report import check_report, write_report
from napari_unetpp.commands.report import progress, say, sentence, size_options, tell
from napari_unetpp.engine.level import resolve_level
from napari_unetpp.files.atomic import TargetExists
from napari_unetpp.files.labels.folders import named_once
from napari_unetpp.files.models import model_list
from napari_unetpp.files.results import outputs
from napari_unetpp.files.results.inputs import find_inputs
from napari_unetpp.files.results.summary import update_summary
from napari_unetpp.files.text import counted


@dataclass(frozen=True, eq=False)
class Work:
    """What all images are segmented with.

    Attributes
    ----------
    model : LoadedModel
    workers : Workers or None
        Other processes that do the work; None: this one does.
    files : FilesOnWorkers or None
        The images that a worker segments as a whole.
    """

    model: Any
    workers: Any = None
    files: Any = None

    def on_worker(self, number: int) -> bool:
        """Whether a worker segments the image with this number as a whole."""
        return self.files is not None and self.files.has(number)


def run_segment(args: argparse.Namespace) -> int:
    """Segment images, one after the other; a bad one is reported and the rest go on."""
    from napari_unetpp.commands.segment.existing import made_of, made_otherwise
    from napari_unetpp.commands.segment.values import Options

    check_report(args.json, "segment")
    info = model_list.find_model(args.model)
    size = size_options(args, info)
    _check_model(args, info)
    options = Options(
        args.kind,
        args.level,
        size,
        args.overwrite,
        args.series,
        info.classes,
        info.task == "instances",
        _stack_options(args),
        ObjectOptions(
            args.threshold, args.min_size, args.max_size, args.fill_holes, args.drop_border, args.split
        ),
        args.augment,
    )
    found = find_inputs(args.inputs, recursive=args.recursive)
    for problem in found.problems:
        say(f"error: {problem}")
    if found.results:
        say(f"note: {_results_left_out(found.results)}")
    plan = outputs.plan_outputs(
        found.sources,
        args.out,
        args.kind,
        table=args.table,
        also=args.also,
        tracks=args.track is not None,
        probability=args.probability,
        made_of=made_of if args.skip_existing else None,
    )
    entries: list[dict[str, Any]] = []
    with ExitStack() as stack:
        work: Work | None = None
        try:
            for number, output in enumerate(plan):
                ours = work is not None and work.on_worker(number)  # then it was not there at first
                there = output.there() if args.skip_existing and not ours else None
                if there is not None and (problem := made_otherwise(there, info, options)):
                    entries.append(_failed(output, problem))
                    continue
                if there is not None and there.complete:
                    entries.append(_skipped(there))
                    continue
                work = work or _begin(plan, options, args, stack)
                entries.append(_segment_one(number, plan, work, options, args))
        finally:  # also what was done before Ctrl-C
            write_report(args.json, "segment", entries)
            if args.table:
                for note in update_summary(args.out, [output.there() or output for output in plan]):
                    say(f"note: {note}")
    if plan:
        progress(len(plan), len(plan))
    if magnified := sum(_by_search(entry) for entry in entries):
        images = counted(magnified, "image")
        say(f"note: the size of the objects was searched in {images}; where it is wrong, give --diameter")
    skipped = sum("skipped" in entry for entry in entries)
    if skipped:
        say(f"{skipped} of {len(plan)} were there already")
    failures = len(found.problems) + sum("error" in entry for entry in entries)
    if failures:
        say(f"{failures} of {len(plan) + len(found.problems)} failed")
    return 1 if failures else 0


def _check_model(args: argparse.Namespace, info: ModelInfo) -> None:
    """Raise UsageError for what this model cannot do, whatever the image."""
    resolve_level(info, args.level)
    if info.task != "instances" and (args.stitch or args.track):
        raise UsageError(
            f"--stitch and --track link objects, but {info.name!r} does not tell objects "
            "apart. Leave them out, or choose a model of instances."
        )


def _begin(plan: Sequence[outputs.Output], options: Any, args: argparse.Namespace, stack: ExitStack) -> Work:
    """Load the model, and send it to worker processes if there are some."""
    if not (args.workers or args.scheduler):
        return Work(_loaded(args))
    from napari_unetpp.commands.segment.files_on_workers import FilesOnWorkers, checker
    from napari_unetpp.commands.segment.stack import goes_by_planes
    from napari_unetpp.volumes.cluster.connect import connected

    ready = connected(args.scheduler, args.workers, lambda: _loaded(args), say)
    workers, model = stack.enter_context(ready)
    wholes = {
        number: output
        for number, output in enumerate(plan)
        if not (args.skip_existing and output.there()) and not goes_by_planes(output.source, options)
    }
    check = checker(plan, overwrite=args.overwrite, resume=args.skip_existing)
    show = partial(progress, total=len(plan), what="images")
    return Work(model, workers, FilesOnWorkers(workers, wholes, check, options, show))


def _loaded(args: argparse.Namespace) -> Any:
    """The model on its device; prints the note on the device."""
    from napari_unetpp import api

    model = api.load_model(args.model, device=args.device, precision=args.precision)
    if model.choice.note:
        say(f"note: {model.choice.note}")
    return model


def _results_left_out(results: Sequence[Path]) -> str:
    if len(results) == 1:
        return f"{results[0]} is a result of napari-unetpp and is left out"
    return f"{len(results)} results of napari-unetpp are left out, among them {results[0]}"


def _skipped(output: outputs.Output) -> dict[str, Any]:
    files = [str(path) for path in output.files]
    return {"input": str(output.source), "outputs": files, "skipped": True}


def _by_search(entry: Mapping[str, Any]) -> bool:
    """Whether an image was magnified or shrunk as a search found it."""
    from napari_unetpp.engine.input.scale_decision import FOUND

    return entry.get("scale") != 1 and str(entry.get("scale_reason", "")).startswith(FOUND)


def _failed(output: outputs.Output, problem: str) -> dict[str, Any]:
    say(f"error: {named_once(output.source, problem)}")
    return {"input": str(output.source), "error": problem}


def _segment_one(
    number: int, plan: Sequence[outputs.Output], work: Work, options: Any, args: argparse.Namespace
) -> dict[str, Any]:
    """Segment the image with this number; returns its entry of ``--json``."""
    output = plan[number]
    name = output.source.name
    progress(number, len(plan), name)
    try:
        whole = work.on_worker(number)
        there = output.there() if args.skip_existing and not whole else None
        if there is not None:
            for path in _finish(there, work.model, options):
                tell(f"{path}: made of {there.target}, which was there already")
            return _skipped(there)
        if whole:
            done = work.files.result(number)
        else:
            sources = [each.source for each in plan]
            outputs.check_output(output, sources, overwrite=args.overwrite, resume=args.skip_existing)
            done = _segmented(
                output, work, options, lambda part, what: progress(number + part, len(plan), what)
            )
    except Exception as error:  # the other images are segmented
        written = output.there() if isinstance(error, TargetExists) and args.skip_existing else None
        if written is not None and written.complete:  # meanwhile, by another process
            return _skipped(written)
        if args.debug:
            raise
        return _failed(output, sentence(error))
    for note in done.notes:
        say(f"note: {output.source}: {note}")
    tell(done.line)
    entry: dict[str, Any] = done.entry
    return entry


def _segmented(output: outputs.Output, work: Work, options: Any, show: Callable[[float, str], None]) -> Any:
    """One image, whole or plane by plane; `show` is called with the share that is done and a text."""
    from napari_unetpp.commands.segment.image import segment_file
    from napari_unetpp.commands.segment.stack import goes_by_planes, segment_stack

    name = output.source.name
    if not goes_by_planes(output.source, options):
        return segment_file(
            output,
            work.model,
            options,
            lambda tile, tiles: show(tile / tiles, f"{name}, tile {tile} of {tiles}"),
        )

    if options.augment:
        raise UnetppError(
            "the mean of orientations (--augment; in the dock: best) is for an image of one plane, segmented "
            "as a whole; this one is segmented plane by plane or in parts. Leave it out."
        )
    done = "no plane"

    def on_progress(event: Any) -> None:
        nonlocal done
        done = f"{event.plane + (event.tile == event.tiles)} of {event.planes} planes"
        tile = f", tile {event.tile} of {event.tiles}"
        part = (event.plane + event.tile / event.tiles) / event.planes
        show(part, f"{name}, plane {event.plane + 1} of {event.planes}{tile}")

    try:
        return segment_stack(output, work.model, options, on_progress, say, work.workers)
    except KeyboardInterrupt:
        if output.begun:
            say(f"{output.source}: stopped; {done} are kept in {output.partial}: --skip-existing goes on")
        else:
            say(f"{output.source}: stopped before a plane was done; nothing is kept")
        raise


def _finish(output: outputs.Output, model: Any, options: Any) -> tuple[Path, ...]:
    """Write the missing files beside an existing result; returns these files."""
    from napari_unetpp.commands.segment.image import finish
    from napari_unetpp.commands.segment.stack import finish_stack, goes_by_planes

    maps = output.missing.probability
    if maps is not None:
        raise UnetppError(
            f"{maps} is missing, and a result that is there does not tell it. Give --overwrite."
        )
    if goes_by_planes(output.source, options):
        return finish_stack(output, model, options)
    return finish(output, options)


def _stack_options(args: argparse.Namespace) -> Any:
    """The options of stacks."""
    from napari_unetpp.commands.segment.values import StackOptions
    from napari_unetpp.volumes.selection import SelectionRequest

    wanted = SelectionRequest(args.axes, args.channel, args.combine, args.t, args.z, args.project)
    return StackOptions(
        wanted, args.region, args.stitch, args.track, args.skip_existing, args.directions, args.spacing
    )
