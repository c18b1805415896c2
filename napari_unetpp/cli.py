"""The command line: results on stdout, progress on stderr, exit 0 (done), 1 (failed) or 2 (usage)."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from napari_unetpp._arguments import build_parser, problem_of
from napari_unetpp._types import (
    FinetuneProgress,
    FinetuneRequest,
    FinetuneStarted,
    UnetppError,
    UsageError,
)
from napari_unetpp.commands.report import console, progress, say, sentence, size_options, tell, write_json
from napari_unetpp.commands.segment import run_segment
from napari_unetpp.files.models import card_text, model_list
from napari_unetpp.files.models.model_card import card_to_json
from napari_unetpp.files.notes import counted

DEFAULT_SECONDS = 60.0

WITHOUT = {
    "monai": "Training needs MONAI: pip install 'napari-unetpp[train]'.",
    "napari": "The demo needs napari: pip install 'napari-unetpp[all]'.",
    **dict.fromkeys(
        ("bioimageio", "onnx", "onnxruntime", "onnxscript"),
        "Exporting needs more packages: pip install 'napari-unetpp[export]'.",
    ),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = build_parser()
    args = parser.parse_args(argv)
    if problem := problem_of(args):
        parser.error(f"{args.command}: {problem}")
    try:
        return COMMANDS[args.command](args)
    except UsageError as error:
        _failed(error, args)
        return 2
    except UnetppError as error:
        return _failed(error, args)
    except KeyboardInterrupt:
        say("stopped")
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        return _failed(UnetppError(WITHOUT[package]) if package in WITHOUT else error, args)
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # a traceback is for --debug only
        return _failed(error, args)
    return 1


def _failed(error: Exception, args: argparse.Namespace) -> int:
    if args.debug:
        raise error
    say(f"error: {sentence(error)}")
    return 1


# ------------------------------------------------------------------- commands


def run_models(args: argparse.Namespace) -> int:
    """List shipped and own models."""
    found = model_list.scan_models()
    for problem in found.problems:
        say(f"skipped: {problem}")
    if found.models:
        tell(card_text.models_text(found.models))
    else:
        tell(f"no models; own ones belong in {model_list.models_folder()}")
    return 0


def run_info(args: argparse.Namespace) -> int:
    """Show the model card."""
    info = model_list.find_model(args.model)
    if args.json:
        card = card_to_json(info) | {"path": str(info.path), "sha256": info.sha256}
        tell(json.dumps(card, indent=2))
    else:
        tell(card_text.card_text(info))
    return 0


def run_evaluate(args: argparse.Namespace) -> int:
    """Measure all levels on a folder of labelled images."""
    from napari_unetpp import api

    problems: list[str] = []

    def report(problem: str) -> None:
        """At once: where every image fails, nothing else tells why."""
        problems.append(problem)
        say(f"error: {problem}")

    result = api.evaluate(
        args.folder,
        args.model,
        device=args.device,
        precision=args.precision,
        foreground=args.foreground,
        **size_options(args, model_list.find_model(args.model)),
        progress=progress,
        on_problem=report,
        on_note=lambda note: say(f"note: {note}"),
    )
    tell(f"{result['model']} on {args.folder}: {counted(result['images'], 'image')}, {result['device']}")
    lowest, median, highest = (f"{value:.3g}" for value in result["scales"].values())
    tell(f"scale {median}" + (f" (median; {lowest} to {highest})" if lowest != highest else ""))
    tell(card_text.levels_text(result["levels"]))
    if result["auto"]:
        tell(card_text.auto_text(result["auto"]))
    tell(f"recommended level L{result['recommended_level']}, best here L{result['best_level_here']}")
    if args.json:
        write_json(args.json, result)
    return 1 if problems else 0


def run_calibrate(args: argparse.Namespace) -> int:
    """Give a model the rule by which Auto stops."""
    from napari_unetpp.train.choose.auto import calibrate_folder
    from napari_unetpp.train.parent import check_target

    info = model_list.find_model(args.model)
    check_target(args.out, info, overwrite=args.overwrite)
    rule = calibrate_folder(
        info,
        args.folder,
        args.out,
        held_out=args.held_out,
        tolerance=args.tolerance,
        device=args.device,
        precision=args.precision,
        log=say,
    )
    tell(f"Auto {card_text.stopping_text(rule)}")
    return 0


def run_train(args: argparse.Namespace) -> int:
    """Train on folders of labelled images."""
    if args.out.exists() and not (args.resume or args.overwrite):
        raise UnetppError(
            f"{args.out} exists already. Choose another --out, or give --resume or --overwrite."
        )
    from napari_unetpp.train.scratch.request import TrainingStopped, TrainRequest
    from napari_unetpp.train.scratch.run import train_model
    from napari_unetpp.train.scratch.signals import stopped_by_signals

    names = {field.name for field in dataclasses.fields(TrainRequest)}
    given = {name: value for name, value in vars(args).items() if name in names and value is not None}
    with stopped_by_signals(say) as should_stop:
        try:
            info = train_model(TrainRequest(**given), say, should_stop)
        except TrainingStopped as stopped:
            say(str(stopped))
            return 1
    if info.path is not None:  # else another process of this training has written the model
        tell(card_text.card_text(info))
    return 0


def run_finetune(args: argparse.Namespace) -> int:
    """Fine-tune a copy of a model on a folder of corrections."""
    from napari_unetpp.files.labels.corrections_folder import read_corrections
    from napari_unetpp.files.notes import Notes
    from napari_unetpp.train.finetune import report, result
    from napari_unetpp.train.finetune.planes import map_label_values, with_options
    from napari_unetpp.train.finetune.run import finetune
    from napari_unetpp.train.parent import check_target
    from napari_unetpp.train.precision import check_precision

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
    tell(
        f"{done.info.path}: {done.steps} steps in {done.seconds:.1f} s, level L{done.info.recommended_level}"
    )
    if args.json:
        write_json(args.json, report.plain(done, points))
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Write a level of a model for other programs."""
    from napari_unetpp.exports.export import export_model

    done = export_model(
        model_list.find_model(args.model),
        args.format,
        args.out,
        level=args.level,
        authors=args.authors,
        sample=args.sample,
        overwrite=args.overwrite,
    )
    for note in done.notes:
        say(f"note: {note}")
    size = done.path.stat().st_size / 1e6
    print(f"{done.path}: {args.format}, {card_text.level_name(done.level)}, {size:.1f} MB; {done.checked}")
    return 0


