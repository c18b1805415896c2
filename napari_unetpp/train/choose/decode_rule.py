"""The decode rule of a model, chosen on held-out images.

Every object is a union of basins (see `engine.decode.watershed`), so the overlaps of basins with true objects
are counted once, and many rules are tried in the time of one.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import EDGE_CAP, DecodeRule, ModelInfo
from napari_unetpp.engine.decode import labelling
from napari_unetpp.train.choose.levels import NOISE, Predicted, mean_dice, over_folders
from napari_unetpp.train.choose.scores import Matches, common_pixels, count_matches

THRESHOLDS = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)

SEED_THRESHOLDS: Mapping[str, tuple[float, ...]] = {
    "boundary": (0.4, 0.5, 0.6, 0.7),
    "object_border": (0.4, 0.5, 0.6, 0.7),
    "distance": (0.35, 0.45, 0.55, 0.65),
    "centre": (0.35, 0.45, 0.55, 0.65),
    "mask": (0.5, 0.65, 0.8),
}
"""Connected parts above these are tried as seeds."""

PEAK_THRESHOLD, PEAKS = 0.2, (0.02, 0.05)
"""Also tried as seeds: peaks that reach the threshold and have one of these prominences."""

EDGE_PIXELS, EDGE_SHARES = (0.5, 1.0, 1.5, 2.0), (0.0, 0.06, 0.12, 0.2)
"""Prominences that are tried for ``edge_distance``: in px, and as a share of the height of the peak."""

SIZES, SPECK = 8, 8
"""Number of minimum sizes that are tried, and the smallest of them (px): less is a speck, certain or not."""

CERTAINTIES = (0.0, 1.0, 1.5, 2.0, 2.5, 3.0)
"""Logits above the threshold that the surest pixel of an object is asked for."""


def choose_decode(predicted: Sequence[Predicted], info: ModelInfo) -> DecodeRule:
    """The decode rule with the best scores on held-out images: the mean over data sets and levels.

    The threshold is chosen by Dice. Then, for instances, seeds, prominence, certainty and minimum size
    together by AP50; for semantic models the certainty of a part of the foreground, by Dice. Of rules as good
    as the best the simplest is taken, with the smallest minimum size, because small objects may be wanted.
    The first level does not count: its head is shifted to fit the rule (see `head_shifts`).
    """
    levels = info.net.levels[1:] or info.net.levels

    def dice(rule: DecodeRule) -> float:
        model = replace(info, decode=rule)
        each = over_folders(predicted, lambda p: np.array([mean_dice(p, model, d)[0] for d in levels]))
        return float(each.mean())

    best = max((replace(info.decode, threshold=t) for t in THRESHOLDS), key=dice)
    if info.task == "semantic":
        scored = {certainty: dice(replace(best, certainty=certainty)) for certainty in CERTAINTIES}
        good = max(scored.values()) - NOISE
        return replace(best, certainty=next(c for c, score in scored.items() if score >= good))
    told_apart = [p for p in predicted if p.sample.objects]
    if not told_apart:
        return best
    sizes = min_sizes(np.concatenate([p.sample.areas for p in told_apart]))
    found = {
        replace(rule, certainty=certainty): scores[n]
        for rules in seed_rules(best, info.outputs)
        for rule, scores in zip(rules, ap50_of_rules(told_apart, info, levels, rules, sizes), strict=True)
        for n, certainty in enumerate(CERTAINTIES)
    }
    good = max(float(scores.max()) for scores in found.values()) - NOISE
    best, scores = next((rule, scores) for rule, scores in found.items() if scores.max() >= good)
    return replace(best, min_size=next(n for n, score in zip(sizes, scores, strict=True) if score >= good))


def seed_rules(base: DecodeRule, outputs: tuple[str, ...]) -> list[list[DecodeRule]]:
    """Rules for seeds, simple ones first; the rules of a group share one landscape.

    For a model with ``edge_distance`` nothing else is tried: it separates objects best
    (docs/how-it-works.md).
    """
    if "edge_distance" in outputs:
        rises = itertools.product(EDGE_SHARES, EDGE_PIXELS)
        return [[_rule(base, "edge_distance", 0.0, px / EDGE_CAP, share) for share, px in rises]]
    groups = []
    for name, thresholds in SEED_THRESHOLDS.items():
        if name == "mask" or name in outputs:
            groups.append([_rule(base, name, threshold, 0.0, 0.0) for threshold in thresholds])
            groups.append([_rule(base, name, PEAK_THRESHOLD, peak, 0.0) for peak in PEAKS])
    return groups


def _rule(base: DecodeRule, name: str, threshold: float, prominence: float, share: float) -> DecodeRule:
    return replace(
        base,
        seeds=name,  # type: ignore[arg-type]
        seed_threshold=threshold,
        prominence=prominence,
        prominence_share=share,
    )


def min_sizes(areas: NDArray[np.integer]) -> tuple[int, ...]:
    """Minimum sizes (px) to try for objects of these areas: up to half of the median, most of them small."""
    half = float(np.median(areas)) / 2
    return tuple(sorted({max(SPECK, round(half * (n / (SIZES - 1)) ** 2)) for n in range(SIZES)}))


def ap50_of_rules(
    predicted: Sequence[Predicted],
    info: ModelInfo,
    levels: Sequence[int],
    rules: Sequence[DecodeRule],
    sizes: Sequence[int],
) -> NDArray[np.float64]:
    """AP50 of rules of one landscape, the mean over data sets and levels.

    Of shape (rules, certainties, sizes), for all `CERTAINTIES` and these minimum sizes.
    """
    model = replace(info, decode=rules[0])

    def pooled(images: Sequence[Predicted]) -> NDArray[np.float64]:
        values = []
        for level in levels:
            overlaps = (Overlaps(p.level(level), model, p.sample.labels, p.sample.ignore) for p in images)
            counts = [[each.matches(rule, sizes) for rule in rules] for each in overlaps]
            by_rule = zip(*counts, strict=True)
            values.append([[_pooled(one) for one in zip(*rule, strict=True)] for rule in by_rule])
        mean: NDArray[np.float64] = np.mean(values, axis=0)
        return mean.reshape(len(rules), len(CERTAINTIES), len(sizes))

    return over_folders(predicted, pooled)


def _pooled(counts: Sequence[Matches]) -> float:
    """AP50 over all images; 0 without any true or found object."""
    return sum(counts, Matches()).ap50 or 0.0


class Overlaps:
    """The basins of one image at one level, and the true objects under them.

    Parameters
    ----------
    maps : ndarray of float32, shape (K, Y, X)
    info : ModelInfo
        Its rule decides the landscape and the foreground.
    labels, ignore : ndarray of int and bool, shape (Y, X)
        True objects, and pixels that are left out.
    """

    def __init__(
        self,
        maps: NDArray[np.float32],
        info: ModelInfo,
        labels: NDArray[np.int32],
        ignore: NDArray[np.bool_],
    ) -> None:
        found = labelling.mask(maps, info)
        self._basins = labelling.basins_of(maps, info, found, found)
        true, counts = np.where(ignore, 0, labels).ravel(), ~ignore.ravel()[self._basins.pixels]
        basin = self._basins.basin
        self._true_size = np.bincount(true)
        self._area = np.bincount(basin, minlength=len(self._basins.peaks))
        probability = labelling.foreground(maps, info).sum(axis=0).ravel()[self._basins.pixels]
        self._surest = np.zeros(len(self._basins.peaks), np.float32)
        np.maximum.at(self._surest, basin, probability)
        self._counted = np.bincount(basin[counts], minlength=len(self._basins.peaks))
        self._common = common_pixels(basin[counts], true[self._basins.pixels][counts])

    def matches(self, rule: DecodeRule, min_sizes: Sequence[int]) -> list[Matches]:
        """Matches with the prominence of a rule, for all `CERTAINTIES` and each of these minimum sizes."""
        number = self._basins.objects(rule)
        area, counted = (np.bincount(number, of) for of in (self._area, self._counted))
        basin, true, pixels = self._common
        found, true, pixels = common_pixels(number[basin], true, pixels)
        surest = np.zeros(area.size, np.float32)
        np.maximum.at(surest, number, self._surest)
        matches = []
        for certainty, size in itertools.product(CERTAINTIES, min_sizes):
            kept = (area >= size) & (surest >= replace(rule, certainty=certainty).sure_from)
            there = kept[found]
            sizes = np.where(kept, counted, 0), self._true_size
            matches.append(count_matches(found[there], true[there], pixels[there], *sizes))
        return matches
