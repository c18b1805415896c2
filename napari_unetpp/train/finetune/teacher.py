"""The parent's predictions for the examples, and the trust in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.decode import labelling
from napari_unetpp.train.choose.scores import dice_iou
from napari_unetpp.train.finetune.data.examples import Bools, Example
from napari_unetpp.train.finetune.familiar import agreement
from napari_unetpp.train.finetune.validate import Maps, Predictor

TILE = 512
REACH = 128
"""The parent predicts within this many pixels of a certain one: patches reach no further."""

MOST = 2_500_000
"""Most pixels that the parent predicts, about; the rest of very large planes is not used."""

FOR_DICE = 260_000
"""Pixels that are enough to score the parent where no example follows it."""

TRUST_AT_LEAST = 0.1
"""Least trust, in a parent that is wrong at all corrected pixels."""


class Teacher:
    """The parent's maps of the examples, and its agreement with the labels.

    Parameters
    ----------
    predictor : Predictor
        The parent.
    examples : sequence of Example
    rng : Generator
    affordable : float
        Pixels that can be predicted in time; at least one tile is predicted. For examples without a
        prediction only the labels count.

    Attributes
    ----------
    maps : list of ndarray of float32, shape (K, Y, X)
        0 where the parent did not predict.
    examples : list of Example
        They follow the parent only where it predicted.
    trust : list of float
        Trust in the parent where the classes of each example follow it.
    agreement : float
        Of the parent at its recommended level, where it predicted, with the labels (for corrections: with the
        whole corrected copy).
    """

    def __init__(
        self,
        predictor: Predictor,
        examples: Sequence[Example],
        rng: np.random.Generator,
        affordable: float = inf,
    ) -> None:
        self.info: ModelInfo = predictor.info
        self.maps: list[Maps] = []
        self.examples: list[Example] = []
        predicted: list[Bools] = []
        budget: float = MOST if any(example.has_soft for example in examples) else FOR_DICE
        budget = min(max(budget, len(examples) * TILE**2), affordable)
        tile = tile_side(budget / max(1, len(examples)))
        left = max(budget, tile**2)
        for number, example in enumerate(examples):
            share = left / (len(examples) - number)
            maps, where = _predict(predictor, example, tile, share if left >= tile**2 else 0, rng)
            left -= float(np.count_nonzero(where))
            self.maps.append(maps)
            predicted.append(where)
            self.examples.append(example.restricted(np.ones(example.shape, bool), soft=where))
        self.agreement = self._agreement(predicted)
        self.trust = [self._trust(n, where) for n, where in enumerate(predicted)]

    def _agreement(self, predicted: Sequence[Bools]) -> float:
        """Agreement of the parent with all labelled pixels together.

        A corrected copy counts as a whole: corrections alone lie where the parent was wrong.
        """
        found, truth = [], []
        for example, maps, where in zip(self.examples, self.maps, predicted, strict=True):
            counts = (example.certain | example.soft) & where
            found.append(self._decoded(maps)[counts])
            truth.append(self._truth(example)[counts])
        return agreement(np.concatenate(found), np.concatenate(truth))

    def _trust(self, n: int, predicted: Bools) -> float:
        """Mean of the Dice on the corrected pixels and on the whole corrected copy.

        Corrections lie where the parent was wrong; the copy shows how much of its prediction was kept.
        """
        example = self.examples[n]
        if not example.copied:
            return 0.0
        found, truth = self._decoded(self.maps[n]), self._truth(example)
        everywhere, _ = dice_iou(found[predicted] > 0, truth[predicted] > 0)
        where = example.certain & predicted
        corrected, _ = dice_iou(found[where] > 0, truth[where] > 0)
        return max(TRUST_AT_LEAST, (everywhere + corrected) / 2)

    def _decoded(self, maps: Maps) -> NDArray[np.int64]:
        """Class numbers (Y, X); instances: 0 and 1."""
        if self.info.task == "instances":
            return labelling.mask(maps, self.info).astype(np.int64)
        return labelling.labels(maps, self.info, replace(self.info.decode, min_size=0, certainty=0.0)).astype(
            np.int64
        )

    def _truth(self, example: Example) -> NDArray[np.int64]:
        labels = example.labels > 0 if self.info.task == "instances" else example.labels
        return labels.astype(np.int64)


def tile_side(share: float) -> int:
    """Side of the tiles that the parent predicts if each example gets `share` pixels."""
    return next((side for side in (TILE, TILE // 2) if side**2 <= share), TILE // 4)


def _predict(
    predictor: Predictor, example: Example, side: int, budget: float, rng: np.random.Generator
) -> tuple[Maps, Bools]:
    """Maps (K, Y, X) at the recommended level, and where they were predicted: tiles near certain pixels.

    At least one tile is predicted unless the budget is 0.
    """
    level = predictor.info.recommended_level
    maps = np.zeros((len(predictor.info.outputs), *example.shape), np.float32)
    predicted = np.zeros(example.shape, bool)
    near = ndimage.maximum_filter(example.certain[::8, ::8], 2 * REACH // 8 + 1)
    tiles = [
        tile
        for tile in example.tiles(side)
        if near[tile.y0 // 8 : (tile.y0 + side) // 8, tile.x0 // 8 : (tile.x0 + side) // 8].any()
    ]
    spent = 0
    for n in rng.permutation(len(tiles)) if budget else ():
        tile = tiles[n]
        if spent and spent + tile.shape[0] * tile.shape[1] > budget:
            continue
        maps[:, *tile.slices] = predictor.maps(example, tile, level)[-1]
        predicted[tile.slices] = True
        spent += tile.shape[0] * tile.shape[1]
    return maps, predicted
