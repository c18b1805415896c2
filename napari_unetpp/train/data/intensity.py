"""Random changes of the intensities of patches, on their device: exposure, gain, gamma, focus, noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Generator, Tensor

from napari_unetpp.engine.input.normalise import CLIPPED
from napari_unetpp.train.data.augment import Augmentation

SHIFT = 0.1
DIMMED = (0.08, 0.6)
"""Range of the contrast that is left of a dimmed patch, around its median (log-uniform)."""

SIGMA = (0.4, 2.0)
FINE_GRAIN = 0.5
"""No grain is drawn as often as a grain in a range of so many px."""

Bools = NDArray[np.bool_]


def vary_intensities(
    x: Tensor, augmentation: Augmentation, rng: np.random.Generator, generator: Generator
) -> Tensor:
    """Change the intensities of patches at random.

    Parameters
    ----------
    x : Tensor of float32, shape (N, 3, Y, X)
        Normalised patches.
    augmentation : Augmentation
    rng : numpy.random.Generator
        Of the choices.
    generator : torch.Generator
        Of the noise, on the device of `x`.

    Returns
    -------
    Tensor of float32, shape (N, 3, Y, X), in [-0.5, 2]
    """
    count = len(x)
    x = _where(rng.random(count) < augmentation.grey, x, x.mean(dim=1, keepdim=True).expand_as(x))
    x = _where(rng.random(count) < augmentation.invert, x, 1 - x)
    left = np.where(rng.random(count) < augmentation.dim, _log_uniform(DIMMED, count, rng), 1.0)
    middle = x[:, :, ::8, ::8].flatten(2).median(dim=2).values[:, :, None, None]
    x = middle + _each(left, x) * (x - middle)
    x = _with_gamma(x, augmentation, rng)
    gain = _log_uniform((1 / augmentation.gain, augmentation.gain), count, rng)
    tint = 1 + rng.uniform(-augmentation.tint, augmentation.tint, (count, 3))
    grey = (x[:, 0] == x[:, 1]).flatten(1).all(dim=1)
    factors = torch.where(grey[:, None], 1.0, _tensor(tint, x)) * _tensor(gain, x)[:, None]
    x = x * factors[:, :, None, None] + _each(rng.uniform(-SHIFT, SHIFT, count), x)
    x = _blurred(x, augmentation.blur, rng)
    return _noisy(x, augmentation, rng, generator).clamp(*CLIPPED)


def blur(x: Tensor, sigma: NDArray[np.float64]) -> Tensor:
    """Gaussian blur of patches (N, C, Y, X), each with its own sigma (px); edges are replicated."""
    count, channels = x.shape[:2]
    reach = int(np.ceil(3 * sigma.max()))
    if reach == 0:
        return x
    steps = np.arange(-reach, reach + 1)
    kernels = np.exp(-(steps**2) / (2 * np.maximum(sigma, 1e-3)[:, None] ** 2))
    kernels = _tensor(kernels / kernels.sum(axis=1, keepdims=True), x).repeat_interleave(channels, dim=0)
    flat = x.reshape(1, count * channels, *x.shape[2:])
    flat = F.conv2d(
        F.pad(flat, (0, 0, reach, reach), "replicate"), kernels[:, None, :, None], groups=len(kernels)
    )
    flat = F.conv2d(
        F.pad(flat, (reach, reach, 0, 0), "replicate"), kernels[:, None, None, :], groups=len(kernels)
    )
    return flat.reshape(x.shape)


def noise_like(x: Tensor, grain: NDArray[np.float64], generator: Generator) -> Tensor:
    """Noise of standard deviation 1 with a grain (sigma in px) for each patch of `x` (N, C, Y, X)."""
    noise = torch.randn(x.shape, generator=generator, device=x.device)
    noise = blur(noise, grain)
    return noise / noise.std(dim=(2, 3), keepdim=True).clamp(min=1e-6)


def _with_gamma(x: Tensor, augmentation: Augmentation, rng: np.random.Generator) -> Tensor:
    """Another gamma for some patches, which also changes their mean brightness."""
    gamma = _log_uniform((1 / augmentation.largest_gamma, augmentation.largest_gamma), len(x), rng)
    changed = torch.where(x > 0, x.clamp(min=1e-6) ** _each(gamma, x), x)
    return _where(rng.random(len(x)) < augmentation.gamma, x, changed)


def _blurred(x: Tensor, chance: float, rng: np.random.Generator) -> Tensor:
    chosen, sigma = rng.random(len(x)) < chance, rng.uniform(*SIGMA, len(x))
    return _some(chosen, x, lambda some: blur(some, sigma[chosen]))


def _noisy(x: Tensor, augmentation: Augmentation, rng: np.random.Generator, generator: Generator) -> Tensor:
    """Noise for some patches, alike in the channels of a grey one."""
    chosen = rng.random(len(x)) < augmentation.noise
    deviation = rng.uniform(0, augmentation.largest_noise, len(x))
    grain = np.maximum(rng.uniform(-FINE_GRAIN, augmentation.largest_grain, len(x)), 0)

    def with_noise(some: Tensor) -> Tensor:
        noise = noise_like(some, grain[chosen], generator)
        grey = (some[:, 0] == some[:, 1]).flatten(1).all(dim=1)[:, None, None, None]
        noise = torch.where(grey, noise[:, :1].expand_as(noise), noise)
        return some + _each(deviation[chosen], some) * noise

    return _some(chosen, x, with_noise)


def _where(chosen: Bools, x: Tensor, other: Tensor) -> Tensor:
    """`other` for the chosen patches, `x` for the rest."""
    return torch.where(torch.from_numpy(chosen).to(x.device)[:, None, None, None], other, x)


def _some(chosen: Bools, x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """`x` with the chosen patches changed."""
    if not chosen.any():
        return x
    places = torch.from_numpy(np.flatnonzero(chosen)).to(x.device)
    return x.index_copy(0, places, change(x[places]))


def _log_uniform(span: tuple[float, float], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return np.exp(rng.uniform(np.log(span[0]), np.log(span[1]), count))


def _tensor(values: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(like.device, torch.float32)


def _each(values: NDArray[np.float64], like: Tensor) -> Tensor:
    """A number for each patch, shape (N, 1, 1, 1)."""
    return _tensor(values, like)[:, None, None, None]
