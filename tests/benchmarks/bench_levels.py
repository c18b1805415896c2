"""Time of every level, cold and incremental, beside MONAI's UNet++ and this machine's convolution peak.

    python tests/benchmarks/bench_levels.py [--json FILE] [--dtype float32] [--repeats 5] [--side 512 1024]

Everything is measured in one process and in turns, so that other load hits all alike; the best
of the repeats counts. The network has the default widths and untrained weights (time does not
depend on them). MONAI's `BasicUNetPlusPlus` is called as its documentation does: ``net(x)``
evaluates all nodes and heads, with instance norm, in contiguous memory; here without gradients.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.engine.benchmark import level_cases, peak_cases, peak_gflops
from napari_unetpp.engine.device import DeviceChoice, choose_device
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus

LEVELS = (1, 2, 3, 4)
FEATURES = (32, 64, 128, 256, 512, 32)


def best_of(cases: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Best seconds of each case, taken in turns; the first round is a warm-up and not counted."""
    best = dict.fromkeys(cases, float("inf"))
    for turn in range(repeats + 1):
        for name, run in cases.items():
            start = time.perf_counter()
            run()
            if turn:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def make_evaluator(choice: DeviceChoice) -> LoadedModel:
    torch.manual_seed(0)
    config = NetConfig(outputs=2)
    info = ModelInfo("benchmark", "instances", ("object",), ("foreground", "distance"), config)
    return LoadedModel(info, UNetPlusPlus(config).state_dict(), choice)


def monai_case(side: int, choice: DeviceChoice) -> Callable[[], Any]:
    from monai.networks.nets import BasicUNetPlusPlus

    torch.manual_seed(0)
    net = BasicUNetPlusPlus(spatial_dims=2, in_channels=3, out_channels=2, features=FEATURES)
    net = net.eval().to(choice.device)
    x = torch.rand(1, 3, side, side, device=choice.device)

    def run() -> Any:
        with torch.inference_mode():
            return net(x)[-1].sigmoid().cpu()

    return run


def measure(choice: DeviceChoice, side: int, repeats: int) -> dict[str, Any]:
    evaluator = make_evaluator(choice)
    cases = level_cases(evaluator, side) | {"monai": monai_case(side, choice)}
    seconds = best_of(cases | peak_cases(choice), repeats)
    peak = peak_gflops(seconds)
    megapixels = side * side / 1e6
    levels = {}
    for level in LEVELS:
        cold, added = seconds[f"cold {level}"], seconds.get(f"incremental {level}")
        rate = graph.flops(level, evaluator.info.net, side, side) / cold / 1e9
        levels[str(level)] = {
            "parameters": graph.parameters(level, evaluator.info.net),
            "cold_ms": 1e3 * cold,
            "incremental_ms": None if added is None else 1e3 * added,
            "cold_ms_per_megapixel": 1e3 * cold / megapixels,
            "gflops": rate,
            "share_of_peak": rate / peak,
            "times_faster_than_monai": seconds["monai"] / cold,
        }
    return {
        "device": choice.label,
        "side": side,
        "monai_ms": 1e3 * seconds["monai"],
        "peak_gflops": peak,
        "levels": levels,
    }


def report(result: dict[str, Any]) -> None:
    side = result["side"]
    print(f"{result['device']}, {side}x{side}, {torch.get_num_threads()} threads, {machine()}")
    print(f"convolution peak {result['peak_gflops']:.0f} GFLOPS; MONAI {result['monai_ms']:.0f} ms\n")
    print("level  parameters   cold ms  added ms  ms/MPx   GFLOPS  of peak  x MONAI")
    for level, row in result["levels"].items():
        added = "-" if row["incremental_ms"] is None else f"{row['incremental_ms']:.0f}"
        print(
            f"L{level}    {row['parameters']:>11,} {row['cold_ms']:>9.0f} {added:>9} "
            f"{row['cold_ms_per_megapixel']:>7.0f} {row['gflops']:>8.0f} {row['share_of_peak']:>7.0%} "
            f"{row['times_faster_than_monai']:>8.1f}"
        )


def machine() -> str:
    return f"{platform.machine()}, {os.cpu_count()} logical cores, torch {torch.__version__}"


def main() -> None:
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", choices=["float32", "bfloat16", "float16"], help="default: self-test")
    parser.add_argument("--side", type=int, nargs="+", default=[512], help="sides of square images")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    choice = choose_device(args.device)
    if args.dtype:
        choice = DeviceChoice(choice.device, args.dtype)
    results = [measure(choice, side, args.repeats) for side in args.side]
    for result in results:
        report(result)
    if args.json:
        about = {"machine": machine(), "threads": torch.get_num_threads(), "runs": results}
        args.json.write_text(json.dumps(about, indent=2))


if __name__ == "__main__":
    main()
