"""Whether a model knows the images that it is to learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.train.choose.scores import class_dice_iou, dice_iou

FAMILIAR = 0.7
"""Agreement with the labels from which a model knows such images."""


def agreement(found: NDArray[Any], truth: NDArray[Any]) -> float:
    """The lower one of the Dice of the classes and that of the background.

    Of strokes alone, foreground everywhere would have a high Dice.

    Parameters
    ----------
    found, truth : ndarray of the same shape
        Class numbers, or masks, of the pixels that are labelled; 0 is background.
    """
    background = dice_iou(np.equal(found, 0), np.equal(truth, 0))[0]
    return min(class_dice_iou(found, truth)[0], background)
