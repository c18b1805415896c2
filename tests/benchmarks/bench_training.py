"""What a megapixel of training costs at level 4, in float32 and bfloat16, and how much of it is patch making.

Run: ``python tests/benchmarks/bench_training.py [--device cuda] [--batch 4] [--patch 256] [--json FILE]``
Needs UNETPP_DATA (or the labelled images next to the checkout). The formats take turns, so that other load
hits both: compare them with each other only. On a CPU the same convolutions alone are timed, too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import find_data

from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.data.patches import PatchSource
from napari_unetpp.train.data.samples import Sample, load_sample
from napari_unetpp.train.scratch.loop import TrainingLoop, TrainingOptions

OUTPUTS = ("foreground", "edge_distance")
CONFIG = NetConfig(outputs=len(OUTPUTS))
NUCLEI = ModelInfo("", "instances", ("nucleus",), OUTPUTS, CONFIG)
FORMATS = ("float32", "bfloat16")


def seconds(run: Callable[[], object], device: str) -> float:
    """How long a call takes until the device has done it."""
    start = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def convolutions_alone(batch: int, patch: int, dtype: torch.dtype) -> float:
    """Seconds of forward and backward of every convolution of L4, one after the other, nothing between."""

    def make(layer: nn.Module, channels: int, side: int) -> tuple[nn.Module, Tensor]:
        x = torch.rand(batch, channels, side, side, dtype=dtype)
        layer = layer.to(dtype).to(memory_format=torch.channels_last)
        return layer, x.to(memory_format=torch.channels_last).requires_grad_(channels != CONFIG.in_channels)

    def time_one(layer: nn.Module, x: Tensor) -> float:
        gradient = torch.ones_like(layer(x))
        return min(seconds(lambda: layer(x).backward(gradient), "cpu") for _ in range(2))

    total = 0.0
    for i, j in graph.nodes(CONFIG.depth):
        width, side = CONFIG.widths[i], patch >> i
        first = graph.in_channels((i, j), CONFIG)
        total += time_one(*make(nn.Conv2d(first, width, 3, padding=1), first, side))
        total += time_one(*make(nn.Conv2d(width, width, 3, padding=1), width, side))
        if j:
            below = CONFIG.widths[i + 1]
            total += time_one(*make(nn.ConvTranspose2d(below, width, 2, stride=2), below, side // 2))
    return total


def make_fit(samples: list[Sample], options: TrainingOptions) -> TrainingLoop:
    torch.manual_seed(0)
    source = PatchSource(samples, NUCLEI, np.random.default_rng(0), device=options.device)
    return TrainingLoop(UNetPlusPlus(CONFIG), source, NUCLEI, options)


def measure(samples: list[Sample], args: argparse.Namespace) -> dict[str, Any]:
    """Median seconds of a step and of its patches, in turns."""
    fits = {
        name: make_fit(
            samples,
            TrainingOptions(
                1e9, patch=args.patch, batch=args.batch, device=args.device, dtype=name, grow=False
            ),
        )
        for name in FORMATS
    }
    steps: dict[str, list[float]] = {name: [] for name in FORMATS}
    patches: dict[str, list[float]] = {name: [] for name in FORMATS}
    for turn in range(args.repeats + 1):
        for name, fit in fits.items():
            one = seconds(lambda fit=fit: fit.source.batch(args.batch, args.patch), args.device)
            whole = seconds(lambda fit=fit: fit._one_step(fit._stage()), args.device)
            if turn:  # the first prepares kernels
                steps[name].append(whole)
                patches[name].append(one)
    megapixels = args.batch * args.patch**2 / 1e6
    result: dict[str, Any] = {}
    for name in FORMATS:
        step = statistics.median(steps[name])
        made = statistics.median(patches[name])
        result[name] = {
            "seconds_per_megapixel": step / megapixels,
            "share_of_patch_making": made / step,
            "patches_megapixels_per_second": megapixels / made,
        }
    gain = statistics.median(steps["float32"]) / statistics.median(steps["bfloat16"])
    return result | {"float32_over_bfloat16": gain}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--patch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    root = find_data()
    assert root is not None, "set UNETPP_DATA"
    samples = [load_sample(pair, NUCLEI) for pair in read_pairs(root / "nuclei_dsb2018" / "train")[:200:10]]
    result = {"device": args.device, "batch": args.batch, "patch": args.patch, **measure(samples, args)}
    if args.device == "cpu":
        megapixels = args.batch * args.patch**2 / 1e6
        for name in FORMATS:
            alone = convolutions_alone(args.batch, args.patch, getattr(torch, name))
            result[name]["share_of_convolutions"] = alone / megapixels / result[name]["seconds_per_megapixel"]
    print(json.dumps(result, indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
