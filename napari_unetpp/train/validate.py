"""Scores of every level on held-out images, and the decisions that are made on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpp._types import DecodeRule, LevelScores, ModelInfo, ScoreSet
from napari_unetpp.engine import decode
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.samples import Sample
from napari_unetpp.train.scores import Matches, class_dice_iou, dice_iou, match_objects

LEVEL_MARGIN = 0.01
"""The recommended level is the shallowest within this of the best (DESIGN, scores)."""

THRESHOLDS = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)
SEED_THRESHOLDS = {
    "boundary": (0.4, 0.5, 0.6, 0.7),
    "distance": (0.35, 0.45, 0.55, 0.65),
    "centre": (0.35, 0.45, 0.55, 0.65),
    "mask": (0.5, 0.65, 0.8),
}
PEAK_THRESHOLD = 0.2
PROMINENCES = (0.02, 0.05)
MIN_SIZES = (0, 15, 30)


@dataclass(frozen=True, eq=False)
class Predicted:
    """The maps of all levels of one held-out image: float16, shape (levels, K, Y, X)."""

    sample: Sample
    levels: tuple[int, ...]
    maps: NDArray[np.float16]

    def level(self, level: int) -> NDArray[np.float32]:
        """Maps (K, Y, X) of one level."""
        maps: NDArray[np.float32] = self.maps[self.levels.index(level)].astype(np.float32)
        return maps


def predict_samples(
    net: UNetPlusPlus,
    samples: Iterable[Sample],
    info: ModelInfo,
    *,
    device: str = "cpu",
    crop: int | None = None,
) -> list[Predicted]:
    """Maps of all levels for every sample, each image in one piece (or its middle `crop` x `crop` px)."""
    folded = net.folded().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    out = []
    for sample in samples:
        sample = sample if crop is None else middle(sample, crop)
        x = torch.from_numpy(sample.image.astype(np.float32)).to(device)[None]
        x = x.expand(-1, info.net.in_channels, -1, -1).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            heads = [decode.activate(h, info)[0] for h in folded.all_heads(x)]
        out.append(Predicted(sample, net.levels, torch.stack(heads).half().cpu().numpy()))
    return out


def middle(sample: Sample, size: int) -> Sample:
    """The middle of a sample, at most `size` px on each side."""
    starts = [max(0, (n - size) // 2) for n in sample.labels.shape]
    part = tuple(slice(s, s + size) for s in starts)
    return replace(
        sample,
        image=sample.image[:, *part],
        labels=sample.labels[part],
        ignore=sample.ignore[part],
    )


def mean_dice(predicted: Sequence[Predicted], info: ModelInfo, level: int) -> tuple[float, float]:
    """Mean Dice and IoU over images at one level, before splitting and minimum size."""
    pairs = []
    for p in predicted:
        found = decode.mask(p.level(level), info)
        if info.task == "semantic" and len(info.classes) > 1:
            classes = decode.foreground(p.level(level), info).argmax(axis=0) + 1
            pairs.append(class_dice_iou(np.where(found, classes, 0), p.sample.labels, p.sample.ignore))
        else:
            pairs.append(dice_iou(found, p.sample.labels > 0, p.sample.ignore))
    return float(np.mean([d for d, _ in pairs])), float(np.mean([i for _, i in pairs]))


def pooled_ap50(predicted: Sequence[Predicted], info: ModelInfo, level: int) -> float | None:
    """AP50 pooled over the images whose labels tell objects apart; None without any."""
    if info.task != "instances":
        return None
    counts = [
        match_objects(decode.labels(p.level(level), info), p.sample.labels, p.sample.ignore)
        for p in predicted
        if p.sample.objects
    ]
    return sum(counts, Matches()).ap50 if counts else None


def score_levels(predicted: Sequence[Predicted], info: ModelInfo, data: str) -> ScoreSet:
    """Scores of every level with the model's decode rule."""
    levels = {}
    for level in info.net.levels:
        dice, iou = mean_dice(predicted, info, level)
        ap50 = pooled_ap50(predicted, info, level)
        levels[level] = LevelScores(dice, iou, ap50, graph.parameters(level, info.net))
    return ScoreSet(data, len(predicted), levels)


def choose_decode(predicted: Sequence[Predicted], info: ModelInfo) -> DecodeRule:
    """The decode rule that does best on held-out images.

    The threshold by Dice, averaged over the levels after the first; then seeds and minimum size by
    AP50 of the deepest.
    """
    levels = info.net.levels[1:] or info.net.levels

    def dice(rule: DecodeRule) -> float:
        return float(np.mean([mean_dice(predicted, replace(info, decode=rule), d)[0] for d in levels]))

    best = max((replace(info.decode, threshold=t) for t in THRESHOLDS), key=dice)
    if info.task != "instances" or not any(p.sample.objects for p in predicted):
        return best

    def ap50(rule: DecodeRule) -> float:
        return pooled_ap50(predicted, replace(info, decode=rule), info.net.depth) or 0.0

    seeds = [
        replace(best, seeds=name, seed_threshold=t, prominence=p)  # type: ignore[arg-type]
        for name, thresholds in SEED_THRESHOLDS.items()
        if name == "mask" or name in info.outputs
        for t, p in [*((t, 0.0) for t in thresholds), *((PEAK_THRESHOLD, p) for p in PROMINENCES)]
    ]
    best = max(seeds, key=ap50)
    return max((replace(best, min_size=n) for n in MIN_SIZES), key=ap50)


def recommend_level(scores: ScoreSet, *, margin: float = LEVEL_MARGIN) -> int:
    """The shallowest level within `margin` of the best, by AP50 where defined, else Dice."""
    quality = {d: s.dice if s.ap50 is None else s.ap50 for d, s in scores.levels.items()}
    known = {d: q for d, q in quality.items() if q is not None}
    best = max(known.values())
    return min(d for d, q in known.items() if q >= best - margin)
