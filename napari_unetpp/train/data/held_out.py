"""The choice of held-out training images: near-identical ones stay together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.transform import resize

from napari_unetpp.train.data.samples import Sample

HELD_OUT = 0.1
SPLIT_SEED = 0
"""Held-out images depend neither on the seed of the run nor on other folders, so that a model that is trained
further is scored on images that its parents did not learn from."""

THUMBNAIL = 24
NEAR_IDENTICAL = 0.95
"""Correlation of their thumbnails from which two images of one size are near-identical."""


def split_samples(
    samples: Sequence[Sample], share: float = HELD_OUT, seed: int = SPLIT_SEED
) -> tuple[list[Sample], list[Sample]]:
    """Split into (training, held out); near-identical images stay on one side.

    At least one image is held out if there are two groups or more; with one group nothing can be held out.
    """
    groups = near_identical_groups(samples)
    wanted = max(1, round(share * len(samples)))
    held_out: list[int] = []
    for k in np.random.default_rng(seed).permutation(len(groups)):
        if len(held_out) >= wanted or len(held_out) + len(groups[k]) >= len(samples):
            continue
        if len(held_out) + len(groups[k]) <= max(2 * wanted, 1):
            held_out.extend(groups[k])
    chosen = set(held_out)
    train = [s for n, s in enumerate(samples) if n not in chosen]
    return train, [samples[n] for n in sorted(chosen)]


def parts_of(samples: Sequence[Sample], count: int, seed: int = SPLIT_SEED) -> list[list[Sample]]:
    """Divide samples into parts of about equal size; near-identical images stay together.

    A part may be empty where there are fewer groups than parts.
    """
    groups = near_identical_groups(samples)
    parts: list[list[int]] = [[] for _ in range(count)]
    for k in np.random.default_rng(seed).permutation(len(groups)):
        min(parts, key=len).extend(groups[k])
    return [[samples[n] for n in sorted(part)] for part in parts]


def near_identical_groups(samples: Sequence[Sample]) -> list[list[int]]:
    """Indices of samples grouped by near-identity: same size, thumbnails that correlate."""
    thumbnails = np.stack([_thumbnail(s.image) for s in samples])
    alike = thumbnails @ thumbnails.T > NEAR_IDENTICAL
    shapes = [s.labels.shape for s in samples]
    group = list(range(len(samples)))
    for a in range(len(samples)):
        for b in np.flatnonzero(alike[a, :a]):
            if shapes[a] == shapes[b] and group[a] != group[b]:
                old, new = group[a], group[b]
                group = [new if g == old else g for g in group]
    return [[n for n, g in enumerate(group) if g == root] for root in sorted(set(group))]


def _thumbnail(image: NDArray[np.float16]) -> NDArray[np.float32]:
    """A small grey copy, flat, with zero mean and unit norm."""
    small = resize(image.astype(np.float32).mean(axis=0), (THUMBNAIL, THUMBNAIL), anti_aliasing=True).ravel()
    small = small - small.mean()
    return (small / max(float(np.linalg.norm(small)), 1e-6)).astype(np.float32)  # type: ignore[no-any-return]
