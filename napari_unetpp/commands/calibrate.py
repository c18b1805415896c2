"""``napari-unetpp calibrate``: where Auto may stop."""

from __future__ import annotations

import argparse

from napari_unetpp.commands.argument_types import model_path, share, some_name, some_path
from napari_unetpp.commands.report import say, tell
from napari_unetpp.commands.shared_arguments import add_device
from napari_unetpp.files.models import card_text, model_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``calibrate``."""
    parser.add_argument(
        "folder", metavar="FOLDER", type=some_path, help="holds images/ and labels/ with equal stems"
    )
    parser.add_argument("--model", type=some_name, required=True, help="name or file")
    parser.add_argument("--out", metavar="FILE", type=model_path, required=True, help="NAME.safetensors")
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
