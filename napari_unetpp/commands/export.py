"""``napari-unetpp export``."""

from __future__ import annotations

import argparse

from napari_unetpp._types import LEVELS
from napari_unetpp.commands.arguments.types import index, some_name, some_path
from napari_unetpp.commands.report import say
from napari_unetpp.files.models import card_text, model_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``export``."""
    parser.add_argument("model", metavar="MODEL", type=some_name, help="name or file")
    parser.add_argument("--format", choices=("onnx", "bioimageio"), required=True, help="what to write")
    parser.add_argument("--level", type=index, choices=LEVELS, help="depth (default: the recommended one)")
    parser.add_argument("--out", metavar="PATH", type=some_path, required=True, help="NAME.onnx or NAME.zip")
    parser.add_argument(
        "--author",
        dest="authors",
        metavar="NAME",
        action="append",
        default=[],
        help="who made the model (bioimageio); once for each",
    )
    parser.add_argument(
        "--sample",
        metavar="IMAGE",
        type=some_path,
        help="image to check the export with, shown by a package (default: one of ours)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")


def run_export(args: argparse.Namespace) -> int:
    """Write a level of a model for other programs."""
    from napari_unetpp.exports.export import STEPS, export_model

    done = export_model(
        model_list.find_model(args.model),
        args.format,
        args.out,
        level=args.level,
        authors=args.authors,
        sample=args.sample,
        overwrite=args.overwrite,
        on_step=lambda text: say(f"{STEPS.index(text) + 1}/{len(STEPS)} {text}"),
    )
    for note in done.notes:
        say(f"note: {note}")
    size = done.path.stat().st_size / 1e6
    print(f"{done.path}: {args.format}, {card_text.level_name(done.level)}, {size:.1f} MB; {done.checked}")
    return 0
