"""How images of microscopes are varied in training, on real nuclei."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.files.folders import read_pairs
from napari_unetpp.train import microscopy
from napari_unetpp.train.samples import Sample, load_sample
from napari_unetpp.train.targets import INSTANCE_OUTPUTS

NUCLEI = ModelInfo("", "instances", ("nucleus",), INSTANCE_OUTPUTS, NetConfig(outputs=4))


@pytest.fixture(scope="module")
def sample(data_root) -> Sample:  # type: ignore[no-untyped-def]
    return load_sample(read_pairs(data_root / "nuclei_dsb2018" / "train")[0], NUCLEI)


def varied(sample: Sample) -> np.ndarray:
    return np.repeat(sample.image[:1].astype(np.float32), 3, axis=0)


def test_some_objects_lose_contrast_and_the_background_stays(sample: Sample) -> None:
    before, after = varied(sample), varied(sample)
    microscopy.stain_unequally(after, sample.labels, np.random.default_rng(0))
    background = np.median(before[0][sample.labels == 0])
    numbers = np.unique(sample.labels[sample.labels > 0])
    left = np.array(
        [
            (after[0][sample.labels == n].mean() - background)
            / (before[0][sample.labels == n].mean() - background)
            for n in numbers
        ]
    )
    assert (left > 0.2).all() and (left < 1.01).all()
    assert (left < 0.8).any() and (left > 0.95).any(), "some lose, some do not"
    far = ~microscopy.gaussian_filter((sample.labels > 0).astype(float), 2.0).astype(bool)
    np.testing.assert_allclose(after[:, far], before[:, far], atol=1e-3)


def test_without_objects_or_background_nothing_is_stained(sample: Sample) -> None:
    for labels in (np.zeros_like(sample.labels), np.ones_like(sample.labels)):
        after = varied(sample)
        microscopy.stain_unequally(after, labels, np.random.default_rng(0))
        np.testing.assert_array_equal(after, varied(sample))


def test_uneven_light_is_smooth_and_bounded(sample: Sample) -> None:
    for seed in range(5):
        light = np.ones((3, *sample.labels.shape), np.float32)
        microscopy.light_unevenly(light, np.random.default_rng(seed))
        assert np.abs(np.log(light)).max() <= microscopy.SHADE + 1e-6
        assert np.abs(np.diff(light, axis=1)).max() < 0.02 and np.ptp(light) > 0.01


def test_the_same_seed_disturbs_alike(sample: Sample) -> None:
    labels = np.stack([sample.labels, np.zeros_like(sample.labels)])
    first, second = varied(sample), varied(sample)
    for image in (first, second):
        microscopy.disturb(image, labels, np.random.default_rng(4))
    np.testing.assert_array_equal(first, second)
