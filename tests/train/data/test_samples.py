"""Samples from real images, their weights, and the split that holds some out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.train.data.held_out import near_identical_groups, split_samples
from napari_unetpp.train.data.placement import sampling_weights
from napari_unetpp.train.data.samples import (
    Sample,
    load_sample,
    typical_diameter,
)

OUTPUTS = ("foreground", "edge_distance")
NUCLEI = ModelInfo("", "instances", ("nucleus",), OUTPUTS, NetConfig(outputs=2))


@pytest.fixture(scope="module")
def samples(data_root) -> list[Sample]:  # type: ignore[no-untyped-def]
    pairs = read_pairs(data_root / "nuclei_dsb2018" / "train")[:240:12]
    return [load_sample(p, NUCLEI) for p in pairs]


def test_kinds_of_images_are_told_apart(samples: list[Sample]) -> None:
    assert {s.kind for s in samples} >= {(False, False), (True, True)}, "grey on dark, colour on bright"
    assert all(s.image.shape[0] == (3 if s.kind[0] else 1) for s in samples)


def test_rare_kinds_are_drawn_more_often(samples: list[Sample]) -> None:
    chance = sampling_weights(samples)
    colour = np.array([s.kind[0] for s in samples])
    assert chance.sum() == pytest.approx(1)
    assert chance[colour].mean() > chance[~colour].mean()


def test_the_typical_diameter_is_that_of_the_objects(samples: list[Sample]) -> None:
    assert typical_diameter(samples) == pytest.approx(20, abs=6)
    halved = [replace(s, labels=s.labels[::2, ::2]) for s in samples]
    assert typical_diameter(halved) == pytest.approx((typical_diameter(samples) or 0) / 2, abs=1)
    assert typical_diameter([replace(s, objects=False) for s in samples]) is None


def test_near_copies_stay_on_one_side(samples: list[Sample]) -> None:
    darker = [(s.image * 0.9).astype(np.float16) for s in samples[:4]]
    copies = [replace(s, stem=s.stem + "-copy", image=x) for s, x in zip(samples, darker, strict=False)]
    everything = [*samples, *copies]
    groups = near_identical_groups(everything)
    assert all({n, len(samples) + n} <= set(next(g for g in groups if n in g)) for n in range(4))
    train, held = split_samples(everything, 0.3, seed=1)
    assert held and len(train) + len(held) == len(everything)
    stems = {s.stem.removesuffix("-copy") for s in held}
    assert not stems & {s.stem.removesuffix("-copy") for s in train}


def test_one_image_leaves_nothing_to_hold_out(samples: list[Sample]) -> None:
    train, held = split_samples(samples[:1])
    assert len(train) == 1 and held == []


def test_images_with_more_objects_are_drawn_more_often(samples: list[Sample]) -> None:
    grey = [s for s in samples if s.kind == (False, False)]
    chance = sampling_weights(grey)
    objects = np.array([np.unique(s.labels).size - 1 for s in grey])
    fewest, most = objects.argmin(), objects.argmax()
    assert chance[most] / chance[fewest] == pytest.approx((objects[most] / objects[fewest]) ** 0.5)
    classes = [replace(s, objects=False) for s in grey]
    assert np.ptp(sampling_weights(classes) * [s.labels.size**-0.25 for s in classes]) < 1e-9


def test_shares_say_how_often_a_data_set_is_drawn(samples: list[Sample]) -> None:
    two = [replace(s, folder=n % 2) for n, s in enumerate(samples)]
    chance = sampling_weights(two, (3, 1))
    assert sum(c for c, s in zip(chance, two, strict=True) if s.folder == 0) == pytest.approx(0.75)


def test_the_typical_diameter_of_several_data_sets_is_that_of_none_alone(samples: list[Sample]) -> None:
    """A set with many objects does not decide it."""
    small = [replace(s, labels=s.labels[::3, ::3], folder=1) for s in samples]
    large = [replace(s, labels=s.labels.repeat(2, 0).repeat(2, 1), folder=2) for s in samples]
    assert typical_diameter([*samples, *large, *small, *small]) == typical_diameter(samples)
