"""Augmented training patches: geometry and intensity by MONAI transforms, seeded from one generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_unetpp._types import Task
from napari_unetpp.engine.normalise import measure, to_input
from napari_unetpp.train.samples import Sample, sampling_weights
from napari_unetpp.train.targets import between_objects, boundary_map

if TYPE_CHECKING:
    from torch import Tensor

BETWEEN = 5.0
"""Weight of a pixel between two objects; of any other, 1."""

Image = NDArray[np.float32]
Labels = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Variation:
    """How patches are drawn and varied.

    Attributes
    ----------
    on_foreground : float
        Share of patches that are centred on a foreground pixel.
    roam : float
        Share of the image (each way, around its middle) in which the centres of the others lie.
    empty : float
        Share of patches that show nothing but noise, in which nothing is to be found.
    zoom : tuple of float
        Magnification range (log-uniform).
    stretch : float
        How far height and width are stretched against each other (logarithm).
    padding : str
        What lies beyond the image: its ``"reflection"``, or ``"zeros"`` (black).
    invert, grey : float
        Chances that a patch is inverted, and that a colour patch is turned grey.
    tint : float
        How far the channels of a colour patch are changed against each other (factor - 1).
    disturb : callable or None
        What else may happen to an image (3, Y, X) and its labels (2, Y, X: values and ignore), both
        of which it may change in place.
    """

    on_foreground: float = 0.8
    roam: float = 1.0
    empty: float = 0.03
    zoom: tuple[float, float] = (0.6, 1.7)
    stretch: float = 0.1
    padding: str = "reflection"
    invert: float = 0.12
    grey: float = 0.2
    tint: float = 0.15
    disturb: Callable[[Image, Labels, np.random.Generator], None] | None = None


PLAIN = Variation()


@dataclass(frozen=True, eq=False)
class Batch:
    """One training batch: image (N, 3, Y, X), target (N, K, Y, X), weight >= 0 with 0 = ignore.

    The weight has shape (N, 1, Y, X), or (N, K, Y, X) where the outputs differ.
    """

    image: Tensor
    target: Tensor
    weight: Tensor


class PatchSource:
    """Draws augmented patches from samples; the same generator state gives the same patches.

    Parameters
    ----------
    samples : sequence of Sample
    task : {"instances", "semantic"}
    classes : int
        Number of foreground classes (semantic).
    rng : numpy.random.Generator
        The only source of randomness.
    variation : Variation
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        task: Task,
        classes: int,
        rng: np.random.Generator,
        variation: Variation = PLAIN,
    ) -> None:
        self.samples = samples
        self.variation = variation
        self.task = task
        self.classes = classes
        self.rng = rng
        self._chance = sampling_weights(samples)
        self._foreground = [np.flatnonzero(s.labels) for s in samples]
        self._intensity = _intensity_transforms()

    def batch(self, count: int, size: int) -> Batch:
        """`count` patches of `size` x `size` px."""
        import torch

        parts = [self.patch(size) for _ in range(count)]
        image, target, weight = (torch.stack([p[k] for p in parts]) for k in range(3))
        return Batch(image.contiguous(memory_format=torch.channels_last), target, weight)

    def patch(self, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """One patch: image (3, size, size), target (K, size, size), weight (1, size, size)."""
        import torch

        if self.rng.random() < self.variation.empty:
            return self._empty(size)
        n = int(self.rng.choice(len(self.samples), p=self._chance))
        sample = self.samples[n]
        zoom = float(np.exp(self.rng.uniform(*np.log(self.variation.zoom))))
        window = _window(sample, self._centre(n), size / zoom * np.exp(self.variation.stretch))
        image, maps, labels = self._warp(sample, *window, size, zoom)
        if self.variation.disturb is not None:
            self.variation.disturb(image, labels, self.rng)
        x = self._recolour(torch.from_numpy(image))
        target, weight = self._target(labels[0], labels[1] > 0, maps)
        return x, torch.from_numpy(target), torch.from_numpy(weight[None])

    def _empty(self, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """A patch of noise in which nothing is to be found."""
        import torch

        square = (size, size)
        nothing = np.zeros(square, np.int32), np.zeros(square, bool), np.zeros((2, *square), np.float32)
        target, weight = self._target(*nothing)
        image = np.repeat(_noise(size, self.rng)[None], 3, axis=0)
        return torch.from_numpy(image), torch.from_numpy(target), torch.from_numpy(weight[None])

    def _centre(self, n: int) -> tuple[int, int]:
        height, width = self.samples[n].labels.shape
        pixels = self._foreground[n]
        if pixels.size and self.rng.random() < self.variation.on_foreground:
            y, x = divmod(int(pixels[self.rng.integers(pixels.size)]), width)
            return y, x
        y, x = 0.5 + self.variation.roam * (self.rng.random(2) - 0.5)
        return int(y * height), int(x * width)

    def _warp(
        self, sample: Sample, window: tuple[slice, slice], offset: tuple[float, float], size: int, zoom: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
        """Rotate, magnify, shear and mirror a window of the sample onto the patch grid."""
        from monai.transforms import Affine

        rng, far = self.rng, self.variation.stretch
        stretch = np.exp(rng.uniform(-far, far))
        affine = Affine(
            rotate_params=float(rng.uniform(-np.pi, np.pi)),
            shear_params=tuple(rng.uniform(-0.1, 0.1, 2)),
            translate_params=offset,
            scale_params=(float(stretch / zoom), float(1 / (stretch * zoom))),
            spatial_size=(size, size),
            padding_mode=self.variation.padding,
            image_only=True,
        )
        smooth = [sample.image[:, *window].astype(np.float32)]
        if sample.maps is not None:
            smooth.append(sample.maps[:, *window].astype(np.float32))
        hard = np.stack([sample.labels[window], sample.ignore[window]]).astype(np.float32)
        out = affine(np.concatenate(smooth), mode="bilinear").as_tensor().numpy()
        labels = affine(hard, mode="nearest").as_tensor().numpy().astype(np.int32)
        if rng.random() < 0.5:
            out, labels = out[..., ::-1], labels[..., ::-1]
        channels = sample.image.shape[0]
        image = np.broadcast_to(out[:channels], (3, size, size)) if channels == 1 else out[:channels]
        return np.array(image), np.ascontiguousarray(out[channels:]), np.ascontiguousarray(labels)

    def _recolour(self, x: Tensor) -> Tensor:
        """Intensity augmentation of one image (3, Y, X)."""
        import torch

        rng, vary = self.rng, self.variation
        if rng.random() < vary.grey:
            x = x.mean(dim=0, keepdim=True).expand(3, -1, -1)
        if rng.random() < vary.invert:
            x = 1 - x
        gain = rng.uniform(0.75, 1.3)
        x = x * gain + rng.uniform(-0.1, 0.1)
        if not torch.equal(x[0], x[1]):
            x = x * torch.tensor(1 + rng.uniform(-vary.tint, vary.tint, (3, 1, 1)), dtype=torch.float32)
        self._intensity.set_random_state(seed=int(rng.integers(2**31)))
        out: Tensor = self._intensity(x.contiguous())
        return torch.clamp(out.as_tensor() if hasattr(out, "as_tensor") else out, -0.5, 2.0)

    def _target(
        self, labels: NDArray[np.int32], ignore: NDArray[np.bool_], maps: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        weight = (~ignore).astype(np.float32)
        if self.task == "instances":
            target = np.stack([labels > 0, boundary_map(labels), *maps]).astype(np.float32)
            weight[between_objects(labels)] *= BETWEEN
        elif self.classes == 1:
            target = (labels > 0)[None].astype(np.float32)
        else:
            target = (labels[None] == np.arange(self.classes + 1)[:, None, None]).astype(np.float32)
        return target, weight


def _noise(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """An image (Y, X) of noise, normalised as images are: fine grain fills a part of the range only."""
    grain = max(0.0, rng.uniform(-1.0, 1.5))  # read-out and shot noise have none
    noise = gaussian_filter(rng.normal(size=(size, size)), grain)
    image: Image = to_input(noise, measure(noise), channels=1)[0]
    return image


def _intensity_transforms() -> Any:
    from monai.transforms import Compose, RandAdjustContrast, RandGaussianNoise, RandGaussianSmooth

    return Compose(
        [
            RandAdjustContrast(prob=0.4, gamma=(0.5, 2.0)),
            RandGaussianSmooth(prob=0.25, sigma_x=(0.4, 2.0), sigma_y=(0.4, 2.0)),
            RandGaussianNoise(prob=0.3, std=0.08),
        ]
    )


def _window(
    sample: Sample, centre: tuple[int, int], side: float
) -> tuple[tuple[slice, slice], tuple[float, float]]:
    """A window that holds a turned square of `side` px around `centre`; the offset from its middle to it."""
    reach = int(np.ceil(0.72 * side)) + 8
    spans, offset = [], []
    for c, length in zip(centre, sample.labels.shape, strict=True):
        start, stop = max(0, c - reach), min(length, c + reach)
        spans.append(slice(start, stop))
        offset.append(c - (start + stop - 1) / 2)
    return (spans[0], spans[1]), (offset[0], offset[1])
