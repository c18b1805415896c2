"""The plan of a training: the parent, the images, the first card; and the loop made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf
from typing import Any

import numpy as np
import torch

from napari_unetpp._types import ModelInfo, ShouldStop
from napari_unetpp.engine.device import choose_device
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.data.frames import mirrored_frames
from napari_unetpp.train.data.patches import PatchSource
from napari_unetpp.train.encoder_weights import check_start, start_encoder
from napari_unetpp.train.parent import check_parent, start_from
from napari_unetpp.train.precision import training_format
from napari_unetpp.train.schedule import validation_megapixels
from napari_unetpp.train.scratch.cards import first_card, full_card, wiring
from napari_unetpp.train.scratch.data_sets import DataSets, count_of, read_data_sets
from napari_unetpp.train.scratch.loop import TrainingLoop, TrainingOptions
from napari_unetpp.train.scratch.processes.ranks import ALONE, Ranks
from napari_unetpp.train.scratch.progress.checkpoint import Checkpoint
from napari_unetpp.train.scratch.request import TrainRequest

DEFAULT_MINUTES = 60.0
DEFAULT_PATCH = 256
"""Level 4 sees 107 px to each side; in much smaller patches no pixel would have its whole context."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that is known before the first step.

    Attributes
    ----------
    request : TrainRequest
    parent : ModelInfo or None
        The model to start from; None: random weights.
    info : ModelInfo
        Card of the new model, without what is measured at the end of the training.
    data : DataSets
    """

    request: TrainRequest
    parent: ModelInfo | None
    info: ModelInfo
    data: DataSets

    def settings(self) -> dict[str, Any]:
        """Values, for JSON, that a resumed run must share with the interrupted one."""
        request, info, data = self.request, self.info, self.data
        plain = ("folds", "megapixels", "epochs", "patch", "batch", "rate", "seed")
        return {
            "folders": list(data.names),
            "images": [count_of(data.train, n) for n in range(len(data.names))],
            "shares": None if request.shares is None else list(request.shares),
            "start": self.parent.sha256 if self.parent else None,
            "task": info.task,
            "outputs": list(info.outputs),
            "widths": list(info.net.widths),
            "arch": wiring(info.net),
            "supervision": info.net.supervision,
            "sampling": [info.sampling.kind, info.sampling.value],
            **{name: getattr(request, name) for name in plain},
        }


def make_plan(request: TrainRequest, log: Callable[[str], None], should_stop: ShouldStop) -> Plan:
    """Check the request, read the images, and make the card."""
    parent = None if request.start is None else find_model(request.start)
    if parent is not None:
        check_parent(request.out, parent)
    card = first_card(request, parent)
    if parent is None:
        check_start(card.net)
    data = read_data_sets(request, card, log, should_stop)
    return Plan(request, parent, full_card(card, request, parent, data), data)


def make_loop(plan: Plan, checkpoint: Checkpoint | None, ranks: Ranks = ALONE) -> TrainingLoop:
    """The training loop of a plan, from the beginning or from a checkpoint."""
    device, dtype = ranks.agree(_device(plan.request, checkpoint))
    torch.manual_seed(plan.request.seed)  # initial weights
    net = UNetPlusPlus(plan.info.net)
    if plan.parent is not None:
        start_from(net, plan.info, plan.parent)
    elif plan.info.net.encoder:
        start_encoder(net)
    loop = TrainingLoop(net, _patches(plan, device), plan.info, _options(plan, device, dtype), ranks)
    if checkpoint is not None:
        loop.restore(checkpoint)
    return loop


def _options(plan: Plan, device: str, dtype: str) -> TrainingOptions:
    """How long and how to train."""
    request, info = plan.request, plan.info
    whole = ceil(info.sampling.value) if info.sampling.kind == "frame" else None
    patch = request.patch or whole or DEFAULT_PATCH
    per_epoch = max(1, len(plan.data.train) // request.batch)
    steps = request.epochs * per_epoch if request.epochs else inf
    megapixels = request.megapixels or inf
    minutes = request.minutes or (DEFAULT_MINUTES if steps == megapixels == inf else inf)
    planned = min(megapixels, steps * request.batch * patch**2 / 1e6)
    return TrainingOptions(
        megapixels=megapixels,
        seconds=60 * minutes,
        steps=steps,
        patch=patch,
        batch=request.batch,
        rate=request.rate,
        validation_megapixels=validation_megapixels(planned),
        device=device,
        dtype=dtype,
        grow=plan.parent is None and len(info.net.levels) > 1,
    )


def _device(request: TrainRequest, checkpoint: Checkpoint | None) -> tuple[str, str]:
    """Device and number format; a resumed run on the same device keeps its format unless one is given."""
    device = choose_device(request.device).device
    same = checkpoint is not None and checkpoint.machine.get("device") == device
    if checkpoint is not None and same and request.precision == "auto":
        return device, str(checkpoint.machine["dtype"])
    return device, training_format(device, request.precision)


def _patches(plan: Plan, device: str) -> PatchSource:
    """Patches of the images to learn from."""
    rng, info, train = np.random.default_rng(plan.request.seed), plan.info, list(plan.data.train)
    if info.sampling.kind == "frame":
        train += mirrored_frames(train, rng)
    return PatchSource(train, info, rng, device=device, shares=plan.request.shares)
