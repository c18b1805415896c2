"""The placement of training patches: image, centre and magnification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from napari_unetpp.train.data.augment import Augmentation, Floats, Warp, random_warp
from napari_unetpp.train.data.samples import Sample

MOST_POINTS = 5000
"""Foreground pixels that are stored of an image whose labels do not tell objects apart, about."""

JITTER = 0.4
"""Largest distance of a patch from the object it is placed on, along each axis, as a share of its side."""


class Placement:
    """Draws warps for patches.

    Parameters
    ----------
    samples : sequence of Sample
        The last `noise` of them show noise alone.
    chance : ndarray of float64
        Probabilities of the others.
    augmentation : Augmentation
    diameter : float or None
        The model's own (px), for `Augmentation.sizes`.
    noise : int
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        chance: Floats,
        augmentation: Augmentation,
        *,
        diameter: float | None = None,
        noise: int = 0,
    ) -> None:
        self.samples, self.augmentation, self.diameter, self.noise = samples, augmentation, diameter, noise
        self._limits = np.cumsum(chance)
        self._points = [_points_of_interest(sample) for sample in samples]

    def draw(self, count: int, size: int, rng: np.random.Generator) -> Warp:
        """`count` patches of `size` px."""
        which = [self._image(rng) for _ in range(count)]
        zoom = np.array([self._zoom(n, rng) for n in which])
        centre = np.array([self._centre(n, size / z, rng) for n, z in zip(which, zoom, strict=True)])
        return random_warp(which, centre, zoom, self.augmentation, rng)

    def _image(self, rng: np.random.Generator) -> int:
        labelled = len(self.samples) - self.noise
        if self.noise and rng.random() < self.augmentation.empty:
            return labelled + int(rng.integers(self.noise))
        drawn = int(np.searchsorted(self._limits, rng.random() * self._limits[-1], side="right"))
        return min(drawn, labelled - 1)

    def _zoom(self, n: int, rng: np.random.Generator) -> float:
        """Magnification; see `Augmentation.sizes`."""
        low, high = np.log(self.augmentation.zoom)
        plain = float(np.exp(rng.uniform(low, high)))
        factor, own, measured = self.augmentation.sizes, self.diameter, self.samples[n].diameter
        if factor is None or own is None or measured is None:
            return plain
        shown = plain * measured if rng.random() < 0.5 else own * factor ** rng.triangular(-1, 0, 1)
        return float(np.clip(shown, own / factor, own * factor) / measured)

    def _centre(self, n: int, side: float, rng: np.random.Generator) -> Floats:
        height, width = self.samples[n].labels.shape
        points = self._points[n]
        if len(points) and rng.random() < self.augmentation.on_foreground:
            point: Floats = points[rng.integers(len(points))]
            return point + rng.uniform(-JITTER, JITTER, 2) * side
        anywhere: Floats = (0.5 + self.augmentation.spread * (rng.random(2) - 0.5)) * (height - 1, width - 1)
        return anywhere


def _points_of_interest(sample: Sample) -> Floats:
    """Points (n, 2): centroids of objects, or foreground pixels where objects are not told apart."""
    pixels = np.flatnonzero(sample.labels)
    if not pixels.size:
        return np.empty((0, 2))
    places = np.stack(np.divmod(pixels, sample.labels.shape[1]), axis=-1).astype(np.float64)
    if not sample.objects:
        return places[:: max(1, len(places) // MOST_POINTS)]
    numbers = sample.labels.ravel()[pixels]
    sizes = np.bincount(numbers)
    sums = np.stack([np.bincount(numbers, weights=places[:, k]) for k in (0, 1)], axis=-1)
    return sums[sizes > 0] / sizes[sizes > 0][:, None]


def sampling_weights(samples: Sequence[Sample], shares: Sequence[float] | None = None) -> Floats:
    """Probability of each sample.

    A kind of images (`Sample.kind` in one data set) weighs the square root of their number. Within a kind an
    image weighs the square root of the number of its objects, because every object counts in the scores;
    where objects are not told apart, of its side (px).

    Parameters
    ----------
    samples : sequence of Sample
    shares : sequence of float, optional
        Relative weights of the data sets (`Sample.folder`), in their order.
    """
    kinds = [(s.folder, s.kind) for s in samples]
    sizes = [_size(s) ** 0.5 for s in samples]
    count, total = Counter(kinds), Counter[tuple[int, tuple[bool, bool]]]()
    for kind, size in zip(kinds, sizes, strict=True):
        total[kind] += size
    weights = np.array([s / total[k] * count[k] ** 0.5 for k, s in zip(kinds, sizes, strict=True)])
    folders = np.array([s.folder for s in samples])
    for folder, share in enumerate(shares or ()):
        inside = folders == folder
        weights[inside] *= share / max(weights[inside].sum(), 1e-12)
    chance: Floats = weights / weights.sum()
    return chance


def _size(sample: Sample) -> float:
    """The size of an image for its weight: the number of its objects, or the side in px; at least 1."""
    if sample.objects:
        return float(max(1, sample.areas.size))
    return float(sample.labels.size**0.5)
