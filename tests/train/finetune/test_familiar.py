"""When a model knows the images that it is to learn from."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpp.train.finetune.familiar import FAMILIAR, agreement

STROKES = np.array([1] * 120 + [0] * 80)


def test_foreground_everywhere_does_not_agree_with_strokes() -> None:
    assert agreement(np.ones_like(STROKES), STROKES) == 0
    assert agreement(np.zeros_like(STROKES), STROKES) == 0
    assert agreement(STROKES, STROKES) == 1


def test_the_worse_of_classes_and_background_counts() -> None:
    truth = np.array([0] * 90 + [1] * 10)
    found = np.array([0] * 90 + [1] * 4 + [0] * 6)
    assert agreement(found, truth) == pytest.approx(8 / 14)
    assert agreement(found, truth) < FAMILIAR


def test_classes_count_each() -> None:
    truth = np.array([0, 0, 1, 1, 2, 2])
    assert agreement(np.array([0, 0, 1, 1, 0, 0]), truth) == pytest.approx(0.5)
