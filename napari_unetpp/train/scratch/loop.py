"""The training loop: a generator of frozen events. Its caller validates and writes files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil, inf
from typing import Any, Literal

import torch
from torch import Tensor

from napari_unetpp._types import ModelInfo, ShouldStop, UnetppError, never_stop
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import schedule
from napari_unetpp.train.averaging import WeightAverage
from napari_unetpp.train.data.patches import PatchSource
from napari_unetpp.train.loss import Batch, DeepSupervisionLoss
from napari_unetpp.train.optimiser import adamw
from napari_unetpp.train.scratch.processes.ranks import ALONE, Ranks
from napari_unetpp.train.scratch.progress.checkpoint import Checkpoint

Why = Literal["validate", "save", "stopped", "end"]


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """How long and how to train.

    Attributes
    ----------
    megapixels, seconds, steps : float
        The run ends when one of them is reached; its progress is that of the one nearest to its end.
        `megapixels` counts pixels of patches: such a run is the same on any machine.
    patch, batch : int
        Side of the patches in px, patches in a step.
    rate : float
        Peak learning rate of AdamW.
    validation_megapixels : float
        Megapixels between two validations of the average.
    save_seconds : float
        Seconds between two checkpoints; where `validation_megapixels` is infinite, the average is validated
        then, too.
    device, dtype : str
    grow : bool
        Begin with the shallow levels (training from scratch).
    """

    megapixels: float = inf
    seconds: float = inf
    steps: float = inf
    patch: int = 256
    batch: int = 4
    rate: float = 1.5e-3
    validation_megapixels: float = inf
    save_seconds: float = 600.0
    device: str = "cpu"
    dtype: str = "float32"
    grow: bool = True

    @property
    def steps_planned(self) -> float:
        """Steps of the whole run; infinite where only time limits it. Shallow stages have equal patches."""
        steps = min(self.steps, self.megapixels * 1e6 / (self.batch * self.patch**2))
        return ceil(steps) if steps < inf else inf


@dataclass(frozen=True, eq=False)
class TrainingProgress:
    """An event between two steps.

    Attributes
    ----------
    why : str
        ``validate``: validate the average, and save; ``save``: save; ``stopped``: the run was stopped;
        ``end``: the last event of a complete run, to be validated as well.
    step, megapixels, seconds
        Done so far.
    progress : float
        Share of the run that is done.
    loss : float
        Mean since the last validation; NaN before the first step.
    stage : Stage
        Of the next step.
    average : UNetPlusPlus
        The averaged weights; they change with the next step.
    """

    why: Why
    step: int
    megapixels: float
    seconds: float
    progress: float
    loss: float
    stage: schedule.Stage
    average: UNetPlusPlus


class TrainingLoop:
    """One training run of a network, which is changed in place.

    Parameters
    ----------
    net : UNetPlusPlus
    source : PatchSource
        Gives batches on the device of the options; all randomness of the loop is in it.
    info : ModelInfo
    options : TrainingOptions
    ranks : Ranks
        The processes that train together: each has a loop with equal source, weights and options.
    """

    def __init__(
        self,
        net: UNetPlusPlus,
        source: PatchSource,
        info: ModelInfo,
        options: TrainingOptions,
        ranks: Ranks = ALONE,
    ) -> None:
        self.options, self.ranks = options, ranks
        self.source = source
        self.net = net.to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self.net)
        self.heads = ranks.heads(self.net)
        self.loss = DeepSupervisionLoss(info)
        self.optimiser = adamw(self.net, options.rate)
        self.step, self.pixels, self.seconds = 0, 0, 0.0
        self.loss_sum, self.loss_count = torch.zeros((), device=options.device), 0

    @property
    def progress(self) -> float:
        """Share of the run that is done, in [0, 1]."""
        o = self.options
        done = (self.megapixels / o.megapixels, self.seconds / o.seconds, self.step / o.steps)
        return min(1.0, max(done))

    @property
    def megapixels(self) -> float:
        """Megapixels of patches so far."""
        return self.pixels / 1e6

    def run(self, should_stop: ShouldStop = never_stop) -> Iterator[TrainingProgress]:
        """Train until the end of the run, or until stopped; the last event says which."""
        saved = self.seconds
        while self.progress < 1:
            if self.ranks.any(should_stop()):
                yield self._event("stopped")
                return
            before, begun = self.megapixels, time.monotonic()
            self._one_step(self._stage())
            done = time.monotonic() - begun  # without what the caller does at events
            self.seconds = self.ranks.mean(self.seconds + done)  # the same for all processes
            due = self.seconds - saved >= self.options.save_seconds
            validation = self._validation_is_due(before, saving=due)
            if (due or validation) and self.progress < 1:
                yield self._event("validate" if validation else "save")
                saved = self.seconds
        yield self._event("end")

    def _validation_is_due(self, before: float, *, saving: bool) -> bool:
        every = self.options.validation_megapixels
        return saving if every == inf else self.megapixels // every > before // every

    def _stage(self) -> schedule.Stage:
        o = self.options
        return schedule.stage(self.progress, depth=self.net.level, patch=o.patch, batch=o.batch, grow=o.grow)

    def _one_step(self, stage: schedule.Stage) -> None:
        rate = schedule.learning_rate(self.progress, self.options.rate)
        batch = self.source.batch(stage.batch, stage.patch)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.net.train()
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._gradients(batch, stage.level)
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.optimiser.step()
        self.average.update_parameters(self.net)
        self.step += 1
        self.pixels += stage.pixels
        self.loss_sum += loss  # read at events only, so that the CPU waits for a GPU rarely
        self.loss_count += 1

    def _gradients(self, batch: Batch, level: int) -> Tensor:
        """Compute the gradients of a batch; returns the loss of this process's part of it."""
        part = self.ranks.part(batch)
        dtype = getattr(torch, self.options.dtype)
        with torch.autocast(self.options.device, dtype, enabled=dtype != torch.float32):
            heads = self.heads(part.image, level)
        loss: Tensor = self.loss(heads, part)
        loss.backward()
        return loss.detach()

    def _event(self, why: Why) -> TrainingProgress:
        self.loss_sum.fill_(self.ranks.mean(float(self.loss_sum)))
        loss = float(self.loss_sum) / self.loss_count if self.loss_count else float("nan")
        if self.loss_count and not abs(loss) < inf:
            raise UnetppError(
                f"the loss is no number any more at step {self.step}, and the weights are useless. Go on "
                "from the last checkpoint with --resume, or start again with a lower --rate."
            )
        if why in ("validate", "end"):
            self.loss_sum, self.loss_count = torch.zeros_like(self.loss_sum), 0
        done = self.step, self.megapixels, self.seconds, self.progress
        return TrainingProgress(why, *done, loss, self._stage(), self.average.net)

    def checkpoint(self, settings: Mapping[str, Any]) -> Checkpoint:
        """The state of the run between two steps."""
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.net.state_dict().items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{k}": v for k, v in state.items()}
        return Checkpoint(
            {k: v.detach().clone() for k, v in tensors.items()},
            step=self.step,
            pixels=self.pixels,
            seconds=self.seconds,
            loss=(float(self.loss_sum), self.loss_count),
            source=self.source.state(),
            settings=dict(settings),
            machine={"device": self.options.device, "dtype": self.options.dtype},
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint with the same settings."""
        self.net.load_state_dict(checkpoint.part("net"))
        self.average.restore(checkpoint.part("average"), checkpoint.step)
        self._restore_optimiser(checkpoint.part("optimiser"))
        self.source.restore(dict(checkpoint.source))
        self.step, self.pixels, self.seconds = checkpoint.step, checkpoint.pixels, checkpoint.seconds
        total, self.loss_count = checkpoint.loss
        self.loss_sum = torch.full_like(self.loss_sum, total)

    def _restore_optimiser(self, tensors: Mapping[str, Tensor]) -> None:
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            number, field = name.split(".", 1)
            weights = parameters[int(number)]
            if tensor.shape == weights.shape:  # the fused step requires the strides of the weights
                tensor = torch.empty_like(weights, requires_grad=False).copy_(tensor)
            state.setdefault(int(number), {})[field] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
