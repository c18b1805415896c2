"""Training patches from lessons: centred on labelled pixels, each class as often as the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from napari_unetpp._types import ModelInfo
from napari_unetpp.train.finetune.examples import Lesson
from napari_unetpp.train.finetune.targets import separating_targets

ZOOM = (0.8, 1.25)
"""Magnification range of the patches that are turned freely (log-uniform)."""

TURNED = 0.5
"""Share of patches that are turned by any angle and magnified; the others by quarter turns, exactly."""

JITTER = 0.35
"""How far the centre of a patch may lie from the labelled pixel, as a share of its side."""

GAMMA, GAIN, SHIFT = 0.5, 0.22, 0.1
"""How far intensities are changed: logarithms of the exponent and of the factor, and the summand."""

COVERED, BLACK = 0.25, 0.5
"""Share of patches a part of which is covered by an even area, and how often that is black.

Black borders and empty places are rarely labelled; that they hold nothing is always true.
"""

HOLD = 0.25
"""Weight with which separating outputs are held to the parent where they cannot be learned."""

NOTHING_THERE = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0])[:, None, None]
"""Labels, known, whole, open and held of a covered area: background for certain."""


@dataclass(frozen=True, eq=False)
class LessonBatch:
    """One batch; all maps have shape (N, K, Y, X).

    Attributes
    ----------
    image : Tensor of shape (N, C, Y, X)
    target, weight : Tensor
        What the labels say, and 1 where they say it.
    teacher, soft : Tensor
        What the parent says, and how much it counts.
    """

    image: Tensor
    target: Tensor
    weight: Tensor
    teacher: Tensor
    soft: Tensor

    def to(self, device: str) -> LessonBatch:
        """The same batch on another device."""
        parts = (self.image, self.target, self.weight, self.teacher, self.soft)
        return LessonBatch(*(part.to(device) for part in parts))


class LessonSource:
    """Draws augmented patches from lessons; the same generator state gives the same patches.

    Parameters
    ----------
    lessons : sequence of Lesson
    teachers : sequence of ndarray of float32, shape (K, Y, X)
        The parent's maps of every lesson.
    soft : sequence of float
        How much the parent counts in the open part of every lesson.
    info : ModelInfo
    rng : numpy.random.Generator
        The only source of randomness.
    """

    def __init__(
        self,
        lessons: Sequence[Lesson],
        teachers: Sequence[NDArray[np.float32]],
        soft: Sequence[float],
        info: ModelInfo,
        rng: np.random.Generator,
    ) -> None:
        self.info, self.rng, self.soft = info, rng, list(soft)
        usable = [n for n, lesson in enumerate(lessons) if lesson.known.any()]
        self.usable = np.array(usable)
        sizes = np.array([np.count_nonzero(lessons[n].known) for n in usable], np.float64)
        self._chance = np.sqrt(sizes) / np.sqrt(sizes).sum()
        self._pixels = {n: _pixels_by_class(lessons[n], info) for n in usable}
        self._smooth = {n: _smooth_layers(lessons[n], teachers[n]) for n in usable}
        self._hard = {n: _hard_layers(lessons[n]) for n in usable}

    def batch(self, count: int, size: int, *, augment: bool = True) -> LessonBatch:
        """`count` patches of `size` x `size` px."""
        parts = [self._patch(size, augment=augment) for _ in range(count)]
        image, *maps = (torch.stack([p[k] for p in parts]) for k in range(5))
        return LessonBatch(image.contiguous(memory_format=torch.channels_last), *maps)

    def _patch(self, size: int, *, augment: bool) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        n = int(self.usable[self.rng.choice(len(self.usable), p=self._chance)])
        shape = self._hard[n].shape[-2:]
        grid = self._grid(self._centre(n, size, shape), size, shape, augment=augment)
        smooth = F.grid_sample(
            self._smooth[n], grid, mode="bilinear", padding_mode="reflection", align_corners=False
        )[0]
        hard = F.grid_sample(
            self._hard[n], grid, mode="nearest", padding_mode="reflection", align_corners=False
        )[0]
        channels = self.info.net.in_channels
        image, teacher = smooth[:channels], smooth[channels:]
        if augment:
            image = self._recolour(image)
            if self.rng.random() < COVERED:
                image, teacher, hard = self._cover(image, teacher, hard)
        return image, *self._maps(n, teacher, hard)

    def _cover(self, image: Tensor, teacher: Tensor, hard: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Make a part of a patch, up to a straight edge, an even area in which there is nothing."""
        rng, size = self.rng, image.shape[-1]
        angle, (y, x) = rng.uniform(0, 2 * np.pi), rng.uniform(0, size, 2)
        rows, columns = np.indices((size, size), np.float32)
        beyond = torch.from_numpy((rows - y) * np.sin(angle) + (columns - x) * np.cos(angle) > 0)
        level = 0.0 if rng.random() < BLACK else rng.uniform(0, 1)
        noise = rng.standard_normal((size, size), np.float32) * np.float32(rng.uniform(0, 0.02))
        nothing = torch.zeros_like(teacher)
        if self.info.outputs[0] == "background":
            nothing[0] = 1
        return (
            torch.where(beyond, torch.from_numpy(noise) + float(level), image),
            torch.where(beyond, nothing, teacher),
            torch.where(beyond, NOTHING_THERE, hard),
        )

    def _centre(self, n: int, size: int, shape: Sequence[int]) -> tuple[float, float]:
        """Near a labelled pixel of a class drawn at random, and inside where the plane is large enough."""
        classes = self._pixels[n]
        pixels = classes[self.rng.integers(len(classes))]
        y, x = divmod(int(pixels[self.rng.integers(pixels.size)]), shape[1])
        centre = []
        for c, length in zip((y, x), shape, strict=True):
            near = c + self.rng.uniform(-JITTER, JITTER) * size
            low, high = min(size / 2, length / 2), max(length - size / 2, length / 2)
            centre.append(float(np.round(np.clip(near, low, high))))
        return centre[0], centre[1]

    def _grid(self, centre: tuple[float, float], size: int, shape: Sequence[int], *, augment: bool) -> Tensor:
        """Sampling positions (1, size, size, 2) around a pixel corner, as `grid_sample` counts."""
        rng = self.rng
        quarter, mirrored, turned = rng.integers(4), rng.random() < 0.5, rng.random() < TURNED
        angle, zoom = rng.uniform(-np.pi, np.pi), np.exp(rng.uniform(*np.log(ZOOM)))
        if not augment:
            quarter, mirrored, turned = np.int64(0), False, False
        if not turned:
            angle, zoom = quarter * np.pi / 2, 1.0
        matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
        if mirrored:
            matrix = matrix @ np.diag([1.0, -1.0])
        offsets = np.arange(size) - (size - 1) / 2
        yx = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1) @ matrix.T + np.array(centre)
        xy = 2 * yx[..., ::-1] / np.array([shape[1], shape[0]]) - 1
        return torch.from_numpy(xy.astype(np.float32))[None]

    def _recolour(self, image: Tensor) -> Tensor:
        """Brightness, contrast, gamma and noise of one image (C, Y, X)."""
        rng = self.rng
        gamma = np.exp(rng.uniform(-GAMMA, GAMMA))
        gain, shift = np.exp(rng.uniform(-GAIN, GAIN)), rng.uniform(-SHIFT, SHIFT)
        image = torch.where(image > 0, image.clamp(min=1e-6) ** float(gamma), image)
        image = image * float(gain) + float(shift)
        if rng.random() < 0.3:
            noise = rng.standard_normal(image.shape[-2:], np.float32) * np.float32(rng.uniform(0, 0.05))
            image = image + torch.from_numpy(noise)
        return image.clamp(-0.5, 2.0)

    def _maps(self, n: int, teacher: Tensor, hard: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Target, weight, teacher and soft weight, (K, Y, X) each."""
        outputs = self.info.outputs
        labels, known, whole, open_, held = hard[:, None]  # (1, Y, X) each
        soft = self.soft[n] * open_
        if self.info.task == "instances":
            maps, certain = separating_targets(outputs[1:], labels[None], known[None])
            learned = certain[0] * whole
            target = torch.cat([(labels > 0).float(), maps[0]])
            return (
                target,
                torch.cat([known, learned]),
                teacher,
                torch.cat([soft, HOLD * held * (1 - learned)]),
            )
        classes = torch.arange(len(outputs))[:, None, None]
        target = (labels > 0 if len(outputs) == 1 else labels == classes).float()
        return target, known.expand_as(target), teacher, soft.expand_as(target)


def _pixels_by_class(lesson: Lesson, info: ModelInfo) -> list[NDArray[np.int64]]:
    """Flat positions of the known pixels: background first, then every class that is there."""
    labels = lesson.labels if info.task == "semantic" else lesson.labels > 0
    values = np.where(lesson.known, labels, -1).ravel()
    return [np.flatnonzero(values == v) for v in np.unique(values[values >= 0])]


def _smooth_layers(lesson: Lesson, teacher: NDArray[np.float32]) -> Tensor:
    """(1, C + K, Y, X): image, teacher."""
    return torch.from_numpy(np.concatenate([lesson.image, teacher]))[None]


def _hard_layers(lesson: Lesson) -> Tensor:
    """(1, 5, Y, X): labels, known, whole, open, held."""
    layers = [lesson.labels, lesson.known, lesson.whole, lesson.open, lesson.held]
    return torch.from_numpy(np.stack([layer.astype(np.float32) for layer in layers]))[None]
