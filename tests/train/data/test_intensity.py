"""Random changes of intensities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from napari_unetpp.train.data.augment import Augmentation
from napari_unetpp.train.data.intensity import vary_intensities

SHIFT_ONLY = Augmentation(invert=0, grey=0, dim=0, tint=0, gain=1.0, gamma=0, blur=0, noise=0)


def varied(x: torch.Tensor, augmentation: Augmentation) -> torch.Tensor:
    return vary_intensities(x, augmentation, np.random.default_rng(0), torch.Generator().manual_seed(0))


def test_gamma_changes_the_brightness_of_patches_of_little_contrast() -> None:
    """Images of one microscope differ in brightness more than the small contrast inside a patch."""
    x = 0.3 + 0.02 * torch.rand(200, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    means = varied(x, replace(SHIFT_ONLY, gamma=1.0, largest_gamma=1.65)).mean(dim=(1, 2, 3))
    plain = varied(x, SHIFT_ONLY).mean(dim=(1, 2, 3))
    assert plain.max() - plain.min() < 0.21  # the random shift alone
    assert means.max() - means.min() > 0.35


def test_noise_without_grain_is_as_strong_as_asked() -> None:
    x = torch.full((300, 3, 16, 16), 0.5)
    noisy = replace(SHIFT_ONLY, noise=1.0, largest_noise=0.05, largest_grain=0.0)
    deviation = varied(x, noisy).std(dim=(2, 3))
    assert 0.02 < deviation.mean() < 0.03 and deviation.max() <= 0.0501
