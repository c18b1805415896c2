"""Samples from real images: targets, the split that holds some out, augmented patches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import grey_dilation

from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.engine.normalise import measure, to_input
from napari_unetpp.files.folders import read_pairs
from napari_unetpp.train.microscopy import MICROSCOPY
from napari_unetpp.train.patches import BETWEEN, PatchSource, _noise
from napari_unetpp.train.samples import (
    Sample,
    hold_out,
    load_sample,
    near_identical_groups,
    sampling_weights,
    typical_diameter,
)
from napari_unetpp.train.targets import INSTANCE_OUTPUTS, NEAR_TWO, between_objects, boundary_map, object_maps

pytest.importorskip("monai")

NUCLEI = ModelInfo("", "instances", ("nucleus",), INSTANCE_OUTPUTS, NetConfig(outputs=4))


@pytest.fixture(scope="module")
def samples(data_root) -> list[Sample]:  # type: ignore[no-untyped-def]
    pairs = read_pairs(data_root / "nuclei_dsb2018" / "train")[:240:12]
    return [load_sample(p, NUCLEI) for p in pairs]


def test_separating_maps_of_real_nuclei(samples: list[Sample]) -> None:
    labels = samples[0].labels
    maps = object_maps(labels)
    assert maps.min() == 0 and maps.max() == 1
    assert not maps[:, labels == 0].any()
    for number in np.unique(labels[labels > 0]):
        assert maps[0][labels == number].max() == 1, "every object has a peak of its own, whatever its size"
    assert not boundary_map(labels)[labels == 0].any()


def test_pixels_between_objects_are_near_two_of_them(samples: list[Sample]) -> None:
    labels = max((s.labels for s in samples), key=lambda one: between_objects(one).mean())
    near = np.zeros(labels.shape, int)
    for number in np.unique(labels[labels > 0]):
        near += grey_dilation(labels == number, size=2 * NEAR_TWO + 1)
    assert np.array_equal(between_objects(labels), near >= 2)
    assert 0.001 < between_objects(labels).mean() < 0.2


def test_pixels_between_objects_count_more(samples: list[Sample]) -> None:
    crowded = max(samples, key=lambda s: between_objects(s.labels).mean())
    weight = PatchSource([crowded], "instances", 1, np.random.default_rng(0)).batch(4, 64).weight
    assert set(np.unique(weight)) == {1, BETWEEN}


def test_some_patches_are_empty(samples: list[Sample]) -> None:
    empty = replace(MICROSCOPY, empty=1.0)
    batch = PatchSource(samples, "instances", 1, np.random.default_rng(0), empty).batch(3, 64)
    assert not batch.target.any() and (batch.weight == 1).all()
    assert batch.target.shape == (3, 4, 64, 64)
    assert -1 < batch.image.min() < 0.1 and 0.4 < batch.image.max() < 2
    assert (
        PatchSource(samples, "semantic", 2, np.random.default_rng(0), empty).batch(1, 32).target[:, 0].all()
    )


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
    train, held = hold_out(everything, 0.3, np.random.default_rng(1))
    assert held and len(train) + len(held) == len(everything)
    stems = {s.stem.removesuffix("-copy") for s in held}
    assert not stems & {s.stem.removesuffix("-copy") for s in train}


def test_one_image_leaves_nothing_to_hold_out(samples: list[Sample]) -> None:
    train, held = hold_out(samples[:1], 0.1, np.random.default_rng(0))
    assert len(train) == 1 and held == []


def test_patches_repeat_with_the_seed(samples: list[Sample]) -> None:
    first, again, other = (
        PatchSource(samples, "instances", 1, np.random.default_rng(seed)).batch(2, 64) for seed in (3, 3, 4)
    )
    assert (first.image == again.image).all() and (first.target == again.target).all()
    assert not (first.image == other.image).all()


def test_a_patch_shows_its_target(samples: list[Sample]) -> None:
    """Foreground is brighter than background on dark images: image and labels were warped alike."""
    dark = [s for s in samples if s.kind == (False, False)]
    source = PatchSource(dark, "instances", 1, np.random.default_rng(0))
    batch = source.batch(24, 96)
    assert batch.image.shape == (24, 3, 96, 96) and batch.target.shape == (24, 4, 96, 96)
    assert batch.target.min() >= 0 and batch.target.max() <= 1
    inside = batch.target[:, 0] > 0
    contrast = [
        float(x[0][m].mean() - x[0][~m].mean())
        for x, m in zip(batch.image, inside, strict=True)
        if m.any() and not m.all()
    ]
    brighter = np.mean([c > 0 for c in contrast])
    assert brighter > 0.7, "about one patch in eight is inverted on purpose"


def test_ignored_pixels_have_no_weight(samples: list[Sample]) -> None:
    hidden = replace(samples[0], ignore=np.ones_like(samples[0].ignore))
    batch = PatchSource([hidden], "instances", 1, np.random.default_rng(0)).batch(1, 64)
    assert not batch.weight.any()


def test_empty_patches_look_like_empty_planes() -> None:
    """A plane of read-out noise is not stretched to the whole range, so the patches must not be."""
    plane = np.random.default_rng(0).normal(100, 3, (256, 256))
    real = to_input(plane, measure(plane))[0]
    shown = [np.percentile(_noise(128, np.random.default_rng(seed)), 99) for seed in range(40)]
    assert min(shown) == pytest.approx(np.percentile(real, 99), abs=0.05)
    assert max(shown) > 0.8, "coarse noise fills the range"


def test_images_with_more_objects_are_drawn_more_often(samples: list[Sample]) -> None:
    grey = [s for s in samples if s.kind == (False, False)]
    chance = sampling_weights(grey)
    objects = np.array([np.unique(s.labels).size - 1 for s in grey])
    fewest, most = objects.argmin(), objects.argmax()
    assert chance[most] / chance[fewest] == pytest.approx((objects[most] / objects[fewest]) ** 0.5)
    classes = [replace(s, objects=False) for s in grey]
    assert np.ptp(sampling_weights(classes) * [s.labels.size**-0.25 for s in classes]) < 1e-9
