"""Scores of every level on held-out images, and the decisions that are made on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpp._types import DecodeRule, LevelScores, ModelInfo, ScoreSet
from napari_unetpp.engine.decode import labelling
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose import decode_rule as decode_rules
from napari_unetpp.train.choose.judge import WORTH_IT
from napari_unetpp.train.choose.overlaps import Overlaps
from napari_unetpp.train.choose.scores import Matches, class_dice_iou, dice_iou, match_objects
from napari_unetpp.train.data.samples import Sample

LEVEL_MARGIN = 0.01
"""The recommended level is the shallowest within this of the best (DESIGN, scores)."""


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

    def alone(self, level: int) -> Predicted:
        """One level only."""
        return replace(self, levels=(level,), maps=self.maps[[self.levels.index(level)]])


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
            heads = [labelling.activate(h, info)[0] for h in folded.all_heads(x)]
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
        found = labelling.mask(p.level(level), info)
        if info.task == "semantic" and len(info.classes) > 1:
            classes = labelling.foreground(p.level(level), info).argmax(axis=0) + 1
            pairs.append(class_dice_iou(np.where(found, classes, 0), p.sample.labels, p.sample.ignore))
        else:
            pairs.append(dice_iou(found, p.sample.labels > 0, p.sample.ignore))
    return float(np.mean([d for d, _ in pairs])), float(np.mean([i for _, i in pairs]))


def pooled_ap50(predicted: Sequence[Predicted], info: ModelInfo, level: int) -> float | None:
    """AP50 pooled over the images whose labels tell objects apart; None without any."""
    if info.task != "instances":
        return None
    counts = [
        match_objects(labelling.labels(p.level(level), info), p.sample.labels, p.sample.ignore)
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
    """The decode rule that does best on held-out images: the mean over data sets and levels after the first.

    The threshold by Dice; then seeds, prominence and minimum size together by AP50. Of rules that are as good
    as the best the simplest is taken, and the smallest minimum size, since somebody may look for small
    objects. The first level does not count: its heads are shifted to suit the rule (`even_levels`).
    """
    levels = info.net.levels[1:] or info.net.levels

    def dice(rule: DecodeRule) -> float:
        model = replace(info, decode=rule)
        each = over_folders(predicted, lambda p: np.array([mean_dice(p, model, d)[0] for d in levels]))
        return float(each.mean())

    best = max((replace(info.decode, threshold=t) for t in decode_rules.THRESHOLDS), key=dice)
    told_apart = [p for p in predicted if p.sample.objects]
    if info.task != "instances" or not told_apart:
        return best
    sizes = decode_rules.min_sizes(np.concatenate([p.sample.areas for p in told_apart]))
    found = {
        rule: scores
        for rules in decode_rules.seed_rules(best, info.outputs)
        for rule, scores in zip(rules, ap50_of_rules(told_apart, info, levels, rules, sizes), strict=True)
    }
    good = max(float(scores.max()) for scores in found.values()) - WORTH_IT
    best, scores = next((rule, scores) for rule, scores in found.items() if scores.max() >= good)
    return replace(best, min_size=next(n for n, score in zip(sizes, scores, strict=True) if score >= good))


def over_folders(
    predicted: Sequence[Predicted], score: Callable[[Sequence[Predicted]], float | NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The mean of a score over data sets, each of which counts alike, however many images it has."""
    numbers = sorted({p.sample.folder for p in predicted})
    each = [score([p for p in predicted if p.sample.folder == number]) for number in numbers]
    return np.mean(np.array(each), axis=0)  # type: ignore[no-any-return]


def ap50_of_rules(
    predicted: Sequence[Predicted],
    info: ModelInfo,
    levels: Sequence[int],
    rules: Sequence[DecodeRule],
    sizes: Sequence[int],
) -> NDArray[np.float64]:
    """AP50 of rules of one landscape by minimum size: (rules, sizes), the mean over data sets and levels."""
    model = replace(info, decode=rules[0])

    def pooled(images: Sequence[Predicted]) -> NDArray[np.float64]:
        values = []
        for level in levels:
            overlaps = (Overlaps(p.level(level), model, p.sample.labels, p.sample.ignore) for p in images)
            counts = [[each.matches(rule, sizes) for rule in rules] for each in overlaps]
            by_rule = zip(*counts, strict=True)
            values.append([[_pooled(size) for size in zip(*rule, strict=True)] for rule in by_rule])
        return np.mean(values, axis=0)  # type: ignore[no-any-return]

    return over_folders(predicted, pooled)


def _pooled(counts: Sequence[Matches]) -> float:
    """AP50 over all images; without any object on either side nothing is found, and nothing is wrong."""
    return sum(counts, Matches()).ap50 or 0.0


def recommend_level(scores: ScoreSet, *, margin: float = LEVEL_MARGIN) -> int:
    """The shallowest level within `margin` of the best, by AP50 where defined, else Dice."""
    quality = {d: s.dice if s.ap50 is None else s.ap50 for d, s in scores.levels.items()}
    known = {d: q for d, q in quality.items() if q is not None}
    best = max(known.values())
    return min(d for d, q in known.items() if q >= best - margin)
