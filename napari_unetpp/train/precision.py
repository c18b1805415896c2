"""The number format in which a network is trained on a device, decided by timed training steps.

Weights, losses and the optimiser stay in float32; with bfloat16 `torch.autocast` computes convolutions in it.
bfloat16 has the range of float32, so losses need no scaling, as they would in float16.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import cache

import torch

from napari_unetpp._types import NetConfig, UsageError
from napari_unetpp.engine.device import FLOATS
from napari_unetpp.files.machine_cache import measured_once, this_machine
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.optimiser import adamw

MIN_GAIN = 1.1
"""bfloat16 must be this many times as fast: it rounds, and timings are noisy."""

AGREEMENT = 0.05
"""Largest relative difference between the losses of the two formats that the self-test accepts."""

TURNS = 5
WIDTHS, SIDE = (32, 64, 128), 64
"""The network of the self-test, and its patch."""

AMPERE = 8
"""Compute capability from which CUDA devices compute in bfloat16."""


def training_format(device: str, precision: str = "auto") -> str:
    """``"bfloat16"`` where a training step is faster in it, else ``"float32"``; timed once on a machine.

    Parameters
    ----------
    device : {"cpu", "cuda", "mps"}
        One that has passed the self-test of `engine.device`.
    precision : {"auto", "float32", "bfloat16"}
        "auto": decide; else this format is used.
    """
    check_precision(precision)
    return _fastest(device) if precision == "auto" else precision


def check_precision(precision: str) -> None:
    """Raise UsageError for a format in which training is not possible."""
    if precision in ("float16", "int8"):
        raise UsageError(
            f"nothing is trained in {precision}: its range is too small for gradients. Give --precision "
            "bfloat16, float32 or auto."
        )


@cache
def _fastest(device: str) -> str:
    if device == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability()[0] >= AMPERE else "float32"
    if device != "cpu":
        return "float32"
    return measured_once("training", this_machine(), FLOATS, _faster_on_cpu)


def _faster_on_cpu() -> str:
    return "bfloat16" if _gain() >= MIN_GAIN else "float32"


def _gain() -> float:
    """Seconds of a training step in float32 over those in bfloat16 on this CPU; 0 where the losses differ.

    Medians of steps taken in turns, so that other load slows both.
    """
    steps = {name: _training_step(name) for name in ("float32", "bfloat16")}
    first = {name: step() for name, step in steps.items()}  # a warm-up, too
    if abs(first["bfloat16"] / first["float32"] - 1) > AGREEMENT:
        return 0.0
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(TURNS):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    return statistics.median(seconds["float32"]) / statistics.median(seconds["bfloat16"])


def _training_step(name: str) -> Callable[[], float]:
    """A step of a small seeded network that returns its loss; the global random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = UNetPlusPlus(NetConfig(widths=WIDTHS)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        image = torch.rand(2, 3, SIDE, SIDE).to(memory_format=torch.channels_last)
    optimiser = adamw(net, 1e-3)

    def step() -> float:
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=name == "bfloat16"):
            heads = net.all_heads(image, net.level)
        loss = torch.stack([head.float().square().mean() for head in heads]).sum()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return step
