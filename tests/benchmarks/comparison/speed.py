"""What a level costs: time and memory of a forward pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from comparison import plan
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.data.samples import Sample

TIMED_PIXELS = 150_000
TURNS = 2

SIDE = 256
"""Side of the images on which all systems are timed."""


def best_of(cases: Mapping[Hashable, Callable[[], Any]], turns: int) -> dict[Any, float]:
    """Shortest seconds of each case, taken in turns so that other load hits all alike; one warm-up."""
    best = dict.fromkeys(cases, float("inf"))
    for turn in range(turns + 1):
        for name, work in cases.items():
            start = time.perf_counter()
            work()
            if turn:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def _tensor(sample: Sample, device: str) -> Tensor:
    """An image (1, 3, Y, X) as the network takes it."""
    x = torch.from_numpy(sample.image.astype(np.float32)).to(device)[None].expand(-1, 3, -1, -1)
    return x.contiguous(memory_format=torch.channels_last)


def _forward(net: UNetPlusPlus, images: Sequence[Tensor], level: int) -> Callable[[], None]:
    """Work that evaluates a level, cold, for every image."""

    def work() -> None:
        with torch.inference_mode():
            for x in images:
                net(x, level).sigmoid().cpu()

    return work


def seconds_per_megapixel(net: UNetPlusPlus, samples: Sequence[Sample], device: str) -> dict[int, float]:
    """Seconds per megapixel of every level, on the first images until they hold `TIMED_PIXELS` together."""
    folded = net.folded().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images: list[Tensor] = []
    for sample in samples:
        images.append(_tensor(sample, device))
        if sum(x.shape[-2] * x.shape[-1] for x in images) >= TIMED_PIXELS:
            break
    megapixels = sum(x.shape[-2] * x.shape[-1] for x in images) / 1e6
    seconds = best_of({level: _forward(folded, images, level) for level in net.levels}, TURNS)
    return {level: s / megapixels for level, s in seconds.items()}


def peak_megabytes(net: UNetPlusPlus, level: int, side: int) -> float:
    """Highest number of megabytes of tensors that torch holds while it evaluates a level on the CPU.

    Beyond weights and input; every node stays until the level is done, as in the node cache.
    """
    x = torch.zeros(1, 3, side, side).contiguous(memory_format=torch.channels_last)
    only_cpu = [torch.profiler.ProfilerActivity.CPU]
    with torch.inference_mode(), torch.profiler.profile(activities=only_cpu, profile_memory=True) as profile:
        net(x, level)
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    sizes = [e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())]
    return float(np.cumsum(sizes).max()) / 1e6


def speed(samples: Sequence[Sample], widths: float, device: str, turns: int) -> dict[str, dict[str, Any]]:
    """Cost of every level of every architecture, all timed in turns.

    Parameters
    ----------
    samples : sequence of Sample
        Images of `SIDE` x `SIDE` px. Weights are untrained: time does not depend on them.
    widths : float
        Factor on the published widths.
    device : str
    turns : int
        Timings of which the best counts.
    """
    images = [_tensor(s, device) for s in samples]
    systems = [name for name in plan.ALL if not name.endswith("-last")]
    nets = {name: UNetPlusPlus(plan.network(name, widths)).folded() for name in systems}
    nets = {name: net.to(device, memory_format=torch.channels_last) for name, net in nets.items()}  # type: ignore[call-overload]
    cases = {
        (name, level): _forward(net, images, level) for name, net in nets.items() for level in net.levels
    }
    seconds = best_of(cases, turns)
    rows: dict[str, dict[str, Any]] = {name: {} for name in systems}
    for (name, level), best in seconds.items():
        config = nets[name].config
        rows[name][str(level)] = {
            "parameters": graph.parameters(level, config),
            "gflop": round(graph.flops(level, config, SIDE, SIDE) / 1e9, 3),
            "images_per_second": round(len(images) / best, 4),
            "seconds_per_megapixel": round(best / (len(images) * SIDE**2 / 1e6), 4),
            "peak_megabytes": round(peak_megabytes(nets[name].cpu(), level, SIDE), 1),
        }
    return rows