def run_import(args: argparse.Namespace) -> int:
    """Add a model to the user's own."""
    from napari_unetpp.exports.importing import import_model

    info = import_model(args.package)
    print(f"{info.name}: {info.path}")
    return 0


def run_benchmark(args: argparse.Namespace) -> int:
    """Measure this machine at every level."""
    from napari_unetpp.engine import benchmark
    from napari_unetpp.engine.loaded_model import LoadedModel

    info = model_list.find_model(args.model)
    evaluator = LoadedModel.load(info, device=args.device, precision=args.precision)
    say(f"measuring {info.name} on {evaluator.choice.label}")
    result = benchmark.measure_speed(evaluator, progress=progress)
    side, large = result["side"], result["tiled_side"]
    tell(f"{info.name} on {result['device']}; convolution peak {result['peak_gflops']:.0f} GFLOPS")
    tell(f"cold and added: {side} x {side} px; in tiles: {large} x {large} px")
    tell(card_text.speed_text(result["levels"]))
    if args.json:
        write_json(args.json, {"model": info.sha256, **result})
    return 0


def run_demo(args: argparse.Namespace) -> int:
    """Open napari on a sample; without a screen do so under Xvfb and write pictures."""
    screenless = sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if screenless:
        return _demo_under_xvfb(args.out or Path("demo"))
    from napari_unetpp.gui.demo import run_demo

    run_demo(args.out)
    return 0


def _demo_under_xvfb(out: Path) -> int:
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        raise UnetppError(
            "there is no screen and no xvfb-run. On Debian or Ubuntu: apt-get install xvfb xauth."
        )
    say(f"no screen: working under Xvfb, pictures go to {out}")
    screen = ["--auto-servernum", "--server-args=-screen 0 1600x1000x24"]
    command = [xvfb, *screen, sys.executable, "-m", "napari_unetpp", "demo", "--out", str(out)]
    return subprocess.call(command)  # noqa: S603 (our own command)


COMMANDS = {
    "models": run_models,
    "info": run_info,
    "segment": run_segment,
    "evaluate": run_evaluate,
    "calibrate": run_calibrate,
    "train": run_train,
    "finetune": run_finetune,
    "export": run_export,
    "import": run_import,
    "benchmark": run_benchmark,
    "demo": run_demo,
}
