"""The speed of this machine: every level cold, incremental and tiled, and the peak rate of convolutions.

The cases are measured in turns, so that other load on the machine affects all alike, and the best of the
turns counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from napari_unetpp._types import ModelInfo, ShouldStop, UnetppError, never_stop
from napari_unetpp.engine import tiles
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.device import DeviceChoice, cpu_has_bf16, why_missing
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.net import graph

SIDE = 512
TURNS = 2

FORMATS = (
    *(("cpu", "float32"), ("cpu", "bfloat16"), ("cpu", "int8")),
    *(("cuda", "float32"), ("cuda", "bfloat16"), ("cuda", "float16"), ("mps", "float32")),
)
"""Devices and number formats, as `choose_device` takes them."""

PEAK_SHAPES = ((64, 128), (128, 128), (256, 64), (512, 32))
"""(channels in and out, side) of the plain 3x3 convolutions whose best rate is called the peak."""

MUCH_FASTER = 1.3
"""Times as fast at the deepest level, from which on a format is worth a word; less may be chance."""

Case = Callable[[], Any]


def measure_speed(
    model: LoadedModel,
    *,
    side: int = SIDE,
    turns: int = TURNS,
    in_tiles: bool = True,
    should_stop: ShouldStop = never_stop,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> dict[str, Any]:
    """Measure all levels of a model on this machine.

    Parameters
    ----------
    model : LoadedModel
    side : int
        Side (px) of the square image for cold and incremental times.
    turns : int
        Measurements of each, besides a first one that warms up and does not count.
    in_tiles : bool
        Also measure an image too large for one tile.
    should_stop, progress : callable
        Called between two measurements; `progress` with the number of the next one, their total and its name.

    Returns
    -------
    dict
        ``device``, ``side``, ``tiled_side``, ``peak_gflops`` and ``levels``: for each ``parameters``,
        ``cold_ms``, ``incremental_ms`` (from the nodes of the next shallower level; None for the first),
        ``ms_per_megapixel``, ``tiled_ms_per_megapixel`` (an image too large for one tile, with
        reading, normalisation and halos; None where that was not measured), ``gflops`` and
        ``share_of_peak`` of the cold run.

    Raises
    ------
    UnetppError
        It was stopped.
    """
    levels = model.info.net.levels
    cases = {**level_cases(model, side), **peak_cases(model.choice)}
    large = tiled_side()
    tiled: dict[str, Case] = {f"tiled {d}": tiled_case(model, large, d) for d in levels if in_tiles}
    timer = _Timer((turns + 1) * len(cases) + len(tiled), should_stop, progress)
    best = dict.fromkeys(cases, float("inf"))
    for turn in range(turns + 1):
        for name, run in cases.items():
            seconds = timer.seconds(name, run)
            best[name] = min(best[name], seconds) if turn else best[name]
    # One run each: it evaluates many equal tiles, and everything is warm by now.
    best |= {name: timer.seconds(name, run) for name, run in tiled.items()}
    peak = peak_gflops(best)
    rows = {d: _row(model, d, side, large, best, peak) for d in levels}
    return {
        "device": model.choice.label,
        "side": side,
        "tiled_side": large,
        "peak_gflops": peak,
        "levels": {str(d): row for d, row in rows.items()},
    }


def every_format(info: ModelInfo, device: str = "auto") -> tuple[list[LoadedModel], dict[str, str]]:
    """A model in each number format that this machine has, and why others are missing.

    Parameters
    ----------
    info : ModelInfo
    device : {"auto", "cpu", "cuda", "mps"}
        "auto": all devices.

    Returns
    -------
    models : list of LoadedModel
        The first is the one that "auto" picks.
    missing : dict
        From a device, or a format such as ``"cpu int8"``, to a reason.
    """
    models = [LoadedModel.load(info, device)]
    missing = {}
    for kind, precision in FORMATS:
        label = f"{kind} {precision}"
        if device not in ("auto", kind) or models[0].choice.label == label:
            continue
        if reason := why_missing(kind):
            missing[kind] = reason
            continue
        if label == "cpu bfloat16" and not cpu_has_bf16():
            missing[label] = "this processor has no instructions for it"
            continue
        try:
            models.append(LoadedModel.load(info, kind, precision))
        except UnetppError as error:
            missing[label] = str(error)
    return models, missing


def faster_format(results: Sequence[Mapping[str, Any]]) -> tuple[str, float] | None:
    """The fastest format on the device of the first one, and how many times as fast as the first it is.

    Parameters
    ----------
    results : sequence of dict
        As `measure_speed` gives them; the first is of the format that "auto" picks.

    Returns
    -------
    tuple or None
        None where none is `MUCH_FASTER` at the deepest level.
    """

    def milliseconds(result: Mapping[str, Any]) -> float:
        return float(result["levels"][max(result["levels"])]["cold_ms"])

    picked, device = results[0], results[0]["device"].split()[0]
    best = min((one for one in results if one["device"].split()[0] == device), key=milliseconds)
    factor = milliseconds(picked) / milliseconds(best)
    return (best["device"], factor) if factor >= MUCH_FASTER else None


class _Timer:
    """Times one case after the other, and tells how many of `total` are done."""

    def __init__(
        self, total: int, should_stop: ShouldStop, progress: Callable[[int, int, str], None]
    ) -> None:
        self._count, self._total = 0, total
        self._should_stop, self._progress = should_stop, progress

    def seconds(self, name: str, run: Case) -> float:
        """Seconds that a case takes."""
        if self._should_stop():
            raise UnetppError("the benchmark was stopped before it was complete.")
        self._count += 1
        self._progress(self._count, self._total, name)
        start = time.perf_counter()
        run()
        return time.perf_counter() - start


def _row(
    model: LoadedModel, level: int, side: int, large: int, best: Mapping[str, float], peak: float
) -> dict[str, Any]:
    net = model.info.net
    cold, added = best[f"cold {level}"], best.get(f"incremental {level}")
    tiled = best.get(f"tiled {level}")
    rate = graph.flops(level, net, side, side) / cold / 1e9
    return {
        "parameters": graph.parameters(level, net),
        "cold_ms": 1e3 * cold,
        "incremental_ms": None if added is None else 1e3 * added,
        "ms_per_megapixel": 1e9 * cold / side**2,
        "tiled_ms_per_megapixel": None if tiled is None else 1e9 * tiled / large**2,
        "gflops": rate,
        "share_of_peak": rate / peak,
    }


def level_cases(model: LoadedModel, side: int) -> dict[str, Case]:
    """``cold L``: from the image to the maps. ``incremental L``: from the nodes of the level before."""
    net = model.info.net
    image = np.random.default_rng(0).random((3, side, side), dtype=np.float32)
    known: dict[Any, Any] = {}
    model.nodes(model.tensor(image), net.depth, known)

    def deeper(level: int) -> Any:
        nodes = {node: known[node] for node in graph.nodes(level - 1, net.arch)}
        model.nodes(None, level, nodes)
        return model.maps(level, nodes)

    cases: dict[str, Case] = {f"cold {d}": partial(model.image_maps, image, d) for d in net.levels}
    return cases | {f"incremental {d}": partial(deeper, d) for d in net.levels[1:]}


def tiled_side() -> int:
    """Side (px) of the smallest square of whole tiles that is not evaluated as one tile."""
    return tiles.CELL * (int(tiles.WHOLE_PIXELS**0.5) // tiles.CELL + 1)


def tiled_case(model: LoadedModel, side: int, level: int) -> Case:
    """A whole prediction of an image that needs tiles."""
    image = np.random.default_rng(0).integers(0, 255, (side, side), np.uint8)
    return partial(predict_maps, image, model, level=level, scale=1.0)


def peak_cases(choice: DeviceChoice) -> dict[str, Case]:
    """Plain 3x3 convolutions at shapes that suit the machine: ``peak CHANNELS x SIDE``."""
    return {f"peak {n} x {side}": _convolution(choice, n, side) for n, side in PEAK_SHAPES}


def _convolution(choice: DeviceChoice, channels: int, side: int) -> Case:
    if choice.dtype == "int8":
        from napari_unetpp.engine.int8.network import plain_convolution

        return plain_convolution(channels, side)
    rng = torch.Generator().manual_seed(0)

    def tensor(*shape: int) -> torch.Tensor:
        made = torch.rand(shape, generator=rng).to(choice.device, choice.image_dtype)
        return made.contiguous(memory_format=torch.channels_last)

    image, weight = tensor(1, channels, side, side), tensor(channels, channels, 3, 3)

    def run() -> float:
        with torch.inference_mode():
            return float(F.conv2d(image, weight, padding=1)[0, 0, 0, 0])  # waits for a GPU

    return run


def peak_gflops(seconds: Mapping[str, float]) -> float:
    """The best rate of the `peak_cases` among these times."""
    rates = []
    for channels, side in PEAK_SHAPES:
        rates.append(2 * 9 * channels**2 * side**2 / seconds[f"peak {channels} x {side}"] / 1e9)
    return max(rates)
