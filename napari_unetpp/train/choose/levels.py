"""Predictions and scores of every level on held-out images; the recommended level; comparison of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpp._types import LevelScores, ModelInfo, ScoreSet
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.device import prepare
from napari_unetpp.engine.input.sampling import resample, resample_labels
from napari_unetpp.engine.input.scale import choose_scale
from napari_unetpp.engine.memory import enough_memory
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.scores import Matches, class_dice_iou, dice_iou, match_objects
from napari_unetpp.train.data.samples import Sample

LEVEL_MARGIN = 0.01
"""The recommended level is the shallowest within this of the best."""

NOISE = 0.002
"""Smaller differences of Dice and AP50 are noise."""

NEAR_SIZE = 1.5
"""Images are not resized whose objects are at most this many times larger or smaller than the model's."""

Change = Literal["better", "same", "worse"]


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
        """The same with this level only."""
        return replace(self, levels=(level,), maps=self.maps[[self.levels.index(level)]])


def predict_samples(
    net: UNetPlusPlus,
    samples: Iterable[Sample],
    info: ModelInfo,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> list[Predicted]:
    """Maps of all levels for every sample, each image in one piece; the network computes in `dtype`."""
    folded = prepare(net, device, dtype)
    out = []
    for sample in samples:
        x = torch.from_numpy(sample.image.astype(np.float32)).to(device, dtype)[None]
        x = x.expand(-1, info.net.in_channels, -1, -1).contiguous(memory_format=torch.channels_last)
        height, width = sample.labels.shape
        doing = f"all levels of an image of {width} x {height} px were computed in one piece"
        with enough_memory(doing, "crop the labelled images"), torch.inference_mode():
            heads = [labelling.activate(h.float(), info)[0] for h in folded.all_heads(x)]
        out.append(Predicted(sample, net.levels, torch.stack(heads).half().cpu().numpy()))
    return out


def at_model_size(sample: Sample, info: ModelInfo) -> Sample:
    """The sample on the model's working grid: unchanged, or shrunk or magnified as a whole.

    Only for the sampling rule ``object``, by the median diameter of the sample's objects.
    """
    if info.sampling.kind != "object" or sample.diameter is None:
        return sample
    scale = choose_scale(info.sampling, sample.labels.shape, diameter=sample.diameter)
    if 1 / NEAR_SIZE <= scale <= NEAR_SIZE:
        return sample
    image = resample(np.moveaxis(sample.image, 0, -1).astype(np.float32), scale)
    shape = (image.shape[0], image.shape[1])
    return replace(
        sample,
        image=np.moveaxis(image, -1, 0).astype(np.float16),
        labels=resample_labels(sample.labels, shape),
        ignore=resample_labels(sample.ignore, shape),
    )


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
    """Mean Dice and IoU over images at one level.

    Of instances before splitting, certainty and minimum size; of semantic models as the labels are shown.
    """
    pairs = []
    for p in predicted:
        shown = labelling.mask if info.task == "instances" else labelling.labels
        found = shown(p.level(level), info)
        if info.task == "semantic" and len(info.classes) > 1:
            pairs.append(class_dice_iou(found, p.sample.labels, p.sample.ignore))
        else:
            pairs.append(dice_iou(found > 0, p.sample.labels > 0, p.sample.ignore))
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


def over_folders(
    predicted: Sequence[Predicted], score: Callable[[Sequence[Predicted]], float | NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The mean of a score over data sets; each counts the same, however many images it has."""
    numbers = sorted({p.sample.folder for p in predicted})
    each = [score([p for p in predicted if p.sample.folder == number]) for number in numbers]
    return np.mean(np.array(each), axis=0)  # type: ignore[no-any-return]


def mean_over_levels(values: Mapping[int, float]) -> float:
    """The mean over all levels, because each of them may be used.

    By the best level alone, early weights would win whose deep levels have not learned yet.
    """
    return sum(values.values()) / len(values)


def recommend_level(scores: ScoreSet, *, margin: float = LEVEL_MARGIN) -> int:
    """The shallowest level within `margin` of the best, by AP50 where defined, else Dice."""
    quality = {d: s.dice if s.ap50 is None else s.ap50 for d, s in scores.levels.items()}
    known = {d: q for d, q in quality.items() if q is not None}
    best = max(known.values())
    return min(d for d, q in known.items() if q >= best - margin)


def is_judged(scores: ScoreSet, info: ModelInfo) -> bool:
    """Whether scores can recommend a level: of instances only AP50 can, as Dice does not see what merges."""
    return info.task != "instances" or any(s.ap50 is not None for s in scores.levels.values())


def compare(before: LevelScores, after: LevelScores) -> Change | None:
    """Compare one level, by AP50 where both have it, else by Dice; None where neither is defined."""
    for old, new in ((before.ap50, after.ap50), (before.dice, after.dice)):
        if old is not None and new is not None:
            return "same" if abs(new - old) <= NOISE else "better" if new > old else "worse"
    return None


def compare_levels(before: ScoreSet, after: ScoreSet) -> dict[int, Change | None]:
    """Compare every level that both have, shallow first."""
    return {
        level: compare(before.levels[level], after.levels[level])
        for level in sorted(before.levels.keys() & after.levels.keys())
    }
