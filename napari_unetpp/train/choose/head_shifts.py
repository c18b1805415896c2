"""Shifts of the heads, so that one decode rule suits all levels.

A shallow head is less sure than a deep one, so a threshold that is right at L4 is too high at L1. A constant
added to a logit changes the probability, keeps the order of the pixels and becomes part of the bias of the
head. So the threshold means the same at every level, and the model needs no further parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from napari_unetpp._types import ModelInfo
from napari_unetpp.train.choose.levels import NOISE, Predicted, mean_dice, over_folders, pooled_ap50

FOREGROUND_SHIFTS = (0.0, 0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1.0, -1.0, 1.25, -1.25, 1.5, -1.5)
SEED_SHIFTS = (0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0, 3.0, -3.0)
"""Logits that may be added to the foreground and to the output that gives the seeds, small ones first."""

Shifts = Mapping[int, Mapping[int, float]]
"""What is added to the logits: by level and output."""


def choose_shifts(predicted: Sequence[Predicted], info: ModelInfo) -> Shifts:
    """The shifts with which every level scores best under the model's decode rule.

    The foreground is shifted by mean Dice, then the output that gives the seeds by pooled AP50, both as the
    mean over data sets. A model of several classes is not shifted: its probabilities depend on each other.
    """
    if info.task == "semantic" and len(info.outputs) > 1:
        return {}
    return {
        level: _best_shifts([p.alone(level) for p in predicted], info, level) for level in info.net.levels
    }


def _best_shifts(predicted: Sequence[Predicted], info: ModelInfo, level: int) -> dict[int, float]:
    def best(output: int, shifts: Sequence[float], score: Callable[[Sequence[Predicted]], float]) -> float:
        shifted = (shift_maps(predicted, {level: {**chosen, output: s}}) for s in shifts)
        scores = [float(over_folders(each, score)) for each in shifted]
        return next(s for s, q in zip(shifts, scores, strict=True) if q >= max(scores) - NOISE)

    chosen: dict[int, float] = {}
    chosen[0] = best(0, FOREGROUND_SHIFTS, lambda p: mean_dice(p, info, level)[0])
    if info.task == "instances" and info.decode.seeds in info.outputs:
        seeds = info.outputs.index(info.decode.seeds)
        chosen[seeds] = best(seeds, SEED_SHIFTS, lambda p: pooled_ap50(p, info, level) or 0.0)
    return chosen


def shift_maps(predicted: Sequence[Predicted], shifts: Shifts) -> list[Predicted]:
    """The predictions of a network whose heads were shifted."""

    def one(p: Predicted) -> Predicted:
        maps = p.maps.copy()
        for level, outputs in shifts.items():
            place = p.levels.index(level)
            for output, shift in outputs.items():
                probability = p.maps[place, output].astype(np.float32)
                # The sigmoid of a shifted logit, without the logit itself, which is infinite for 0 and 1.
                raised = probability * np.float32(np.exp(shift))
                maps[place, output] = raised / (1 - probability + raised)
        return replace(p, maps=maps)

    return [one(p) for p in predicted]


def shift_heads(tensors: Mapping[str, Tensor], shifts: Shifts) -> dict[str, Tensor]:
    """A network's tensors (copies where changed) with the biases of its heads shifted."""
    out = dict(tensors)
    for level, outputs in shifts.items():
        name = f"heads.{level - 1}.bias"
        bias = out[name].clone()
        for output, shift in outputs.items():
            bias[output] += shift
        out[name] = bias
    return out
