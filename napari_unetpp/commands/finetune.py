"""``napari-unetpp finetune``."""

from __future__ import annotations

import argparse

from napari_unetpp._types import FinetuneProgress, FinetuneRequest, FinetuneStarted, UsageError
from napari_unetpp.commands.arguments.shared import add_device, add_foreground, add_size
from napari_unetpp.commands.arguments.types import (
    count,
    file_path,
    index,
    model_path,
    names,
    positive,
    seed,
    some_name,
    some_path,
)
from napari_unetpp.commands.json_report import check_report, write_report
from napari_unetpp.commands.report import console, say, size_options, tell
from napari_unetpp.files.models import model_list
from napari_unetpp.files.text import counted

DEFAULT_SECONDS = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``finetune``."""
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=some_path,
        help="images/ and labels/ with equal stems, optionally certain/, ignore/ and session.json",
    )
    parser.add_argument("--model", type=some_name, required=True, help="model to start from: name or file")
    parser.add_argument("--out", metavar="FILE", type=model_path, required=True, help="NAME.safetensors")
    parser.add_argument("--seconds", type=positive, help="time budget (default: 60, unless --steps is given)")
    parser.add_argument("--steps", type=count, help="length in steps: the same steps give the same weights")
    parser.add_argument(
        "--labels-as",
        choices=("corrections", "reviewed", "sparse"),
        help="what the labels say (default: as saved; with certain/ corrections, else reviewed)",
    )
    parser.add_argument("--background", type=index, metavar="V", help="sparse: the label value of background")
    parser.add_argument(
        "--add-classes", metavar="NAME,...", type=names, default=(), help="classes that a semantic model gets"
    )
    add_foreground(parser)
    add_size(parser)
    add_device(parser)
    parser.add_argument("--seed", type=seed, default=0, help="seed of all randomness (default: 0)")
    parser.add_argument(
        "--json", metavar="FILE", type=file_path, help="also write scores and history as JSON"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a model that exists")


def run_finetune(args: argparse.Namespace) -> int:
    """Fine-tune a copy of a model on a folder of corrections."""
    from napari_unetpp.files.labels.corrections_folder import read_corrections
    from napari_unetpp.files.notes import Notes
    from napari_unetpp.train.finetune import report, result
    from napari_unetpp.train.finetune.data.planes import map_label_values, with_options
    from napari_unetpp.train.finetune.run import finetune
    from napari_unetpp.train.parent import check_target
    from napari_unetpp.train.precision import check_precision

    check_report(args.json, "finetune")
    check_precision(args.precision)
    parent = model_list.find_model(args.model)
    check_target(args.out, parent, overwrite=args.overwrite)
    size = size_options(args, parent)
    notes = Notes()
    planes = read_corrections(args.folder, labels_as=args.labels_as, background=args.background, notes=notes)
    if args.background is not None and not any(plane.labels_as == "sparse" for plane in planes):
        raise UsageError(
            "--background names a value of sparse labels; these are not: give --labels-as sparse."
        )
    planes = map_label_values(planes, parent.task, args.foreground, notes)
    for note in notes.lines():
        say(f"note: {note}")
    planes = with_options(planes, parent, **size)
    seconds = args.seconds or (None if args.steps else DEFAULT_SECONDS)
    request = FinetuneRequest(
        parent,
        planes,
        seconds=seconds,
        steps=args.steps,
        seed=args.seed,
        device=args.device,
        precision=args.precision,
        classes=args.add_classes,
    )
    points: list[FinetuneProgress] = []
    for event in finetune(request):
        if isinstance(event, FinetuneStarted):
            say(f"{event.planes} labelled, {event.held_out or 'nothing'} held out")
        elif isinstance(event, FinetuneProgress):
            points.append(event)
            (say if event.dice else console.live)(report.line(event))
        else:
            done = result.write(event, args.out, parent, overwrite=args.overwrite)
    for note in done.notes:
        say(f"note: {note}")
    tell(report.scores_text(done))
    if done.info.path != args.out:
        say(f"note: {args.out} appeared meanwhile and is kept; the model is in {done.info.path}")
    steps = counted(done.steps, "step")
    tell(f"{done.info.path}: {steps} in {done.seconds:.1f} s, level L{done.info.recommended_level}")
    write_report(args.json, "finetune", report.plain(done, points))
    return 0
