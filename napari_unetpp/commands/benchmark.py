"""``napari-unetpp benchmark``: how fast this machine is."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from napari_unetpp.commands.arguments.shared import add_device
from napari_unetpp.commands.arguments.types import file_path, some_name
from napari_unetpp.commands.json_report import check_report, write_report
from napari_unetpp.commands.report import progress, say, tell
from napari_unetpp.files.models import card_text, model_list


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of ``benchmark``."""
    parser.add_argument("--model", type=some_name, default="nuclei", help="name or file (default: nuclei)")
    add_device(parser)
    parser.add_argument("--json", metavar="FILE", type=file_path, help="also write the figures as JSON")


def run_benchmark(args: argparse.Namespace) -> int:
    """Measure this machine at every level, in every number format unless one is given."""
    from napari_unetpp.engine import benchmark
    from napari_unetpp.engine.loaded_model import LoadedModel

    check_report(args.json, "benchmark")
    info = model_list.find_model(args.model)
    missing: dict[str, str] = {}
    if args.precision == "auto":
        models, missing = benchmark.every_format(info, args.device)
        tell(f"auto picks {models[0].choice.label} for {info.name}")
    else:
        models = [LoadedModel.load(info, device=args.device, precision=args.precision)]
    results: list[dict[str, Any]] = []
    for model in models:
        say(f"measuring {info.name} on {model.choice.label}")
        results.append(benchmark.measure_speed(model, in_tiles=not results, progress=progress))
        _tell(info.name, results[-1])
    for label, reason in missing.items():
        tell(f"{label}: {reason}")
    if args.precision == "auto" and (faster := benchmark.faster_format(results)):
        label, factor = faster
        tell(
            f"{label} was {factor:.1f} times as fast as {models[0].choice.label}, which auto picks. "
            "Auto measures the formats once. If this computer was busy then, have them measured again: "
            "napari-unetpp cache --clear"
        )
    formats = {result["device"]: result for result in results}
    content = {"model": info.sha256, **results[0], "formats": formats, "missing": missing}
    write_report(args.json, "benchmark", content)
    return 0


def _tell(name: str, result: Mapping[str, Any]) -> None:
    side, large = result["side"], result["tiled_side"]
    tell(f"{name} on {result['device']}; convolution peak {result['peak_gflops']:.0f} GFLOPS")
    tell(f"cold and added: {side} x {side} px; in tiles: {large} x {large} px")
    tell(card_text.speed_text(result["levels"]) + "\n")
