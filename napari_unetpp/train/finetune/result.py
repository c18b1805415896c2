"""The result of a fine-tuning: card and weights of the new model, and its file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
from torch import Tensor

from napari_unetpp._types import FinetuneDone, FinetuneRequest, ModelInfo, ScoreSet, UnetppError, UsageError
from napari_unetpp.files.models.model_file import save_finished_model
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.levels import recommend_level
from napari_unetpp.train.finetune.data.examples import Example, object_areas, typical_diameter
from napari_unetpp.train.parent import check_parent

THRESHOLD = 0.5
"""Threshold of a fine-tuned model: neither cross-entropy nor soft Dice gives a reason for another one."""

State = dict[str, Tensor]

TUNED = " tuned"


def card(info: ModelInfo, name: str | None) -> ModelInfo:
    """The card of the new model, without scores, which are measured at the end."""
    decode = replace(info.decode, threshold=THRESHOLD)
    name = name or f"{info.name.removesuffix(TUNED)}{TUNED}"
    return replace(info, name=name, decode=decode, validation=None, test=None, path=None, sha256=None)


def with_usual_scale(info: ModelInfo, examples: Sequence[Example], familiar: bool) -> ModelInfo:
    """The card with the scale of the examples as the usual one, where the search for a scale may mislead.

    It was made for the objects of the parent. So it goes on only where the parent is familiar with the
    images, and nobody gave their scale or their scales differ. Where it ends, the labelled objects tell the
    size that a diameter given later refers to.
    """
    if info.sampling.kind != "object" or (familiar and all(each.scale_searched for each in examples)):
        return info
    scales = [each.scale for each in examples]
    usual = median_low(scales)
    near = info.search.near
    if familiar and not all(1 / near <= scale / usual <= near for scale in scales):
        return info
    diameter = typical_diameter([object_areas(each.labels, each.whole) for each in examples])
    own = info.sampling.value if familiar or diameter is None else diameter
    return replace(info, sampling=replace(info.sampling, usual=usual, value=own))


def with_classes(info: ModelInfo, classes: Sequence[str]) -> ModelInfo:
    """The card with further classes after its own.

    Raises
    ------
    UnetppError
        An instance model, which has one class, or a name that exists already.
    """
    if not classes:
        return info
    if info.task == "instances":
        raise UsageError(
            f"{info.name!r} tells objects of one class apart; classes can be added to semantic models only."
        )
    names = (*info.classes, *classes)
    if len(set(names)) < len(names) or "background" in names:
        raise UsageError(f"classes {', '.join(names)}: every class needs a name of its own.")
    outputs = ("background", *names)
    return replace(info, classes=names, outputs=outputs, net=replace(info.net, outputs=len(outputs)))


def provenance(
    request: FinetuneRequest,
    examples: Sequence[Example],
    *,
    held_out: str,
    steps: int,
    seconds: float,
    device: str,
) -> dict[str, Any]:
    """The provenance of the new model, for its card."""
    return {
        "parent": request.model.sha256,
        "parent_name": request.model.name,
        "corrections": len(request.planes),
        "certain_pixels": sum(int(np.count_nonzero(example.certain)) for example in examples),
        "held_out": held_out or None,
        "steps": steps,
        "seconds": round(seconds, 1),
        "seed": request.seed,
        "device": device,
        "created": time.strftime("%Y-%m-%d"),
        "versions": {name: version(name) for name in ("torch", "monai", "numpy")},
    }


def quality(scores: ScoreSet) -> float:
    """AP50 where defined, else Dice, at the level that these scores recommend."""
    values = scores.levels[recommend_level(scores)]
    return (values.dice or 0.0) if values.ap50 is None else values.ap50


def dice(scores: ScoreSet | None) -> dict[int, float]:
    """Dice by level; empty without scores."""
    levels = scores.levels if scores else {}
    return {level: values.dice for level, values in levels.items() if values.dice is not None}


def weights(net: UNetPlusPlus) -> State:
    """A copy of the weights on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in net.state_dict().items()}


def rounded(state: State) -> State:
    """Weights with the precision of a model file (float16 where that is finite), which are then scored."""
    return {
        name: t if not t.is_floating_point() or not bool((h := t.half()).isfinite().all()) else h.float()
        for name, t in state.items()
    }


def check_examples(examples: Sequence[Example]) -> None:
    """Raise UnetppError where there is nothing to learn from the labels."""
    if not examples or not any(example.certain.any() for example in examples):
        raise UnetppError("no pixel is labelled: paint some corrections, or let labels count as reviewed.")
    if any(example.soft.any() for example in examples):
        return  # the parent's prediction has foreground and background
    for wanted, name, cure in (
        (True, "foreground", "Label some objects"),
        (False, "background", "Label some background, and name its label value"),
    ):
        if not any((example.certain & ((example.labels > 0) == wanted)).any() for example in examples):
            raise UnetppError(f"no pixel is labelled as {name}, so there is nothing to tell apart. {cure}.")


def write(done: FinetuneDone, out: Path, parent: ModelInfo, *, overwrite: bool) -> FinetuneDone:
    """Write the new model, whole or not at all; the returned card has the path of its file.

    If another process made `out` meanwhile and it may not be overwritten, the model gets a similar name.
    """
    check_parent(out, parent)
    return replace(done, info=save_finished_model(out, done.tensors, done.info, overwrite=overwrite))
