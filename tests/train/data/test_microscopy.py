"""How images of microscopes are varied in training, on real nuclei."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_unetpp.train.data import intensity, microscopy
from napari_unetpp.train.data.augment import Augmentation
from napari_unetpp.train.data.samples import Sample


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def image_of(sample: Sample) -> torch.Tensor:
    return torch.from_numpy(np.repeat(sample.image[:1].astype(np.float32), 3, axis=0))


def test_some_objects_lose_contrast_and_the_background_stays(nuclei: list[Sample]) -> None:
    sample = nuclei[0]
    before = image_of(sample)[0].numpy()
    labels = torch.from_numpy(sample.labels).long()
    after = microscopy.stain_unequally(image_of(sample), labels, seeded())[0].numpy()
    background = np.median(before[sample.labels == 0])
    numbers = np.unique(sample.labels[sample.labels > 0])

    def contrast(image: np.ndarray, number: int) -> float:
        return float(image[sample.labels == number].mean() - background)

    left = np.array([contrast(after, n) / contrast(before, n) for n in numbers])
    assert (left > 0.05).all() and (left < 1.01).all()
    assert (left < 0.8).any() and (left > 0.95).any(), "some lose, some do not"
    far = ~gaussian_filter((sample.labels > 0).astype(float), 2.0).astype(bool)
    np.testing.assert_allclose(after[far], before[far], atol=1e-3)


def test_without_objects_or_background_nothing_is_stained(nuclei: list[Sample]) -> None:
    image = image_of(nuclei[0])
    for labels in (torch.zeros(image.shape[1:]).long(), torch.ones(image.shape[1:]).long()):
        assert torch.equal(microscopy.stain_unequally(image, labels, seeded()), image)


def test_uneven_light_is_smooth_and_bounded() -> None:
    bend = np.random.default_rng(0).uniform(-microscopy.SHADE / 3, microscopy.SHADE / 3, (5, 3))
    light = microscopy.uneven_light((200, 300), bend)
    assert light.log().abs().max() <= microscopy.SHADE + 1e-6
    assert light.diff(dim=1).abs().max() < 0.02 and all(np.ptp(one) > 0.01 for one in light.numpy())


def test_a_dimmed_patch_keeps_its_median_and_loses_contrast(nuclei: list[Sample]) -> None:
    x = image_of(nuclei[0])[None].repeat(8, 1, 1, 1)
    spread = {
        dim: intensity.vary_intensities(
            x, Augmentation(invert=0, grey=0, tint=0, dim=dim), np.random.default_rng(1), seeded()
        )
        for dim in (0.0, 1.0)
    }
    bright, dim = (one.amax(dim=(1, 2, 3)) - one.mean(dim=(1, 2, 3)) for one in spread.values())
    assert dim.mean() < 0.6 * bright.mean()


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_blur_is_a_gaussian(nuclei: list[Sample], sigma: float) -> None:
    x = image_of(nuclei[0])[None]
    found = intensity.blur(x, np.array([sigma]))[0, 0].numpy()
    np.testing.assert_allclose(found, gaussian_filter(x[0, 0].numpy(), sigma, mode="nearest"), atol=0.01)


def test_every_patch_is_blurred_by_its_own_sigma(nuclei: list[Sample]) -> None:
    x = image_of(nuclei[0])[None].repeat(2, 1, 1, 1)
    both = intensity.blur(x, np.array([0.5, 2.0]))
    for n, sigma in enumerate((0.5, 2.0)):
        torch.testing.assert_close(
            both[n], intensity.blur(x[n : n + 1], np.array([sigma]))[0], atol=2e-3, rtol=0
        )
