"""``napari-unetpp benchmark``: how fast this machine is."""

from __future__ import annotations

import argparse

from napari_unetpp.commands.argument_types import file_path, some_name
from napari_unetpp.commands.report import progress, say, tell, write_json
from napari_unetpp.commands.shared_arguments import add_device
from napari_unetpp.files.models import card_text, model_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``benchmark``."""
    parser.add_argument("--model", type=some_name, default="nuclei", help="name or file (default: nuclei)")
    add_device(parser)
    parser.add_argument("--json", metavar="FILE", type=file_path, help="also write the figures as JSON")


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
