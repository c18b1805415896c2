"""Augmentation of microscopy images: unequal staining and uneven illumination."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from napari_unetpp.train.data.augment import Augmentation
from napari_unetpp.train.data.intensity import blur

UNEQUAL, UNEVEN = 0.3, 0.25
"""Probabilities that objects of a patch are stained unequally, and that it is lit unevenly."""

FAINTEST = 0.1
"""Factor of the contrast of the faintest objects."""

SHADE = 0.5
"""Largest difference of the logarithm of the light between a corner and the middle."""

SIZES = 3.0
"""Training covers objects of a third to three times the model's diameter."""


def disturb(
    images: Tensor, labels: Tensor, rng: np.random.Generator, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Disturb some microscopy patches (N, 3, Y, X); labels (N, 1, Y, X) stay."""
    stained, lit = rng.random(len(images)) < UNEQUAL, rng.random(len(images)) < UNEVEN
    for n in np.flatnonzero(stained):
        images[n] = stain_unequally(images[n], labels[n, 0], generator)
    if lit.any():
        places = torch.from_numpy(np.flatnonzero(lit)).to(images.device)
        light = uneven_light(images.shape[2:], rng.uniform(-SHADE / 3, SHADE / 3, (int(lit.sum()), 3)))
        images[places] *= light.to(images.device)[:, None]
    return images, labels


def stain_unequally(image: Tensor, labels: Tensor, generator: Generator) -> Tensor:
    """An image (3, Y, X) with less contrast to the background for about half of the objects.

    Each object has its own factor, log-uniform from `FAINTEST` to 1. Without objects or background nothing
    changes.
    """
    outside = image[:, ::2, ::2][:, labels[::2, ::2] == 0]
    if not outside.numel() or not bool((labels > 0).any()):
        return image
    numbers, place = torch.unique(labels, return_inverse=True)
    drawn = torch.rand(2, len(numbers), generator=generator, device=image.device)
    left = torch.where(drawn[0] < 0.5, FAINTEST ** drawn[1], 1.0)
    left = torch.where(numbers == 0, 1.0, left)
    contrast = blur(left[place][None, None], np.ones(1))[0]
    background = outside.median(dim=1).values[:, None, None]
    return image + (contrast - 1) * (image - background)


def uneven_light(shape: tuple[int, ...], bend: NDArray[np.float64]) -> Tensor:
    """Factors of the light (N, Y, X), which changes to one side and with the distance from the middle.

    `bend` (N, 3): slopes of its logarithm along Y, along X, and with the squared distance from the middle.
    """
    y, x = (torch.linspace(-1, 1, size) for size in shape)
    down, across, bowl = torch.from_numpy(bend).float()[:, :, None, None].unbind(1)
    return torch.exp(down * y[:, None] + across * x + bowl * (y[:, None] ** 2 + x**2) / 2)


MICROSCOPY = Augmentation(zoom=(0.5, 2.0), sizes=SIZES, tint=0.2, disturb=disturb)
