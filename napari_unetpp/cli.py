"""The command line: results on stdout, progress on stderr, exit 0 (done), 1 (failed) or 2 (usage)."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import NoReturn

from napari_unetpp._types import UnetppError, UsageError
from napari_unetpp.commands import (
    benchmark,
    cache,
    calibrate,
    demo,
    evaluate,
    export,
    finetune,
    models,
    train,
)
from napari_unetpp.commands.arguments.shared import size_problem
from napari_unetpp.commands.report import say, sentence
from napari_unetpp.commands.segment.arguments import add_arguments as add_segment_arguments
from napari_unetpp.commands.segment.arguments import segment_problem
from napari_unetpp.commands.segment.run import run_segment


def _nothing(_: object) -> None:
    """No arguments, or nothing wrong with them."""


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes
    ----------
    summary : str
        What it does, in a sentence.
    run : callable
        Does it; returns the exit status.
    add_arguments : callable
        Declares its arguments.
    problem : callable
        What is wrong with the arguments together; None: nothing.
    """

    summary: str
    run: Callable[[argparse.Namespace], int]
    add_arguments: Callable[[argparse.ArgumentParser], None] = _nothing
    problem: Callable[[argparse.Namespace], str | None] = _nothing


COMMANDS = {
    "models": Command("List shipped and own models.", models.run_models),
    "info": Command("Show the card of a model.", models.run_info, models.add_info_arguments),
    "segment": Command(
        "Segment images and folders of images.", run_segment, add_segment_arguments, segment_problem
    ),
    "evaluate": Command(
        "Measure all levels of a model on a folder of labelled images.",
        evaluate.run_evaluate,
        evaluate.add_arguments,
        size_problem,
    ),
    "calibrate": Command(
        "Measure where Auto may stop, and store that in a copy of the model.",
        calibrate.run_calibrate,
        calibrate.add_arguments,
    ),
    "train": Command(
        "Train a model on a folder of labelled images.",
        train.run_train,
        train.add_arguments,
        train.train_problem,
    ),
    "finetune": Command(
        "Fine-tune a model on labelled or corrected images.",
        finetune.run_finetune,
        finetune.add_arguments,
        size_problem,
    ),
    "export": Command(
        "Write a level of a model for other programs: ONNX, or a BioImage.IO package.",
        export.run_export,
        export.add_arguments,
    ),
    "import": Command(
        "Add a model file, or the model of an exported package, to your own models.",
        models.run_import,
        models.add_import_arguments,
    ),
    "benchmark": Command(
        "Measure how fast this machine is at every level.", benchmark.run_benchmark, benchmark.add_arguments
    ),
    "cache": Command(
        "Show what this program keeps on disk, and clear what it can make again.",
        cache.run_cache,
        cache.add_arguments,
    ),
    "demo": Command(
        "Open napari on a sample; without a screen, write pictures instead.",
        demo.run_demo,
        demo.add_arguments,
    ),
}

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
    args, unknown = build_parser().parse_known_args(argv)
    command = COMMANDS[args.command]
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if problem := command.problem(args):
        args.parser.error(problem)
    try:
        return command.run(args)
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


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; the chosen one is ``args.command``, and its own parser ``args.parser``."""
    parser = Parser(
        prog="napari-unetpp",
        description="Segment images with UNet++ at any depth. Exit status: 0 done, 1 failed, 2 wrong usage.",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("--version", action=ShowVersion, nargs=0, help="show the version and end")
    # The same switch after the command; SUPPRESS keeps it from undoing the one before it.
    common = Parser(add_help=False)
    common.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        summary = command.summary
        own = commands.add_parser(name, help=summary, description=summary, parents=[common])
        own.set_defaults(parser=own)
        command.add_arguments(own)
    return parser


class Parser(argparse.ArgumentParser):
    """Tells an error in a line, and where all arguments are named, instead of naming them."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end with 2."""
        say(f"error: {message}")
        say(f"All arguments: {self.prog} --help")
        self.exit(2)


class ShowVersion(argparse.Action):
    """Print the version; it is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print it and end."""
        print(f"{parser.prog} {version('napari-unetpp')}")
        parser.exit()
