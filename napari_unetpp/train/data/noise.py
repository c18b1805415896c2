"""Images of noise alone, from which a network learns to find nothing in empty planes."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_unetpp._types import Normalisation
from napari_unetpp.engine.input.normalise import measure, to_input
from napari_unetpp.train.data.samples import Sample

SIDE = 320
COARSEST = 5.0
"""Sigma (px) of the coarsest grain."""

SQUEEZED, QUALITY = 0.3, (25, 90)
"""Share of images that are compressed by JPEG, and the range of its quality."""


def noise_samples(count: int, rule: Normalisation, rng: np.random.Generator) -> list[Sample]:
    """Images of noise of any grain, without objects, normalised like other images."""
    nothing = np.zeros((SIDE, SIDE), np.int32)
    return [
        Sample(
            stem=f"noise {n}",
            image=noise_image(rule, rng)[None].astype(np.float16),
            labels=nothing,
            ignore=nothing > 0,
            objects=True,
            kind=(False, False),
        )
        for n in range(count)
    ]


def noise_image(rule: Normalisation, rng: np.random.Generator) -> NDArray[np.float32]:
    """One normalised image of noise (SIDE, SIDE)."""
    grain = max(0.0, rng.uniform(-1.0, COARSEST))  # read-out and shot noise have none
    noise = gaussian_filter(rng.normal(size=(SIDE, SIDE)), grain)
    noise = 128 + noise / noise.std() * rng.uniform(4, 40)
    plane = np.clip(noise, 0, 255).astype(np.uint8)
    if rng.random() < SQUEEZED:
        plane = _through_jpeg(plane, int(rng.integers(*QUALITY)))
    image: NDArray[np.float32] = to_input(plane, measure(plane, rule), channels=1)[0]
    return image


def _through_jpeg(plane: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(plane).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
