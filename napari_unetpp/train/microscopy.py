"""How images of microscopes are varied in training: what stains, lamps and lenses do to them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_unetpp.train.patches import Variation

UNEQUAL, UNEVEN = 0.3, 0.25
"""Chances that objects of a patch are stained unequally, or that its light is uneven."""

FAINTEST = 0.25
"""Contrast that is left of the faintest objects."""

SHADE = 0.5
"""How far the logarithm of the light differs from that at the middle, at most, in a corner."""


def disturb(image: NDArray[np.float32], labels: NDArray[np.int32], rng: np.random.Generator) -> None:
    """Disturb a patch (3, Y, X) of a microscope's image in place; `labels` (2, Y, X) stay."""
    if rng.random() < UNEQUAL:
        stain_unequally(image, labels[0], rng)
    if rng.random() < UNEVEN:
        light_unevenly(image, rng)


def stain_unequally(image: NDArray[np.float32], labels: NDArray[np.int32], rng: np.random.Generator) -> None:
    """Take contrast against the background from about half of the objects, each by its own factor."""
    outside = image[:, labels == 0]
    numbers = np.unique(labels[labels > 0])
    if not outside.size or not numbers.size:
        return
    factors = np.where(rng.random(numbers.size) < 0.5, rng.uniform(FAINTEST, 1, numbers.size), 1)
    left = np.ones(numbers[-1] + 1, np.float32)
    left[numbers] = factors
    contrast = gaussian_filter(left[labels], 1.0)
    background = np.median(outside, axis=1)[:, None, None]
    image += (contrast - 1) * (image - background)


def light_unevenly(image: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Light that falls off to one side, and away from the middle or towards it."""
    y, x = (np.linspace(-1, 1, size, dtype=np.float32) for size in image.shape[1:])
    across, along, bowl = rng.uniform(-SHADE / 3, SHADE / 3, 3)
    field = across * y[:, None] + along * x[None] + bowl * (y[:, None] ** 2 + x[None] ** 2) / 2
    image *= np.exp(field)


MICROSCOPY = Variation(zoom=(0.5, 2.0), tint=0.2, disturb=disturb)
