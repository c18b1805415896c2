"""The training loop of a plan as it begins, or as a checkpoint left it."""

from __future__ import annotations

from math import ceil, inf

import numpy as np
import torch

from napari_unetpp.engine.device import choose_device
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import schedule
from napari_unetpp.train.data.frames import folded
from napari_unetpp.train.data.patches import PatchSource, variation_of
from napari_unetpp.train.encoder_weights import start_encoder
from napari_unetpp.train.parent import start_from
from napari_unetpp.train.precision import training_format
from napari_unetpp.train.scratch.checkpoint import Checkpoint
from napari_unetpp.train.scratch.loop import Fit, FitOptions
from napari_unetpp.train.scratch.plan import Plan
from napari_unetpp.train.scratch.request import DEFAULT_MINUTES, DEFAULT_PATCH, TrainRequest


def make_fit(plan: Plan, before: Checkpoint | None) -> Fit:
    """The loop of a plan; `before`: it goes on there."""
    device, dtype = _device(plan.request, before)
    torch.manual_seed(plan.request.seed)  # initial weights
    net = UNetPlusPlus(plan.info.net)
    if plan.parent is not None:
        start_from(net, plan.info, plan.parent)
    elif plan.info.net.encoder:
        start_encoder(net)
    fit = Fit(net, _patches(plan, device), plan.info, options(plan, device, dtype))
    if before is not None:
        fit.restore(before)
    return fit


def options(plan: Plan, device: str, dtype: str) -> FitOptions:
    """How long and how to train."""
    request, info = plan.request, plan.info
    whole = ceil(info.sampling.value) if info.sampling.kind == "frame" else None
    patch = request.patch or whole or DEFAULT_PATCH
    per_epoch = max(1, len(plan.data.train) // request.batch)
    steps = request.epochs * per_epoch if request.epochs else inf
    megapixels = request.megapixels or inf
    minutes = request.minutes or (DEFAULT_MINUTES if steps == megapixels == inf else inf)
    return FitOptions(
        megapixels=megapixels,
        seconds=60 * minutes,
        steps=steps,
        patch=patch,
        batch=request.batch,
        rate=request.rate,
        look_megapixels=schedule.look_megapixels(min(megapixels, steps * request.batch * patch**2 / 1e6)),
        device=device,
        dtype=dtype,
        grow=plan.parent is None and len(info.net.levels) > 1,
    )


def _device(request: TrainRequest, before: Checkpoint | None) -> tuple[str, str]:
    """Device and number format; a run that goes on keeps its format unless another one is asked for."""
    device = choose_device(request.device).device
    known = before is not None and before.machine.get("device") == device
    if before is not None and known and request.precision == "auto":
        return device, str(before.machine["dtype"])
    return device, training_format(device, request.precision)


def _patches(plan: Plan, device: str) -> PatchSource:
    """Patches of the images to learn from."""
    rng, info, train = np.random.default_rng(plan.request.seed), plan.info, list(plan.data.train)
    if info.sampling.kind == "frame":
        train += folded(train, rng)
    return PatchSource(train, info, rng, variation_of(info), device=device, shares=plan.request.shares)
