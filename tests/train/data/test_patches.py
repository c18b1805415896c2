"""Batches of patches from real samples."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unetpp._types import EDGE_CAP, ModelInfo, NetConfig, Normalisation
from napari_unetpp.train.data.microscopy import MICROSCOPY
from napari_unetpp.train.data.noise import noise_image
from napari_unetpp.train.data.patches import PatchSource
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.data.targets import BETWEEN
from napari_unetpp.train.loss import Batch

OUTPUTS = ("foreground", "edge_distance", "object_border")
NUCLEI = ModelInfo("", "instances", ("nucleus",), OUTPUTS, NetConfig(outputs=3))
TWO_CLASSES = ModelInfo("", "semantic", ("a", "b"), ("background", "a", "b"), NetConfig(outputs=3))


def source(samples: list[Sample], seed: int = 0, info: ModelInfo = NUCLEI, **change: object) -> PatchSource:
    return PatchSource(samples, info, np.random.default_rng(seed), replace(MICROSCOPY, **change))


def same(a: Batch, b: Batch) -> bool:
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in ("image", "target", "certain"))


def test_a_patch_shows_its_target(nuclei: list[Sample]) -> None:
    """Foreground is brighter than background on dark images: image and labels were warped alike."""
    dark = [s for s in nuclei if s.kind == (False, False)]
    batch = source(dark, invert=0.0, dim=0.0, empty=0.0).batch(24, 96)
    assert batch.image.shape == (24, 3, 96, 96) and batch.target.shape == (24, 3, 96, 96)
    assert batch.image.min() >= -0.5 and batch.image.max() <= 2
    assert batch.target.min() >= 0 and batch.target.max() <= 1
    inside = batch.target[:, 0] > 0
    contrast = [
        float(x[0][m].mean() - x[0][~m].mean())
        for x, m in zip(batch.image, inside, strict=True)
        if m.any() and not m.all()
    ]
    assert len(contrast) > 15 and np.mean([c > 0 for c in contrast]) > 0.95


def test_the_maps_agree_with_the_foreground(nuclei: list[Sample]) -> None:
    target = source(nuclei).batch(16, 96).target
    foreground, distance, border = target.unbind(1)
    assert torch.equal(distance > 0, foreground > 0)
    assert distance[foreground > 0].min() == pytest.approx(1 / EDGE_CAP) and distance.max() > 3 / EDGE_CAP
    assert 0 < border.mean() < 0.2, "crowded nuclei are among them"


def test_pixels_between_objects_count_more(nuclei: list[Sample]) -> None:
    batch = source(nuclei, empty=0.0).batch(16, 96)
    between = batch.target[:, 2:] > 0
    assert (batch.certain[:, :1][between] == BETWEEN).all() and (batch.certain[:, :1][~between] == 1).all()


def test_patches_repeat_with_the_seed_and_from_a_kept_state(nuclei: list[Sample]) -> None:
    first, again, other = (source(nuclei, seed) for seed in (3, 3, 4))
    batch = first.batch(4, 64)
    assert same(batch, again.batch(4, 64)) and not same(batch, other.batch(4, 64))
    state = json.loads(json.dumps(first.state()))
    expected = first.batch(6, 64)
    resumed = source(nuclei, 3)
    resumed.restore(state)
    assert same(expected, resumed.batch(6, 64))


def test_ignored_pixels_have_no_weight(nuclei: list[Sample]) -> None:
    hidden = replace(nuclei[0], ignore=np.ones_like(nuclei[0].ignore))
    assert not source([hidden], empty=0.0).batch(2, 64).certain.any()
    part = replace(nuclei[0], ignore=nuclei[0].labels > 0)
    batch = source([part], empty=0.0).batch(4, 64)
    assert not batch.certain[:, :2][batch.target[:, :2] > 0].any() and batch.certain.any()


def test_labels_that_tell_no_objects_apart_teach_the_foreground_only(nuclei: list[Sample]) -> None:
    weight = source([replace(nuclei[0], objects=False)], empty=0.0).batch(2, 64).certain
    assert weight[:, 0].all() and not weight[:, 1:].any()


def test_classes(nuclei: list[Sample]) -> None:
    labels = np.where(nuclei[0].labels > 0, 1 + nuclei[0].labels % 2, 0).astype(np.int32)
    sample = replace(nuclei[0], labels=labels, objects=False)
    batch = source([sample], info=TWO_CLASSES).batch(6, 64)
    assert torch.equal(batch.target.sum(1), torch.ones(6, 64, 64))
    assert batch.target[:, 1].any() and batch.target[:, 2].any()
    mask = source([sample], info=replace(TWO_CLASSES, classes=("a",), outputs=("a",))).batch(6, 64)
    assert mask.target.shape[1] == 1 and 0 < mask.target.mean() < 1


def test_some_patches_are_empty(nuclei: list[Sample]) -> None:
    batch = source(nuclei, empty=1.0).batch(6, 64)
    assert not batch.target.any() and (batch.certain == 1).all()
    assert batch.image.std(dim=(1, 2, 3)).min() > 0


def test_data_sets_are_drawn_by_their_shares(nuclei: list[Sample]) -> None:
    rng = np.random.default_rng(0)
    drawn = PatchSource(nuclei, NUCLEI, rng, MICROSCOPY, shares=(1, 3)).placement.draw(600, 64, rng).which
    folders = np.array([s.folder for s in nuclei])[drawn[drawn < len(nuclei)]]
    assert folders.mean() == pytest.approx(0.75, abs=0.06)


def test_images_of_noise_are_normalised_as_images_are() -> None:
    rule, rng = Normalisation(), np.random.default_rng(0)
    images = [noise_image(rule, rng) for _ in range(12)]
    assert all(np.isfinite(x).all() and x.std() > 0.005 for x in images)
    fine = [abs(np.diff(x, axis=1)).mean() / x.std() for x in images]
    assert max(fine) > 4 * min(fine), "fine and coarse grain"
