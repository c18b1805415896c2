"""Training patches of examples: centred on labelled pixels, all classes equally often."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unetpp._types import ModelInfo
from napari_unetpp.train.data.augment import Augmentation, Floats, random_warp, upright
from napari_unetpp.train.data.intensity import vary_intensities
from napari_unetpp.train.data.store import ImageStore, pack, unpack
from napari_unetpp.train.data.targets import certain_maps, label_weights, targets
from napari_unetpp.train.finetune.data.examples import Example
from napari_unetpp.train.loss import Batch

AUGMENTATION = Augmentation(
    zoom=(0.8, 1.25),
    stretch=0.0,
    shear=0.0,
    turned=0.5,
    invert=0.0,
    grey=0.0,
    dim=0.0,
    tint=0.0,
    gain=1.25,
    gamma=1.0,
    blur=0.0,
    noise=0.3,
    largest_gamma=1.65,
    largest_noise=0.05,
    largest_grain=0.0,
)
"""Weaker than in training: the planes are like those to be segmented, and their scale is known."""

JITTER = 0.35
"""Largest distance of a patch's centre from the labelled pixel, along each axis, as a share of its side."""

COVERED, BLACK = 0.25, 0.5
"""Share of patches partly covered by an even area, and share of these areas that are black.

Black borders and empty places are rarely labelled, but never contain an object.
"""

COVER_NOISE = 0.02
"""Largest standard deviation of the noise of a covered area."""

SOFT_MAPS = 0.25
"""Trust in the parent's separating outputs where they cannot be learned."""

FLAGS = 4
"""Masks that go with the labels: certain, whole, soft, soft_maps."""


class ExamplePatches:
    """Draws varied patches from examples; the same generator state gives the same patches.

    Parameters
    ----------
    examples : sequence of Example
    parent_maps : sequence of ndarray of float32, shape (K, Y, X)
        The parent's prediction of every example.
    trust : sequence of float
        Trust in the parent where the classes of an example follow it.
    info : ModelInfo
    rng : numpy.random.Generator
        The only source of randomness; it also seeds the generator of the device.
    device : str
    """

    def __init__(
        self,
        examples: Sequence[Example],
        parent_maps: Sequence[NDArray[np.float32]],
        trust: Sequence[float],
        info: ModelInfo,
        rng: np.random.Generator,
        device: str = "cpu",
    ) -> None:
        self.info, self.rng = info, rng
        used = [n for n, example in enumerate(examples) if example.certain.any()]
        self._shapes = [examples[n].shape for n in used]
        self._pixels = [_pixels_by_class(examples[n], info) for n in used]
        sizes = np.sqrt([np.count_nonzero(examples[n].certain) for n in used])
        self._chance = sizes / sizes.sum()
        self._trust = torch.tensor([trust[n] for n in used], device=device)[:, None, None, None]
        self._generator = torch.Generator(device).manual_seed(int(rng.integers(2**62)))
        images = [np.concatenate([examples[n].image, parent_maps[n]]) for n in used]
        labels = [_packed(examples[n]) for n in used]
        channels = info.net.in_channels + len(info.outputs)
        self._store = ImageStore(images, labels, device, channels, exact=True)

    def batch(self, count: int, size: int, *, augment: bool = True) -> Batch:
        """`count` patches of `size` x `size` px."""
        rng = self.rng
        which = [int(rng.choice(len(self._chance), p=self._chance)) for _ in range(count)]
        centre = np.array([self._centre(n, size) for n in which])
        low, high = np.log(AUGMENTATION.zoom)
        zoom = np.exp(rng.uniform(low, high, count))
        warp = random_warp(which, centre, zoom, AUGMENTATION, rng) if augment else upright(which, centre)
        layers, packed = self._store.read(warp, size, AUGMENTATION.padding)
        image, parent = layers.split([self.info.net.in_channels, len(self.info.outputs)], dim=1)
        labels = torch.cat([layer.long() for layer in unpack(packed, FLAGS)], dim=1)
        if augment:
            image = vary_intensities(image, AUGMENTATION, rng, self._generator)
            self._cover(image, parent, labels)
        trust = self._trust[torch.tensor(which, device=packed.device)]
        target, certain, soft = self._targets(parent, labels, trust)
        return Batch(image.contiguous(memory_format=torch.channels_last), target, certain, soft)

    def _centre(self, n: int, size: int) -> Floats:
        """Near a certain pixel of a random class; the patch lies inside an example that is large enough."""
        shape = np.array(self._shapes[n])
        pixels = self._pixels[n][self.rng.integers(len(self._pixels[n]))]
        near = np.array(divmod(int(self.rng.choice(pixels)), shape[1]))
        near = near + self.rng.uniform(-JITTER, JITTER, 2) * size
        edge = np.minimum(size, shape) / 2
        corner: Floats = np.round(np.clip(near, edge, shape - edge))
        return corner - 0.5  # between pixels, where the centre of a patch lies: upright patches are exact

    def _cover(self, image: Tensor, parent: Tensor, labels: Tensor) -> None:
        """Cover a part of some patches, up to a straight edge, by an even area without objects, in place."""
        rng, size = self.rng, image.shape[-1]
        nothing = parent.new_zeros(parent.shape[1], 1)
        nothing[0] = self.info.outputs[0] == "background"
        background = labels.new_tensor([0, 1, 1, 0, 1])[:, None]  # label 0; certain, whole, soft_maps
        steps = torch.arange(size, device=image.device, dtype=torch.float32)
        for n in np.flatnonzero(rng.random(len(image)) < COVERED):
            angle, (y, x) = rng.uniform(0, 2 * np.pi), rng.uniform(0, size, 2)
            beyond = (steps[:, None] - y) * np.sin(angle) + (steps - x) * np.cos(angle) > 0
            grey = 0.0 if rng.random() < BLACK else rng.uniform(0, 1)
            noise = torch.randn(size, size, generator=self._generator, device=image.device)
            image[n, :, beyond] = grey + rng.uniform(0, COVER_NOISE) * noise[beyond]
            parent[n, :, beyond] = nothing
            labels[n, :, beyond] = background

    def _targets(self, parent: Tensor, labels: Tensor, trust: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Target, certain and soft of a batch, (N, K, Y, X) each."""
        numbers, *masks = labels.split(1, dim=1)
        certain, whole, soft, soft_maps = (mask.bool() for mask in masks)
        target, rest = targets(numbers, self.info), len(self.info.outputs) - 1
        certain, soft = certain.repeat(1, 1 + rest, 1, 1), (trust * soft).repeat(1, 1 + rest, 1, 1)
        if self.info.task == "instances":
            maps = certain_maps(self.info.outputs[1:], target[:, 1:], certain[:, :1])
            certain[:, 1:] = maps & whole
            soft[:, 1:] = SOFT_MAPS * (soft_maps & ~certain[:, 1:])
        target = torch.where(certain, target, parent)
        return target, certain * label_weights(numbers, self.info), soft


def _pixels_by_class(example: Example, info: ModelInfo) -> list[NDArray[np.int64]]:
    """Flat positions of the certain pixels of each class that is present, background first."""
    labels = example.labels if info.task == "semantic" else example.labels > 0
    values = np.where(example.certain, labels, -1).ravel()
    return [np.flatnonzero(values == v) for v in np.unique(values[values >= 0])]


def _packed(example: Example) -> Tensor:
    flags = [example.certain, example.whole, example.soft, example.soft_maps]
    return pack(example.labels, flags, example.name)
