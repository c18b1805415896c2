"""Predictions of parts of examples, and their scores, level by level."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpp._types import LevelScores, ModelInfo, Region, ScoreSet, StoppingRule
from napari_unetpp.engine.decode import labelling
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.auto import TOLERANCE, choose_stopping
from napari_unetpp.train.choose.levels import Predicted
from napari_unetpp.train.choose.scores import Matches, class_dice_iou, dice_iou, match_objects
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.finetune.data.examples import Bools, Example
from napari_unetpp.train.finetune.data.held_out import HeldOut, HeldOutBlock

Maps = NDArray[np.float32]

AROUND = 64
"""Pixels around a region that the network sees with it."""

TIMED_SIDE = 128
"""Side of the region whose prediction is timed."""

FEWEST_OBJECTS = 10
"""With fewer true objects AP50 is undefined."""

OBJECTS_ACROSS = 4
"""AP50 is defined if all blocks are this many typical objects wide, so that few objects are cut."""

FEWEST_FOR_AUTO = 100_000
"""Fewest held-out certain pixels for a stopping rule: with fewer, 0.003 of Dice is chance."""


class Predictor:
    """A network on one device, with its batch norms folded."""

    def __init__(self, net: UNetPlusPlus, info: ModelInfo, device: str) -> None:
        self.info, self.device = info, device
        self.net = net.folded().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def maps(self, example: Example, region: Region, levels: int) -> Maps:
        """Maps (levels, K, h, w) of levels 1..levels in a region of an example."""
        around = region.grown(AROUND, example.shape)
        x = torch.from_numpy(np.ascontiguousarray(example.image[:, *around.slices]))[None].to(self.device)
        core = region.relative_to(around).slices
        with torch.inference_mode():
            heads = self.net.all_heads(x.contiguous(memory_format=torch.channels_last), levels)
            out = torch.stack([labelling.activate(h, self.info)[0, :, *core] for h in heads])
        maps: Maps = out.float().cpu().numpy()
        return maps


def seconds_per_pixel(predictor: Predictor, examples: Sequence[Example]) -> float:
    """Seconds that all levels take per pixel of a region of 256 x 256 px, about.

    Timed on the middle of the largest example, after a warm-up.
    """
    example = max(examples, key=lambda example: example.certain.size)
    y, x = (max(0, (n - TIMED_SIDE) // 2) for n in example.shape)
    region = Region(y, x, y + TIMED_SIDE, x + TIMED_SIDE).clipped(Region.whole(example.shape))
    predictor.maps(example, region, predictor.info.net.depth)
    begun = time.monotonic()
    predictor.maps(example, region, predictor.info.net.depth)
    seconds = time.monotonic() - begun
    height, width = region.grown(AROUND, example.shape).shape
    return seconds / (height * width) * (1 + 2 * AROUND / 256) ** 2


@dataclass(frozen=True, eq=False)
class BlockPrediction:
    """Maps (levels, K, h, w) of one held-out block, and its labels."""

    maps: Maps
    example: Example
    block: HeldOutBlock

    @property
    def certain(self) -> Bools:
        """Where the labels of the block are certain."""
        return self.example.certain[self.block.region.slices]

    @property
    def labels(self) -> NDArray[np.int32]:
        """The labels of the block."""
        return self.example.labels[self.block.region.slices]

    @property
    def has_objects(self) -> bool:
        """Whether its labels tell objects apart and are certain everywhere."""
        return bool(self.example.whole.any() and self.certain.all())

    def as_predicted(self, info: ModelInfo) -> Predicted:
        """The block as a held-out image; pixels that are not certain are ignored."""
        sample = Sample(
            stem=self.example.name,
            image=np.empty((0, *self.certain.shape), np.float16),
            labels=self.labels,
            ignore=~self.certain,
            objects=self.has_objects,
            kind=(False, False),
        )
        return Predicted(sample, info.net.levels, self.maps.astype(np.float16))


def predict_blocks(
    predictor: Predictor, examples: Sequence[Example], blocks: Sequence[HeldOutBlock], levels: int
) -> list[BlockPrediction]:
    """Predict blocks, one at a time."""
    return [
        BlockPrediction(predictor.maps(examples[b.example], b.region, levels), examples[b.example], b)
        for b in blocks
    ]


def dice_per_level(blocks: Sequence[BlockPrediction], info: ModelInfo) -> dict[int, tuple[float, float]]:
    """Dice and IoU of every level, over the certain pixels of all blocks together."""
    truth = np.concatenate([b.labels[b.certain] for b in blocks])
    out = {}
    for level in range(1, len(blocks[0].maps) + 1):
        flat = [b.maps[level - 1][:, b.certain][:, None] for b in blocks]
        maps = np.concatenate(flat, axis=2)  # (K, 1, pixels)
        if info.task == "semantic" and len(info.classes) > 1:
            every = replace(info.decode, min_size=0, certainty=0.0)
            out[level] = class_dice_iou(labelling.labels(maps, info, every)[0], truth)
        else:
            out[level] = dice_iou(labelling.mask(maps, info)[0], truth > 0)
    return out


def score(blocks: Sequence[BlockPrediction], info: ModelInfo, held_out: HeldOut) -> ScoreSet:
    """Scores of every level on the held-out blocks."""
    countable = _objects_count(blocks, info)
    levels = {}
    for level, (dice, iou) in dice_per_level(blocks, info).items():
        ap50 = _ap50(blocks, info, level) if countable else None
        levels[level] = LevelScores(dice, iou, ap50, graph.parameters(level, info.net))
    return ScoreSet(f"held out: {held_out.description}", len({b.block.example for b in blocks}), levels)


def _objects_count(blocks: Sequence[BlockPrediction], info: ModelInfo) -> bool:
    """Whether AP50 is defined: certain objects, enough of them, in blocks that cut few."""
    if info.task != "instances" or not all(b.has_objects for b in blocks):
        return False
    areas = np.concatenate([_areas(b.labels) for b in blocks])
    if areas.size < FEWEST_OBJECTS:
        return False
    diameter = 2 * float(np.sqrt(np.median(areas) / np.pi))
    return all(min(b.block.region.shape) >= OBJECTS_ACROSS * diameter for b in blocks)


def _areas(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.unique(labels[labels > 0], return_counts=True)[1]


def _ap50(blocks: Sequence[BlockPrediction], info: ModelInfo, level: int) -> float | None:
    counts = [match_objects(labelling.labels(b.maps[level - 1], info), b.labels) for b in blocks]
    return sum(counts, Matches()).ap50


def stopping_rule(blocks: Sequence[BlockPrediction], info: ModelInfo) -> tuple[StoppingRule | None, str]:
    """The stopping rule of a fine-tuned model, from held-out blocks; or None and the reason."""
    certain = sum(int(np.count_nonzero(b.certain)) for b in blocks)
    if certain < FEWEST_FOR_AUTO:
        return None, f"its rule needs {FEWEST_FOR_AUTO:,} held-out labelled pixels, here are {certain:,}"
    rule = choose_stopping([b.as_predicted(info) for b in blocks], info)
    return rule, "" if rule else f"no rule stays within {TOLERANCE:g} Dice of the deepest level for less work"
