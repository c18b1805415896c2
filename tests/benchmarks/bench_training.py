"""How much of the convolutions' own rate a training step reaches, both measured in this run.

Run: ``python tests/benchmarks/bench_training.py [--batch 4] [--patch 128] [--json FILE]``
Needs UNETPP_DATA (or the labelled images next to the checkout).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1]))
from conftest import find_data

from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.engine.device import choose_device
from napari_unetpp.files.folders import read_pairs
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.fit import Fit, FitOptions
from napari_unetpp.train.patches import PatchSource
from napari_unetpp.train.samples import load_sample
from napari_unetpp.train.targets import INSTANCE_OUTPUTS

NUCLEI = ModelInfo("", "instances", ("nucleus",), INSTANCE_OUTPUTS, NetConfig(outputs=4))
CONFIG = NetConfig(outputs=4)


def best(run: Callable[[], object], repeats: int) -> float:
    """Shortest of several timings, after one that does not count."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def convolutions_alone(batch: int, patch: int, dtype: torch.dtype, repeats: int) -> float:
    """Seconds of forward and backward of every convolution of L4, one after the other, nothing between."""

    def make(layer: nn.Module, channels: int, side: int) -> tuple[nn.Module, Tensor]:
        x = torch.rand(batch, channels, side, side, dtype=dtype)
        layer = layer.to(dtype).to(memory_format=torch.channels_last)
        return layer, x.to(memory_format=torch.channels_last).requires_grad_(channels != CONFIG.in_channels)

    def time_one(layer: nn.Module, x: Tensor) -> float:
        gradient = torch.ones_like(layer(x))
        return best(lambda: layer(x).backward(gradient), repeats)

    seconds = 0.0
    for i, j in graph.nodes(CONFIG.depth):
        width, side = CONFIG.widths[i], patch >> i
        first = graph.in_channels((i, j), CONFIG)
        seconds += time_one(*make(nn.Conv2d(first, width, 3, padding=1), first, side))
        seconds += time_one(*make(nn.Conv2d(width, width, 3, padding=1), width, side))
        if j:
            below = CONFIG.widths[i + 1]
            seconds += time_one(*make(nn.ConvTranspose2d(below, width, 2, stride=2), below, side // 2))
    return seconds


def training_step(batch: int, patch: int, dtype: str, repeats: int) -> float:
    """Seconds of a whole training step at L4, patches included."""
    root = find_data()
    assert root is not None, "set UNETPP_DATA"
    pairs = read_pairs(root / "nuclei_dsb2018" / "train")[:20]
    samples = [load_sample(p, NUCLEI) for p in pairs]
    source = PatchSource(samples, "instances", 1, np.random.default_rng(0))
    options = FitOptions(steps=1000, patch=patch, batch=batch, dtype=dtype)
    fit = Fit(UNetPlusPlus(CONFIG), source, "instances", options)
    fit.step = 500  # the stage that trains all levels
    stage = fit._stage(fit.progress)
    assert stage.level == CONFIG.depth
    return best(lambda: fit._one_step(stage, 1e-4), repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--patch", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.manual_seed(0)
    dtype = choose_device("cpu").dtype
    alone = convolutions_alone(args.batch, args.patch, getattr(torch, dtype), args.repeats)
    result = {"device": "cpu", "dtype": dtype, "batch": args.batch, "patch": args.patch}
    flops = 3 * args.batch * graph.flops(CONFIG.depth, CONFIG, args.patch, args.patch)
    result["convolutions_alone"] = {"seconds": alone, "gflops": flops / alone / 1e9}
    step = training_step(args.batch, args.patch, dtype, args.repeats)
    result["step"] = {"seconds": step, "gflops": flops / step / 1e9, "share": alone / step}
    print(json.dumps(result, indent=1))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
