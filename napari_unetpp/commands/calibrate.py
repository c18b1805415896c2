"""``napari-unetpp calibrate``: where Auto may stop, and the ranges for int8."""

from __future__ import annotations

import argparse

from napari_unetpp.commands.arguments.shared import add_device
from napari_unetpp.commands.arguments.types import model_path, share, some_name, some_path
from napari_unetpp.commands.report import say, tell
from napari_unetpp.files.models import card_text, model_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``calibrate``."""
    parser.add_argument(
        "folder", metavar="FOLDER", type=some_path, help="holds images/ and labels/ with equal stems"
    )
    parser.add_argument("--model", type=some_name, required=True, help="name or file")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--out", metavar="FILE", type=model_path, help="NAME.safetensors: a copy with a rule for Auto"
    )
    what.add_argument(
        "--int8",
        action="store_true",
        help="measure the ranges for --precision int8, and what it loses; the model stays as it is",
    )
    parser.add_argument(
        "--held-out",
        action="store_true",
        help="use only what train holds out of FOLDER: for the folder the model was trained on",
    )
    parser.add_argument(
        "--tolerance",
        type=share,
        default=0.003,
        help="Dice that Auto may lose against the deepest level (default: 0.003)",
    )
    add_device(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace a model that exists")


def run_calibrate(args: argparse.Namespace) -> int:
    """Give a model the rule by which Auto stops, or the ranges for int8."""
    if args.int8:
        return _measure_int8(args)
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


def _measure_int8(args: argparse.Namespace) -> int:
    """Measure the ranges for int8, and store them by the hash of the model."""
    from napari_unetpp.engine.device import choose_device
    from napari_unetpp.files.models.int8_file import write_int8
    from napari_unetpp.train.choose.int8 import measure_int8

    info = model_list.find_model(args.model)
    choose_device("cpu", "int8")  # says what is missing, before any work
    measured = measure_int8(info, args.folder, held_out=args.held_out, log=say)
    tell(card_text.int8_text(measured.to_json()))
    say(f"stored in {write_int8(info, measured.to_json())}; the model is as it was")
    return 0
