"""Validation during training: scores of the averaged weights, and the best average so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_unetpp._types import ModelInfo
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.levels import (
    Predicted,
    at_model_size,
    mean_dice,
    mean_over_levels,
    middle,
    pooled_ap50,
    predict_samples,
)
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.scratch.progress.checkpoint import Checkpoint

IMAGES, FEWEST, CROP = 16, 3, 512
"""A validation uses about `IMAGES` held-out images, at least `FEWEST` a folder: their middle `CROP` px."""


@dataclass(frozen=True, slots=True)
class ValidationScores:
    """Scores by level, as the mean over the folders.

    Attributes
    ----------
    dice, ap50 : mapping from level to float
        Empty where they are undefined.
    folders : mapping from number to mapping
        Scores of every folder with held-out images: ``{"dice": ..., "ap50": ...}``.
    """

    dice: Mapping[int, float]
    ap50: Mapping[int, float]
    folders: Mapping[int, Mapping[str, Mapping[int, float]]]

    @property
    def quality(self) -> float | None:
        """The mean over all levels: of AP50 where it is defined, else of Dice."""
        values = self.ap50 or self.dice
        return mean_over_levels(values) if values else None


@dataclass(frozen=True, eq=False)
class BestAverage:
    """The best average so far.

    Attributes
    ----------
    step : int
        When it was validated.
    quality : float or None
        As of `ValidationScores`; None: nothing is held out.
    tensors : mapping from name to Tensor
        State dict of the averaged network, on the CPU.
    """

    step: int
    quality: float | None
    tensors: dict[str, Tensor]

    @classmethod
    def of(cls, checkpoint: Checkpoint | None) -> BestAverage | None:
        """The best average that a checkpoint holds."""
        if checkpoint is None or not checkpoint.best:
            return None
        return cls(checkpoint.best["step"], checkpoint.best["quality"], checkpoint.part("best"))


def better(best: BestAverage | None, step: int, average: UNetPlusPlus, quality: float | None) -> BestAverage:
    """The better of two averages; the later one if they are equal, or if nothing is held out."""
    if best is not None and quality is not None and best.quality is not None and best.quality > quality:
        return best
    tensors = {name: t.detach().cpu().clone() for name, t in average.state_dict().items()}
    return BestAverage(step, quality, tensors)


def validation_samples(held_out: Sequence[Sample], info: ModelInfo) -> list[Sample]:
    """The middles of some held-out images, evenly spread over every folder, at the model's object size."""
    chosen: list[Sample] = []
    folders = sorted({sample.folder for sample in held_out})
    for folder in folders:
        inside = [sample for sample in held_out if sample.folder == folder]
        count = min(len(inside), max(FEWEST, round(IMAGES / len(folders))))
        chosen += [inside[n * len(inside) // count] for n in range(count)]
    return [middle(at_model_size(sample, info), CROP) for sample in chosen]


def validate(
    net: UNetPlusPlus, samples: Sequence[Sample], info: ModelInfo, *, device: str, dtype: str
) -> ValidationScores:
    """Scores of all levels with the model's decode rule; deterministic, and the network is not changed."""
    predicted = predict_samples(net, samples, info, device=device, dtype=getattr(torch, dtype))
    return mean_scores(predicted, info)


def mean_scores(predicted: Sequence[Predicted], info: ModelInfo) -> ValidationScores:
    """Scores of each folder on its own, and their mean."""
    folders = {
        folder: _scores([p for p in predicted if p.sample.folder == folder], info)
        for folder in sorted({p.sample.folder for p in predicted})
    }
    dice, ap50 = (_mean([scores[name] for scores in folders.values()]) for name in ("dice", "ap50"))
    return ValidationScores(dice, ap50, folders)


def _scores(predicted: Sequence[Predicted], info: ModelInfo) -> dict[str, dict[int, float]]:
    ap50 = {level: pooled_ap50(predicted, info, level) for level in info.net.levels}
    return {
        "dice": {level: mean_dice(predicted, info, level)[0] for level in info.net.levels},
        "ap50": {level: value for level, value in ap50.items() if value is not None},
    }


def _mean(each: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """The mean of each level, over the folders that have scores."""
    known = [scores for scores in each if scores]
    return {level: sum(s[level] for s in known) / len(known) for level in (known[0] if known else ())}
