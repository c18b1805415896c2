"""Where patches lie on their images: which image, around which point, how magnified, turned and mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.train.data.augment import Variation
from napari_unetpp.train.data.samples import Sample

if TYPE_CHECKING:
    from torch import Tensor

LEVELS = 4
MOST_POINTS = 5000
"""Foreground pixels that are remembered of an image whose labels tell no objects apart."""

JITTER = 0.4
"""How far a patch may lie off the object it is placed on, as a share of its side."""

SHEAR = 0.1

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Placed:
    """Patches on their images.

    Attributes
    ----------
    which : ndarray of int64, shape (N,)
        Number of the image.
    middle : ndarray of float64, shape (N, 2)
        Row and column of the image under the middle of the patch.
    matrix : ndarray of float64, shape (N, 2, 2)
        From steps on the patch to steps on the image.
    level : ndarray of int64, shape (N,)
        How often the image is halved before it is read.
    """

    which: NDArray[np.int64]
    middle: Floats
    matrix: Floats
    level: NDArray[np.int64]

    def points(self, size: int, device: str) -> Tensor:
        """The points under the pixels of the patches: float32, shape (N, 2, size, size)."""
        import torch

        steps = torch.arange(size, device=device, dtype=torch.float32) - (size - 1) / 2
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="ij"))  # (2, P, P)
        matrix = torch.from_numpy(self.matrix).float().to(device)
        middle = torch.from_numpy(self.middle).float().to(device)
        return torch.einsum("nij,jyx->niyx", matrix, grid) + middle[:, :, None, None]


class Placing:
    """Draws places for patches.

    Parameters
    ----------
    samples : sequence of Sample
        The last `noise` of them show nothing.
    chance : ndarray of float64
        Of each of the others to be drawn.
    variation : Variation
    diameter : float or None
        The model's own (px), for `Variation.sizes`.
    noise : int
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        chance: Floats,
        variation: Variation,
        *,
        diameter: float | None = None,
        noise: int = 0,
    ) -> None:
        self.samples, self.variation, self.diameter, self.noise = samples, variation, diameter, noise
        self._limits = np.cumsum(chance)
        self._targets = [_targets(sample) for sample in samples]

    def draw(self, count: int, size: int, rng: np.random.Generator) -> Placed:
        """`count` places for patches of `size` px."""
        which = [self._image(rng) for _ in range(count)]
        zoom = np.array([self._zoom(n, rng) for n in which])
        middle = np.array([self._middle(n, size / z, rng) for n, z in zip(which, zoom, strict=True)])
        level = np.floor(np.log2(np.maximum(1 / zoom, 1)) + 0.5).astype(np.int64)
        return Placed(np.array(which), middle, self._matrices(zoom, rng), np.minimum(level, LEVELS - 1))

    def _image(self, rng: np.random.Generator) -> int:
        kept = len(self.samples) - self.noise
        if self.noise and rng.random() < self.variation.empty:
            return kept + int(rng.integers(self.noise))
        return min(
            int(np.searchsorted(self._limits, rng.random() * self._limits[-1], side="right")), kept - 1
        )

    def _zoom(self, n: int, rng: np.random.Generator) -> float:
        """Magnification; see `Variation.sizes`."""
        low, high = np.log(self.variation.zoom)
        plain = float(np.exp(rng.uniform(low, high)))
        far, own, seen = self.variation.sizes, self.diameter, self.samples[n].diameter
        if far is None or own is None or seen is None:
            return plain
        shown = plain * seen if rng.random() < 0.5 else own * far ** rng.triangular(-1, 0, 1)
        return float(np.clip(shown, own / far, own * far) / seen)

    def _middle(self, n: int, side: float, rng: np.random.Generator) -> Floats:
        height, width = self.samples[n].labels.shape
        targets = self._targets[n]
        if len(targets) and rng.random() < self.variation.on_foreground:
            target: Floats = targets[rng.integers(len(targets))]
            return target + rng.uniform(-JITTER, JITTER, 2) * side
        place: Floats = (0.5 + self.variation.roam * (rng.random(2) - 0.5)) * (height - 1, width - 1)
        return place

    def _matrices(self, zoom: Floats, rng: np.random.Generator) -> Floats:
        """Mirror, stretch, shear, then turn: from steps on the patch to steps on the image, (N, 2, 2)."""
        count, far = len(zoom), self.variation.stretch
        turn, shear = rng.uniform(-np.pi, np.pi, count), rng.uniform(-SHEAR, SHEAR, count)
        stretch = np.exp(rng.uniform(-far, far, count))
        mirror = rng.choice((-1.0, 1.0), count)
        zero, one = np.zeros(count), np.ones(count)

        def matrix(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
            return np.stack([a, b, c, d], axis=-1).reshape(-1, 2, 2)

        turned = matrix(np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn))
        return (
            turned
            @ matrix(one, shear, zero, one)
            @ matrix(stretch / zoom, zero, zero, mirror / stretch / zoom)
        )


def _targets(sample: Sample) -> Floats:
    """Points (n, 2) worth showing: middles of objects, or foreground pixels where none are told apart."""
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
