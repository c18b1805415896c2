"""The command line: results on stdout, progress on stderr, exit 0 (done), 1 (failed) or 2 (usage)."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._arguments import build_parser, train_problem
from napari_unetpp._types import (
    FinetuneProgress,
    FinetuneRequest,
    FinetuneStarted,
    ModelInfo,
    UnetppError,
    UsageError,
)
from napari_unetpp.files import card_text, images, model_list, outputs
from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.files.model_card import card_to_json

BAR = 30
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
    if args.command == "train" and (problem := train_problem(args)):
        parser.error(f"train: {problem}")
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


def say(text: str) -> None:
    """One line for people, on stderr."""
    print(text, file=sys.stderr, flush=True)


def progress(done: int, total: int, what: str = "") -> None:
    """A bar on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        return
    bar = "#" * (BAR * done // max(total, 1))
    print(f"\r\x1b[K[{bar:<{BAR}}] {done}/{total} {what}", end="", file=sys.stderr, flush=True)
    if done == total:
        print(file=sys.stderr)


def _write_json(path: Path, content: object) -> None:
    text = json.dumps(content, indent=2) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()), overwrite=True)


def _failed(error: Exception, args: argparse.Namespace) -> int:
    if args.debug:
        raise error
    say(f"error: {_sentence(error)}")
    return 1


