"""What is told of a training while it runs: scores of the averaged weights, and which of them were best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from napari_unetpp._types import ModelInfo
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.levels import Predicted, mean_dice, middle, pooled_ap50, predict_samples
from napari_unetpp.train.choose.model_size import at_model_size
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.scratch.loop import Progress

IMAGES, FEWEST, CROP = 16, 3, 512
"""A look is at the middles (px) of so many held-out images together, of each folder at least so many."""


@dataclass(frozen=True, slots=True)
class LookScores:
    """Scores of one look, by level: the mean over the folders.

    Attributes
    ----------
    dice, ap50 : mapping from level to float
        Empty where they are undefined.
    folders : mapping from number to mapping
        The same of every folder with held-out images: ``{"dice": ..., "ap50": ...}``.
    """

    dice: Mapping[int, float]
    ap50: Mapping[int, float]
    folders: Mapping[int, Mapping[str, Mapping[int, float]]]

    @property
    def quality(self) -> float | None:
        """The mean over all levels, since every level counts: of AP50 where it is defined, else of Dice."""
        values = list((self.ap50 or self.dice).values())
        return sum(values) / len(values) if values else None


def live_subset(held: Sequence[Sample], info: ModelInfo) -> list[Sample]:
    """The middles of some held-out images of every folder, spread evenly, at the model's size of objects."""
    chosen: list[Sample] = []
    folders = sorted({sample.folder for sample in held})
    for folder in folders:
        inside = [sample for sample in held if sample.folder == folder]
        count = min(len(inside), max(FEWEST, round(IMAGES / len(folders))))
        chosen += [inside[n * len(inside) // count] for n in range(count)]
    return [middle(at_model_size(sample, info), CROP) for sample in chosen]


def look(
    net: UNetPlusPlus, subset: Sequence[Sample], info: ModelInfo, *, device: str, dtype: str
) -> LookScores:
    """Scores of all levels on the subset, with the model's decode rule; nothing random, nothing changed."""
    chosen = getattr(torch, dtype)
    with torch.autocast(device, chosen, enabled=chosen != torch.float32):
        predicted = predict_samples(net, subset, info, device=device)
    return mean_scores(predicted, info)


def mean_scores(predicted: Sequence[Predicted], info: ModelInfo) -> LookScores:
    """Scores of each folder on its own, and their mean."""
    folders = {
        folder: _scores([p for p in predicted if p.sample.folder == folder], info)
        for folder in sorted({p.sample.folder for p in predicted})
    }
    dice, ap50 = (_mean([scores[name] for scores in folders.values()]) for name in ("dice", "ap50"))
    return LookScores(dice, ap50, folders)


def _scores(predicted: Sequence[Predicted], info: ModelInfo) -> dict[str, dict[int, float]]:
    ap50 = {level: pooled_ap50(predicted, info, level) for level in info.net.levels}
    return {
        "dice": {level: mean_dice(predicted, info, level)[0] for level in info.net.levels},
        "ap50": {level: value for level, value in ap50.items() if value is not None},
    }


def _mean(each: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """Level by level, over those that have scores."""
    known = [scores for scores in each if scores]
    return {level: sum(s[level] for s in known) / len(known) for level in (known[0] if known else ())}


def line(event: Progress, scores: LookScores | None = None) -> str:
    """One line for people."""
    text = (
        f"{100 * event.progress:3.0f} %  {event.seconds / 60:6.1f} min  {event.megapixels:8.1f} megapixels  "
        f"loss {event.loss:.4f}"
    )
    if scores is None:
        return text
    values, name = (scores.ap50, "AP50") if scores.ap50 else (scores.dice, "Dice")
    return f"{text}  {name} " + ("  ".join(f"L{d} {v:.3f}" for d, v in values.items()) or "no validation")


def entry(event: Progress, scores: LookScores, names: Sequence[str]) -> dict[str, Any]:
    """The same as plain values, for ``train --json``."""
    return {
        "step": event.step,
        "megapixels": event.megapixels,
        "seconds": round(event.seconds, 1),
        "loss": event.loss if event.loss == event.loss else None,
        **asdict(event.stage),
        "dice": dict(scores.dice),
        "ap50": dict(scores.ap50),
        "folders": {names[number]: scores for number, scores in scores.folders.items()},
    }
