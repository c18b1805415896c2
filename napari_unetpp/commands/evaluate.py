"""``napari-unetpp evaluate``: all levels of a model on labelled images."""

from __future__ import annotations

import argparse

from napari_unetpp.commands.arguments.shared import add_augment, add_device, add_foreground, add_size
from napari_unetpp.commands.arguments.types import file_path, some_name, some_path
from napari_unetpp.commands.json_report import check_report, write_report
from napari_unetpp.commands.report import progress, say, size_options, tell
from napari_unetpp.files.models import card_text, model_list
from napari_unetpp.files.text import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``evaluate``."""
    parser.add_argument(
        "folder", metavar="FOLDER", type=some_path, help="holds images/ and labels/ with equal stems"
    )
    parser.add_argument("--model", type=some_name, required=True, help="name or file")
    add_foreground(parser)
    add_size(parser)
    add_augment(parser)
    add_device(parser)
    parser.add_argument("--json", metavar="FILE", type=file_path, help="also write the scores as JSON")


def run_evaluate(args: argparse.Namespace) -> int:
    """Measure all levels on a folder of labelled images."""
    from napari_unetpp import api

    check_report(args.json, "evaluate")
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
        augment=args.augment,
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
    write_report(args.json, "evaluate", result)
    return 1 if problems else 0
