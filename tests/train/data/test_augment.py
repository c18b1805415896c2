"""The warp that training and fine-tuning share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpp.train.data.augment import Augmentation, random_warp
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.data.store import ImageStore, pack

SIZE = 32
SQUARE = slice(84, 116), slice(64, 96)


@pytest.fixture
def sample(nuclei: list[Sample]) -> Sample:
    """Every pixel has a number of its own."""
    labels = np.arange(nuclei[0].labels.size, dtype=np.int32).reshape(nuclei[0].labels.shape)
    return replace(nuclei[0], labels=labels)


def exact(sample: Sample, turned: float, count: int = 80) -> np.ndarray:
    """Which of 8 symmetries of one square each of the patches around its middle shows, (count, 8)."""
    store = ImageStore([sample.image], [pack(sample.labels, [], "a")], "cpu")
    centre, zoom = np.tile([99.5, 79.5], (count, 1)), np.full(count, 1.2)
    warp = random_warp([0] * count, centre, zoom, Augmentation(turned=turned), np.random.default_rng(0))
    patches = store.read(warp, SIZE, "reflection")[1][:, 0].numpy()
    square = sample.labels[SQUARE]
    ways = [np.rot90(side, n) for n in range(4) for side in (square, square[:, ::-1])]
    return np.array([[np.array_equal(patch, way) for way in ways] for patch in patches])


def test_patches_that_are_not_turned_freely_show_exact_pixels(sample: Sample) -> None:
    shown = exact(sample, turned=0.0)
    assert (shown.sum(axis=1) == 1).all() and shown.any(axis=0).all()


def test_the_share_of_freely_turned_patches_is_as_asked(sample: Sample) -> None:
    assert not exact(sample, turned=1.0).any()
    assert 0.3 < exact(sample, turned=0.5).any(axis=1).mean() < 0.7