def _sentence(error: Exception) -> str:
    if isinstance(error, UnetppError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory"
    return f"unexpected {type(error).__name__}: {error} (--debug shows where)"


# ------------------------------------------------------------------- commands


def run_models(args: argparse.Namespace) -> int:
    """List shipped and own models."""
    found = model_list.scan_models()
    for problem in found.problems:
        say(f"skipped: {problem}")
    if found.models:
        print(card_text.models_text(found.models))
    else:
        print(f"no models; own ones belong in {model_list.models_folder()}")
    return 0


def run_info(args: argparse.Namespace) -> int:
    """Show the model card."""
    info = model_list.find_model(args.model)
    if args.json:
        card = card_to_json(info) | {"path": str(info.path), "sha256": info.sha256}
        print(json.dumps(card, indent=2))
    else:
        print(card_text.card_text(info))
    return 0


def run_segment(args: argparse.Namespace) -> int:
    """Segment images, one after the other; a bad one is reported and the rest go on."""
    from napari_unetpp import api

    sources, problems = outputs.find_inputs(args.inputs)
    for problem in problems:
        say(f"error: {problem}")
    failures = len(problems)
    size = _size_options(args, model_list.find_model(args.model))
    model = api.load_model(args.model, device=args.device) if sources else None
    for done, output in enumerate(outputs.plan_outputs(sources, args.out, args.kind)):
        progress(done, len(sources), output.source.name)
        try:
            outputs.check_target(output, sources, overwrite=args.overwrite)
            _segment_one(output, model, args, size)
        except Exception as error:  # the rest go on
            if args.debug:
                raise
            say(f"error: {output.source}: {_sentence(error)}")
            failures += 1
    if sources:
        progress(len(sources), len(sources))
    if failures:
        say(f"{failures} of {len(sources) + len(problems)} failed")
    return 1 if failures else 0


def _size_options(args: argparse.Namespace, info: ModelInfo) -> dict[str, Any]:
    """Scale, diameter and range as they were given; UsageError before any work where they cannot be used."""
    from napari_unetpp.engine.scale import check_range, check_size, scale_number

    check_size(info, scale=scale_number(args.scale), diameter=args.diameter)
    return {"scale": args.scale, "diameter": args.diameter, "range": check_range(args.range)}


def _segment_one(output: outputs.Output, model: Any, args: argparse.Namespace, size: dict[str, Any]) -> None:
    from napari_unetpp.engine.collect import predict_maps

    image = images.read_image(output.source)
    start = time.perf_counter()
    found = predict_maps(image, model, level=args.level, **size)
    if args.kind == "labels":
        labels = found.labels()
        result = _count(labels, model.info.task)
        images.write_labels(output.target, labels, overwrite=args.overwrite)
    elif args.kind == "mask":
        mask = found.mask()
        result = f"{100 * float(mask.mean()):.1f} % foreground"
        images.write_mask(output.target, mask, overwrite=args.overwrite)
    else:
        probability = found.probability()
        result = f"{len(probability)} x {image.shape[0]} x {image.shape[1]} px"
        images.write_probability(output.target, probability, overwrite=args.overwrite)
    for note in found.notes:
        say(f"note: {output.source}: {note}")
    level = card_text.level_name(found.level)
    seconds = time.perf_counter() - start
    scale = f"scale {found.scale.scale:.3g}: {found.scale.reason}"
    print(f"{output.target}: {result}, {level}, {seconds:.2f} s, {scale}", flush=True)


def _count(labels: NDArray[np.uint32], task: str) -> str:
    if task == "instances":
        count = int(labels.max(initial=0))
        return f"{count} object{'' if count == 1 else 's'}"
    return f"{100 * float((labels > 0).mean()):.1f} % foreground"


def run_evaluate(args: argparse.Namespace) -> int:
    """Measure all levels on a folder of labelled images."""
    from napari_unetpp import api

    problems: list[str] = []
    result = api.evaluate(
        args.folder,
        args.model,
        device=args.device,
        foreground=args.foreground,
        **_size_options(args, model_list.find_model(args.model)),
        progress=progress,
        on_problem=problems.append,
    )
    for problem in problems:
        say(f"error: {problem}")
    print(f"{result['model']} on {args.folder}: {result['images']} images, {result['device']}")
    lowest, median, highest = (f"{value:.3g}" for value in result["scales"].values())
    print(f"scale {median}" + (f" (median; {lowest} to {highest})" if lowest != highest else ""))
    print(card_text.levels_text(result["levels"]))
    if result["auto"]:
        print(card_text.auto_text(result["auto"]))
    print(f"recommended level L{result['recommended_level']}, best here L{result['best_level_here']}")
    if args.json:
        _write_json(args.json, result)
    return 1 if problems else 0


def run_calibrate(args: argparse.Namespace) -> int:
    """Give a model the rule by which Auto stops."""
    from napari_unetpp.train.calibrate import calibrate_folder

    if args.out.exists() and not args.overwrite:
        raise UnetppError(f"{args.out} exists; add --overwrite to replace it, or choose another name.")
    info = model_list.find_model(args.model)
    rule = calibrate_folder(
        info, args.folder, args.out, held_out=args.held_out, tolerance=args.tolerance, log=say
    )
    print(f"Auto {card_text.stopping_text(rule)}")
    return 0


def run_train(args: argparse.Namespace) -> int:
    """Train on folders of labelled images."""
    if args.out.exists() and not (args.resume or args.overwrite):
        raise UnetppError(
            f"{args.out} exists already. Choose another --out, or give --resume or --overwrite."
        )
    from napari_unetpp.train.request import TrainingStopped, TrainRequest
    from napari_unetpp.train.run import train_model
    from napari_unetpp.train.stopping_signals import stopped_by_signals

    names = {field.name for field in dataclasses.fields(TrainRequest)}
    given = {name: value for name, value in vars(args).items() if name in names and value is not None}
    with stopped_by_signals() as should_stop:
        try:
            info = train_model(TrainRequest(**given), say, should_stop)
        except TrainingStopped as stopped:
            say(str(stopped))
            return 1
    print(card_text.card_text(info))
    return 0


def run_finetune(args: argparse.Namespace) -> int:
    """Fine-tune a copy of a model on a folder of corrections."""
    from napari_unetpp.files.corrections import read_corrections
    from napari_unetpp.train import outcome, report
    from napari_unetpp.train.corrections import map_values, read_alike
    from napari_unetpp.train.finetune import finetune

    parent = model_list.find_model(args.model)
    outcome.check_target(args.out, parent, overwrite=args.overwrite)
    size = _size_options(args, parent)
    planes = read_corrections(args.folder, labels_as=args.labels_as, background=args.background)
    if args.foreground:
        planes = map_values(planes, args.foreground)
    planes = read_alike(planes, parent, **size)
    seconds = args.seconds or (None if args.steps else DEFAULT_SECONDS)
    request = FinetuneRequest(
        parent,
        planes,
        seconds=seconds,
        steps=args.steps,
        seed=args.seed,
        device=args.device,
        classes=args.add_classes,
    )
    points: list[FinetuneProgress] = []
    for event in finetune(request):
        if isinstance(event, FinetuneStarted):
            say(f"{event.planes} labelled, {event.held_out or 'nothing'} held out")
        elif isinstance(event, FinetuneProgress):
            points.append(event)
            _live(report.line(event), lasting=bool(event.dice))
        else:
            done = outcome.write(event, args.out, parent, overwrite=args.overwrite)
    for note in done.notes:
        say(f"note: {note}")
    print(report.scores_text(done))
    print(f"{args.out}: {done.steps} steps in {done.seconds:.1f} s, level L{done.info.recommended_level}")
    if args.json:
        _write_json(args.json, report.plain(done, points))
    return 0


def _live(text: str, *, lasting: bool) -> None:
    """A line that the next one replaces unless it is lasting; without a terminal only lasting ones."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="\n" if lasting else "", file=sys.stderr, flush=True)
    elif lasting:
        say(text)


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
    from napari_unetpp.engine.evaluator import Evaluator

    info = model_list.find_model(args.model)
    evaluator = Evaluator.load(info, device=args.device)
    say(f"measuring {info.name} on {evaluator.choice.label}")
    result = benchmark.run_benchmark(evaluator, progress=progress)
    side, large = result["side"], result["tiled_side"]
    print(f"{info.name} on {result['device']}; convolution peak {result['peak_gflops']:.0f} GFLOPS")
    print(f"cold and added: {side} x {side} px; in tiles: {large} x {large} px")
    print(card_text.speed_text(result["levels"]))
    if args.json:
        _write_json(args.json, {"model": info.sha256, **result})
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
