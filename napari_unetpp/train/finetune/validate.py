"""What a network says about parts of lessons, and how right it is there, level by level."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_unetpp._types import LevelScores, ModelInfo, Region, ScoreSet
from napari_unetpp.engine.decode import labelling
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.levels import Predicted
from napari_unetpp.train.choose.scores import Matches, class_dice_iou, dice_iou, match_objects
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.finetune.examples import Lesson
from napari_unetpp.train.finetune.held_out import Block, HeldOut

Maps = NDArray[np.float32]

AROUND = 64
"""Pixels around a region that the network sees with it."""

A_TRIAL = 128
"""Side of the region that a look is timed on."""

FEWEST_OBJECTS = 10
"""AP50 of fewer true objects is not given."""

OBJECTS_ACROSS = 4
"""AP50 is given where a block is this many typical objects wide, so that few are cut."""


class Looker:
    """A network ready for inference on one device; batch norms folded away."""

    def __init__(self, net: UNetPlusPlus, info: ModelInfo, device: str) -> None:
        self.info, self.device = info, device
        self.net = net.folded().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def maps(self, lesson: Lesson, region: Region, levels: int) -> Maps:
        """Maps (levels, K, h, w) of levels 1..levels in a region of a lesson."""
        y0, x0 = max(0, region.y0 - AROUND), max(0, region.x0 - AROUND)
        seen = lesson.image[:, y0 : region.y1 + AROUND, x0 : region.x1 + AROUND]
        x = torch.from_numpy(np.ascontiguousarray(seen))[None].to(self.device)
        core = region.shifted(-y0, -x0).slices
        with torch.inference_mode():
            heads = self.net.all_heads(x.contiguous(memory_format=torch.channels_last), levels)
            out = torch.stack([labelling.activate(h, self.info)[0, :, *core] for h in heads])
        maps: Maps = out.float().cpu().numpy()
        return maps


def seconds_per_pixel(looker: Looker, lessons: Sequence[Lesson]) -> float:
    """Seconds that a look at all levels takes per pixel of a region of 256 x 256 px, about.

    Timed on the middle of the largest lesson, after a warm-up.
    """
    lesson = max(lessons, key=lambda lesson: lesson.known.size)
    y, x = (max(0, (n - A_TRIAL) // 2) for n in lesson.shape)
    region = Region(y, x, min(y + A_TRIAL, lesson.shape[0]), min(x + A_TRIAL, lesson.shape[1]))
    looker.maps(lesson, region, looker.info.net.depth)
    begun = time.monotonic()
    looker.maps(lesson, region, looker.info.net.depth)
    seconds = time.monotonic() - begun
    seen = [min(n + 2 * AROUND, whole) for n, whole in zip(region.shape, lesson.shape, strict=True)]
    return seconds / (seen[0] * seen[1]) * (1 + 2 * AROUND / 256) ** 2


@dataclass(frozen=True, eq=False)
class Seen:
    """Maps (levels, K, h, w) of one block, and what is true there."""

    maps: Maps
    lesson: Lesson
    block: Block

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where something is known of the block."""
        return self.lesson.known[self.block.region.slices]

    @property
    def labels(self) -> NDArray[np.int32]:
        """The labels of the block."""
        return self.lesson.labels[self.block.region.slices]

    def predicted(self, info: ModelInfo) -> Predicted:
        """The same as a held-out image of its own; what is not known there is ignored."""
        sample = Sample(
            stem=self.lesson.name,
            image=np.empty((0, *self.known.shape), np.float16),
            labels=self.labels,
            ignore=~self.known,
            objects=bool(self.lesson.whole.any() and self.known.all()),
            kind=(False, False),
        )
        return Predicted(sample, info.net.levels, self.maps.astype(np.float16))


def look(looker: Looker, lessons: Sequence[Lesson], blocks: Sequence[Block], levels: int) -> list[Seen]:
    """Look at blocks, one at a time."""
    return [Seen(looker.maps(lessons[b.lesson], b.region, levels), lessons[b.lesson], b) for b in blocks]


def dice_per_level(seen: Sequence[Seen], info: ModelInfo) -> dict[int, tuple[float, float]]:
    """Dice and IoU of every level, over the known pixels of all blocks together."""
    truth = np.concatenate([s.labels[s.known] for s in seen])
    out = {}
    for level in range(1, len(seen[0].maps) + 1):
        flat = [s.maps[level - 1][:, s.known][:, None] for s in seen]
        maps = np.concatenate(flat, axis=2)  # (K, 1, pixels)
        if info.task == "semantic" and len(info.classes) > 1:
            out[level] = class_dice_iou(labelling.labels(maps, info, min_size=0)[0], truth)
        else:
            out[level] = dice_iou(labelling.mask(maps, info)[0], truth > 0)
    return out


def score(seen: Sequence[Seen], info: ModelInfo, held: HeldOut) -> ScoreSet:
    """Scores of every level on the held-out blocks."""
    dice = dice_per_level(seen, info)
    countable = _objects_count(seen, info)
    levels = {}
    for level, (d, i) in dice.items():
        ap50 = _ap50(seen, info, level) if countable else None
        levels[level] = LevelScores(d, i, ap50, graph.parameters(level, info.net))
    return ScoreSet(f"held out: {held.words}", len({s.block.lesson for s in seen}), levels)


def _objects_count(seen: Sequence[Seen], info: ModelInfo) -> bool:
    """Whether AP50 means something: whole objects, enough of them, in blocks that cut few."""
    if info.task != "instances" or not all((s.lesson.whole.any() and s.known.all()) for s in seen):
        return False
    areas = np.concatenate([_areas(s.labels) for s in seen])
    if areas.size < FEWEST_OBJECTS:
        return False
    diameter = 2 * float(np.sqrt(np.median(areas) / np.pi))
    return all(min(s.block.region.shape) >= OBJECTS_ACROSS * diameter for s in seen)


def _areas(labels: NDArray[np.int32]) -> NDArray[np.int64]:
    return np.unique(labels[labels > 0], return_counts=True)[1]


def _ap50(seen: Sequence[Seen], info: ModelInfo, level: int) -> float | None:
    counts = [match_objects(labelling.labels(s.maps[level - 1], info), s.labels) for s in seen]
    return sum(counts, Matches()).ap50
