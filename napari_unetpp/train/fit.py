"""The training loop: a generator of frozen events. It writes nothing; the caller does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from napari_unetpp._types import ShouldStop, Task, never_stop
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import schedule
from napari_unetpp.train.loss import DeepSupervisionLoss

if TYPE_CHECKING:
    from napari_unetpp.train.checkpoint import Checkpoint
    from napari_unetpp.train.patches import PatchSource


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How long and how to train.

    Attributes
    ----------
    seconds, steps : float, int
        The run ends when either is reached; its schedule follows the one that is nearer to its end.
    rate : float
        Peak learning rate of AdamW.
    average : float
        Decay of the weight average (per step).
    report_seconds : float
        Time between two reports (with a validation and a checkpoint).
    grow : bool
        Begin with the shallow levels (training from scratch).
    last_patch : int or None
        Side of the patches of the last stage (see `schedule.stage`).
    """

    seconds: float = float("inf")
    steps: float = float("inf")
    patch: int = 128
    batch: int = 4
    rate: float = 1.5e-3
    weight_decay: float = 1e-3
    average: float = 0.995
    report_seconds: float = 300.0
    device: str = "cpu"
    dtype: str = "float32"
    grow: bool = True
    last_patch: int | None = None


@dataclass(frozen=True, eq=False)
class Progress:
    """A report: what has been done, the mean loss since the last one, and the averaged weights."""

    step: int
    seconds: float
    progress: float
    loss: float
    stage: schedule.Stage
    average: UNetPlusPlus
    last: bool


class Fit:
    """One training run of a network that it changes in place.

    Parameters
    ----------
    net : UNetPlusPlus
    source : PatchSource
        Its generator is the only randomness of the loop.
    task : {"instances", "semantic"}
    options : FitOptions
    """

    def __init__(self, net: UNetPlusPlus, source: PatchSource, task: Task, options: FitOptions) -> None:
        self.options = options
        self.source = source
        self.net = net.to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = AveragedModel(self.net, avg_fn=self._average, use_buffers=True)
        self.loss = DeepSupervisionLoss(task)
        self.optimiser = torch.optim.AdamW(_groups(self.net, options.weight_decay), lr=options.rate)
        self.step = 0
        self.seconds = 0.0

    def run(self, should_stop: ShouldStop = never_stop) -> Iterator[Progress]:
        """Train until time or steps are used up, or until told to stop; the last report is marked."""
        begun, reported = time.monotonic() - self.seconds, self.seconds
        losses: list[float] = []
        while True:
            progress = self.progress
            stage = self._stage(progress)
            if progress >= 1 or should_stop():
                yield self._report(losses, stage, last=True)
                return
            losses.append(self._one_step(stage, schedule.learning_rate(progress, self.options.rate)))
            self.seconds = time.monotonic() - begun
            if self.seconds - reported >= self.options.report_seconds:
                yield self._report(losses, stage, last=False)
                losses = []
                begun = time.monotonic() - self.seconds  # what the caller does with a report is not training
                reported = self.seconds

    @property
    def progress(self) -> float:
        """Share of the run that is done, in [0, 1]."""
        return min(1.0, max(self.seconds / self.options.seconds, self.step / self.options.steps))

    def _stage(self, progress: float) -> schedule.Stage:
        o = self.options
        return schedule.stage(
            progress,
            depth=self.net.level,
            patch=o.patch,
            batch=o.batch,
            grow=o.grow,
            last_patch=o.last_patch,
        )

    def _one_step(self, stage: schedule.Stage, rate: float) -> float:
        batch = self.source.batch(stage.batch, stage.patch)
        if self.options.device != "cpu":
            batch = type(batch)(
                *(t.to(self.options.device) for t in (batch.image, batch.target, batch.weight))
            )
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.net.train()
        self.optimiser.zero_grad(set_to_none=True)
        dtype = getattr(torch, self.options.dtype)
        with torch.autocast(self.options.device, dtype, enabled=dtype != torch.float32):
            heads = self.net.all_heads(batch.image, stage.level)
        loss = self.loss(heads, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.average.update_parameters(self.net)
        self.step += 1
        return float(loss.detach())

    def _average(self, averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        decay = schedule.average_decay(int(count), self.options.average)
        return torch.lerp(averaged, current, 1 - decay) if averaged.is_floating_point() else current

    def _report(self, losses: list[float], stage: schedule.Stage, *, last: bool) -> Progress:
        loss = float(np.mean(losses)) if losses else float("nan")
        net: UNetPlusPlus = self.average.module  # type: ignore[assignment]
        return Progress(self.step, self.seconds, self.progress, loss, stage, net, last)

    def checkpoint(self, settings: Mapping[str, Any]) -> Checkpoint:
        """The state of the run between two steps."""
        from napari_unetpp.train.checkpoint import Checkpoint

        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{k}": v for k, v in state.items()}
        rng = self.source.rng.bit_generator.state
        return Checkpoint(
            {k: v.detach().clone() for k, v in tensors.items()},
            self.step,
            self.seconds,
            dict(rng),
            dict(settings),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint of the same settings."""
        parts: dict[str, dict[str, Tensor]] = {"net": {}, "average": {}, "optimiser": {}}
        for key, tensor in checkpoint.tensors.items():
            room, name = key.split(".", 1)
            parts[room][name] = tensor
        self.net.load_state_dict(parts["net"])
        self.average.load_state_dict(parts["average"])
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in parts["optimiser"].items():
            number, field = name.split(".", 1)
            state.setdefault(int(number), {})[field] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        self.source.rng.bit_generator.state = checkpoint.rng
        self.step, self.seconds = checkpoint.step, checkpoint.seconds


def _groups(net: UNetPlusPlus, weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for convolution weights only, not for biases and norms."""
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
