"""The steps of fine-tuning: the trained network, its average, and smaller batches when memory is short."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.engine.memory import is_out_of_memory
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import schedule
from napari_unetpp.train.averaging import WeightAverage, batch_norms
from napari_unetpp.train.finetune.data.patches import ExamplePatches
from napari_unetpp.train.finetune.recipe import Recipe, level_at
from napari_unetpp.train.loss import DeepSupervisionLoss
from napari_unetpp.train.optimiser import adamw

SMALLEST_PATCH = 32
WEIGHT_DECAY = 1e-4


class Tuner:
    """Trains a network in place and keeps a running average of it.

    Parameters
    ----------
    net : UNetPlusPlus
    source : ExamplePatches
        Gives batches on `device`.
    info : ModelInfo
    recipe : Recipe
    device, dtype : str
        Device, and number format of the convolutions.

    Attributes
    ----------
    average : WeightAverage
        The weights that are validated and returned.
    patch, batch : int
        As in the recipe, until memory is short.
    notes : list of str
    """

    def __init__(
        self,
        net: UNetPlusPlus,
        source: ExamplePatches,
        info: ModelInfo,
        recipe: Recipe,
        device: str,
        dtype: str,
    ) -> None:
        self.net = net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = WeightAverage(self.net, most=recipe.decay)
        self.source, self.recipe, self.device, self.dtype = source, recipe, device, dtype
        self.loss = DeepSupervisionLoss(info)
        self.patch, self.batch = recipe.patch, recipe.batch
        self.notes: list[str] = []
        self.steps = 0
        self.optimiser = adamw(self.net, recipe.rate, WEIGHT_DECAY)

    def step(self, progress: float) -> float:
        """Take one step; returns its loss. If memory is short, batch, then patch, are halved until it fits.

        Raises
        ------
        UnetppError
            Not even one small patch fits.
        """
        while True:
            try:
                loss = self._try(progress)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._shrink(error)
                continue
            self.average.update_parameters(self.net)
            self.steps += 1
            return loss

    def _try(self, progress: float) -> float:
        batch = self.source.batch(self.batch, self.patch)
        for group in self.optimiser.param_groups:
            group["lr"] = schedule.learning_rate(progress, self.recipe.rate)
        self.net.train()
        if self.recipe.norms == "keep":
            for norm in batch_norms(self.net):
                norm.eval()
        self.optimiser.zero_grad(set_to_none=True)
        level = level_at(progress, self.recipe, self.net.level)
        dtype = getattr(torch, self.dtype)
        with torch.autocast(self.device, dtype, enabled=dtype != torch.float32), _repeatable(self.device):
            heads = self.net.all_heads(batch.image, level)
            loss: Tensor = self.loss(heads, batch)
            loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        return float(loss.detach())

    def _shrink(self, error: Exception) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        if self.device == "cuda":
            torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch = max(1, self.batch // 2)
        elif self.patch // 2 >= SMALLEST_PATCH:
            self.patch //= 2
        else:
            raise UnetppError(
                f"not enough memory to learn even from one patch of {self.patch} x {self.patch} px. Close "
                "other programs, or choose the CPU as the device."
            ) from error
        self.notes = [
            f"Memory was short: {self.batch} patch{'es' if self.batch > 1 else ''} of "
            f"{self.patch} x {self.patch} px a step instead of {self.recipe.batch} of {self.recipe.patch}."
        ]


def _repeatable(device: str) -> AbstractContextManager[Any]:
    """Deterministic convolutions on CUDA, so that a run can be repeated."""
    if device != "cuda":
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True)
