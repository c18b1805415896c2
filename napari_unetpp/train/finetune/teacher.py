"""What the parent says of the lessons, and how far it is to be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import ModelInfo, Region
from napari_unetpp.engine.decode import labelling
from napari_unetpp.train.choose.scores import class_dice_iou, dice_iou
from napari_unetpp.train.finetune.examples import Lesson, narrowed
from napari_unetpp.train.finetune.validate import Looker

TILE = 512
REACH = 128
"""The parent is asked within this many pixels of a labelled one: patches reach no further."""

MOST = 2_500_000
"""Pixels the parent is asked about in all, about; the rest of very large planes does not count."""

A_LOOK = 260_000
"""Pixels that suffice to judge the parent where it does not teach."""

TRUST_AT_LEAST = 0.1
"""Where nothing is known the parent counts this much even if it is wrong wherever the user looked."""

Maps = NDArray[np.float32]


class Teacher:
    """The parent's maps of the lessons, and its agreement with the labels.

    Parameters
    ----------
    looker : Looker
    lessons : sequence of Lesson
    rng : Generator
    affordable : float
        Pixels that there is time to ask about; at least one tile is. Of a lesson that is not asked about,
        only the labels count.

    Attributes
    ----------
    maps : list of ndarray of float32, shape (K, Y, X)
        0 where the parent was not asked; there `lessons` are not open.
    lessons : list of Lesson
    soft : list of float
        Weight of the parent's word in the open part of each lesson.
    dice : float
        Of the parent on the labels (of corrections: the whole copy) it was asked about, at its
        recommended level.
    """

    def __init__(
        self, looker: Looker, lessons: Sequence[Lesson], rng: np.random.Generator, affordable: float = inf
    ) -> None:
        self.info: ModelInfo = looker.info
        self.maps: list[Maps] = []
        self.lessons: list[Lesson] = []
        asked: list[NDArray[np.bool_]] = []
        budget: float = MOST if any(_teaches(lesson) for lesson in lessons) else A_LOOK
        budget = min(max(budget, len(lessons) * TILE**2), affordable)
        tile = tile_side(budget / max(1, len(lessons)))
        left = max(budget, tile**2)
        for number, lesson in enumerate(lessons):
            share = left / (len(lessons) - number)
            maps, known = _ask(looker, lesson, tile, share if left >= tile**2 else 0, rng)
            left -= float(np.count_nonzero(known))
            self.maps.append(maps)
            asked.append(known)
            self.lessons.append(narrowed(lesson, asked=known))
        self.dice = self._dice(asked)
        self.soft = [self._trust(n, known) for n, known in enumerate(asked)]

    def _dice(self, asked: Sequence[NDArray[np.bool_]]) -> float:
        """Over all labelled pixels together.

        Corrections lie where the parent was wrong (an erased object says nothing of those it found), so
        that a corrected copy counts as a whole.
        """
        found, truth = [], []
        for lesson, maps, seen in zip(self.lessons, self.maps, asked, strict=True):
            where = (lesson.known | lesson.open) & seen
            found.append(self._decoded(maps)[where])
            truth.append(self._truth(lesson)[where])
        return class_dice_iou(np.concatenate(found), np.concatenate(truth))[0]

    def _trust(self, n: int, asked: NDArray[np.bool_]) -> float:
        """Mean of the agreement with what is known and with the labels as a whole.

        Corrections lie where the parent was wrong; the copy around them tells how much of it was kept.
        """
        lesson = self.lessons[n]
        if not lesson.copied:
            return 0.0
        found, truth = self._decoded(self.maps[n]), self._truth(lesson)
        everywhere, _ = dice_iou(found[asked] > 0, truth[asked] > 0)
        where = lesson.known & asked
        certain, _ = dice_iou(found[where] > 0, truth[where] > 0)
        return max(TRUST_AT_LEAST, (everywhere + certain) / 2)

    def _decoded(self, maps: Maps) -> NDArray[np.int64]:
        """Class numbers (Y, X); instances: 0 and 1."""
        if self.info.task == "instances":
            return labelling.mask(maps, self.info).astype(np.int64)
        return labelling.labels(maps, self.info, min_size=0).astype(np.int64)

    def _truth(self, lesson: Lesson) -> NDArray[np.int64]:
        labels = lesson.labels > 0 if self.info.task == "instances" else lesson.labels
        return labels.astype(np.int64)


def _teaches(lesson: Lesson) -> bool:
    return bool((lesson.open | lesson.held).any())


def tile_side(share: float) -> int:
    """Side of the tiles that the parent is asked about, where each lesson has so many pixels."""
    return next((side for side in (TILE, TILE // 2) if side**2 <= share), TILE // 4)


def _ask(
    looker: Looker, lesson: Lesson, side: int, budget: float, rng: np.random.Generator
) -> tuple[Maps, NDArray[np.bool_]]:
    """Maps (K, Y, X) at the recommended level, and where they were asked for: tiles near labelled pixels.

    At least one tile is asked about unless the budget is 0.
    """
    level = looker.info.recommended_level
    maps = np.zeros((len(looker.info.outputs), *lesson.shape), np.float32)
    asked = np.zeros(lesson.shape, bool)
    near = ndimage.maximum_filter(lesson.known[::8, ::8], 2 * REACH // 8 + 1)
    height, width = lesson.shape
    tiles = [
        Region(y, x, min(y + side, height), min(x + side, width))
        for y in range(0, height, side)
        for x in range(0, width, side)
        if near[y // 8 : (y + side) // 8, x // 8 : (x + side) // 8].any()
    ]
    spent = 0
    for n in rng.permutation(len(tiles)) if budget else ():
        tile = tiles[n]
        if spent and spent + tile.shape[0] * tile.shape[1] > budget:
            continue
        maps[:, *tile.slices] = looker.maps(lesson, tile, level)[-1]
        asked[tile.slices] = True
        spent += tile.shape[0] * tile.shape[1]
    return maps, asked
