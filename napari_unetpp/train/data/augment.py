"""Augmentation of training patches: its settings, and the geometric warp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

PYRAMID_LEVELS = 4
"""An image in full size, and halved up to three times."""

Floats = NDArray[np.float64]
Padding = Literal["reflection", "zeros"]

Disturb = Callable[[Tensor, Tensor, np.random.Generator, Generator], tuple[Tensor, Tensor]]
"""From images (N, 3, Y, X) and labels (N, 1, Y, X) to disturbed ones.

Plain numbers come from the first generator, fields of random numbers from the second.
"""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How patches are placed and varied.

    Attributes
    ----------
    on_foreground : float
        Share of patches that are placed on an object (on a foreground pixel where objects are not told
        apart).
    spread : float
        The centres of the other patches lie in the middle of the image: this share of its height and width.
    empty : float
        Share of patches that show nothing but noise.
    zoom : tuple of float
        Range of magnifications (log-uniform).
    sizes : float or None
        With this, half of the patches are magnified so that a typical object of their image has the model's
        diameter, multiplied or divided by up to this factor; no patch shows typical objects beyond it.
    stretch : float
        Largest logarithm of the stretch of height against width.
    shear : float
        Largest shear, in px per px.
    turned : float
        Share of patches that are turned by any angle; the others are turned by right angles and neither
        magnified nor distorted, so that they show exact pixels.
    padding : {"reflection", "zeros"}
        What a patch shows beyond the image.
    invert, grey : float
        Probabilities that a patch is inverted, and that a colour patch is turned grey.
    dim : float
        Probability that most of the contrast of a patch is removed.
    tint : float
        Largest change of the channels of a colour patch against each other (factor - 1).
    gain : float
        Contrast is multiplied or divided by up to this.
    gamma, blur, noise : float
        Probabilities of another gamma, of blur and of noise.
    largest_gamma, largest_noise, largest_grain : float
        Gamma is at most this and at least one over it; the standard deviation of the noise, and the sigma of
        its grain (px), are at most these.
    disturb : callable or None
        Further changes of a batch.
    """

    on_foreground: float = 0.8
    spread: float = 1.0
    empty: float = 0.03
    zoom: tuple[float, float] = (0.6, 1.7)
    sizes: float | None = None
    stretch: float = 0.1
    shear: float = 0.1
    turned: float = 1.0
    padding: Padding = "reflection"
    invert: float = 0.12
    grey: float = 0.2
    dim: float = 0.1
    tint: float = 0.15
    gain: float = 1.3
    gamma: float = 0.4
    blur: float = 0.25
    noise: float = 0.4
    largest_gamma: float = 2.0
    largest_noise: float = 0.08
    largest_grain: float = 1.0
    disturb: Disturb | None = None


_TURN, _MIRROR = np.array([[0.0, -1.0], [1.0, 0.0]]), np.diag([1.0, -1.0])
SYMMETRIES = np.array(
    [np.linalg.matrix_power(_TURN, n) @ side for n in range(4) for side in (np.eye(2), _MIRROR)]
)
"""Rotations by right angles, with and without mirroring: shape (8, 2, 2)."""


@dataclass(frozen=True, eq=False)
class Warp:
    """Where patches lie on their images, and how they are turned, mirrored and magnified.

    Attributes
    ----------
    which : ndarray of int64, shape (N,)
        Number of the image.
    centre : ndarray of float64, shape (N, 2)
        Row and column of the image under the centre of the patch.
    matrix : ndarray of float64, shape (N, 2, 2)
        From offsets on the patch to offsets on the image.
    level : ndarray of int64, shape (N,)
        How many times the image is halved before it is read.
    """

    which: NDArray[np.int64]
    centre: Floats
    matrix: Floats
    level: NDArray[np.int64]

    def points(self, size: int, device: str) -> Tensor:
        """The points of the images under the pixels of the patches: float32, shape (N, 2, size, size)."""
        steps = torch.arange(size, device=device, dtype=torch.float32) - (size - 1) / 2
        grid = torch.stack(torch.meshgrid(steps, steps, indexing="ij"))  # (2, P, P)
        matrix = torch.from_numpy(self.matrix).float().to(device)
        centre = torch.from_numpy(self.centre).float().to(device)
        return torch.einsum("nij,jyx->niyx", matrix, grid) + centre[:, :, None, None]


def upright(which: Sequence[int], centre: Floats) -> Warp:
    """Patches that show their images unchanged."""
    count = len(which)
    return Warp(np.array(which), centre, np.tile(np.eye(2), (count, 1, 1)), np.zeros(count, np.int64))


def random_warp(
    which: Sequence[int], centre: Floats, zoom: Floats, augmentation: Augmentation, rng: np.random.Generator
) -> Warp:
    """Patches mirrored, stretched, sheared and turned at random, magnified by `zoom` (N,)."""
    matrix = _random_matrices(zoom, augmentation, rng)
    if augmentation.turned < 1:
        exact = rng.random(len(zoom)) >= augmentation.turned
        zoom = np.where(exact, 1.0, zoom)
        matrix[exact] = SYMMETRIES[rng.integers(len(SYMMETRIES), size=np.count_nonzero(exact))]
    level = np.floor(np.log2(np.maximum(1 / zoom, 1)) + 0.5).astype(np.int64)
    return Warp(np.array(which), centre, matrix, np.minimum(level, PYRAMID_LEVELS - 1))


def _random_matrices(zoom: Floats, augmentation: Augmentation, rng: np.random.Generator) -> Floats:
    """Mirror, stretch, shear, then turn: from offsets on the patch to offsets on the image, (N, 2, 2)."""
    count = len(zoom)
    turn, shear = rng.uniform(-np.pi, np.pi, count), rng.uniform(-1, 1, count) * augmentation.shear
    stretched = np.exp(rng.uniform(-1, 1, count) * augmentation.stretch)
    mirror = rng.choice((-1.0, 1.0), count)
    zero, one = np.zeros(count), np.ones(count)

    def matrix(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
        return np.stack([a, b, c, d], axis=-1).reshape(-1, 2, 2)

    turned = matrix(np.cos(turn), -np.sin(turn), np.sin(turn), np.cos(turn))
    scaled = matrix(stretched / zoom, zero, zero, mirror / stretched / zoom)
    return turned @ matrix(one, shear, zero, one) @ scaled
