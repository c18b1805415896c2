"""``napari-unetpp models``, ``info`` and ``import``: the list of models, a card, a model added."""

from __future__ import annotations

import argparse
import json

from napari_unetpp.commands.arguments.types import some_name, some_path
from napari_unetpp.commands.report import say, tell
from napari_unetpp.files.models import card_text, model_list
from napari_unetpp.files.models.int8_file import read_int8
from napari_unetpp.files.models.model_card import card_to_json


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


def add_info_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``info``."""
    parser.add_argument("model", metavar="MODEL", type=some_name, help="name or file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_info(args: argparse.Namespace) -> int:
    """Show the model card."""
    info = model_list.find_model(args.model)
    if args.json:
        card = card_to_json(info) | {"path": str(info.path), "sha256": info.sha256, "int8": read_int8(info)}
        tell(json.dumps(card, indent=2))
    else:
        tell(card_text.model_text(info))
    return 0


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``import``."""
    parser.add_argument(
        "package", metavar="PACKAGE", type=some_path, help="a package that export wrote, or NAME.safetensors"
    )


def run_import(args: argparse.Namespace) -> int:
    """Add a model to the user's own."""
    from napari_unetpp.exports.importing import import_model

    info = import_model(args.package)
    print(f"{info.name}: {info.path}")
    return 0
