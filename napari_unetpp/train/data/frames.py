"""Augmentation of whole camera frames: highlights, interlacing, borders, text; and frames without objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw
from scipy.ndimage import gaussian_filter
from skimage.draw import ellipse
from torch import Generator, Tensor

from napari_unetpp.train.data.augment import Augmentation
from napari_unetpp.train.data.samples import Sample

Image = NDArray[np.float32]

HIGHLIGHTS, INTERLACED, BORDERED, LETTERED = 0.3, 0.1, 0.3, 0.2
"""Probabilities of highlights, interlacing, a black border and text on a frame."""

LETTERS = np.array(list("ABCDEFGHIKLMNOPRSTUVXYZabcdeghimnorstu0123456789:/.-"))


MIRRORED = 0.25
"""Share of the frames that are mirrored."""

FREE_SIDE = 0.4
"""A frame is mirrored if a side without objects covers at least this share of it."""


def mirrored_frames(samples: Sequence[Sample], rng: np.random.Generator) -> Iterator[Sample]:
    """Frames without objects, made by mirroring; and as many mirrored frames with objects.

    Nearly every frame of a collection of lesions shows one, so a network may learn that there always is one.
    The side of a frame without objects, mirrored onto the rest, is a frame without objects. The half with
    objects is mirrored onto the other half, too, so that mirroring itself does not tell the two kinds apart.
    """
    for sample in samples:
        if rng.random() < MIRRORED:
            axis, cut, free_first = free_side(sample.labels)
            size = sample.labels.shape[axis]
            if (cut if free_first else size - cut) >= FREE_SIDE * size:
                yield _mirrored(sample, axis, cut, first=free_first)
                yield _mirrored(sample, axis, size // 2, first=not free_first)


def free_side(labels: NDArray[np.int32]) -> tuple[int, int, bool]:
    """The largest side without objects: the axis, the line at which it ends, and whether it comes first."""
    sides: list[tuple[float, int, int, bool]] = []
    for axis in (0, 1):
        shown = np.flatnonzero((labels > 0).any(axis=1 - axis))
        size = labels.shape[axis]
        first, stop = (int(shown[0]), int(shown[-1]) + 1) if shown.size else (size, size)
        sides += [(first / size, axis, first, True), (1 - stop / size, axis, stop, False)]
    _, axis, cut, free_first = max(sides)
    return axis, cut, free_first


def _mirrored(sample: Sample, axis: int, cut: int, *, first: bool) -> Sample:
    """The side before (`first`) or after a cut, mirrored until it fills the frame."""
    size = sample.labels.shape[axis]
    kept = slice(0, cut) if first else slice(cut, size)
    missing = (0, size - cut) if first else (cut, 0)

    def fill(plane: NDArray[Any]) -> NDArray[Any]:
        side = plane[kept] if axis == 0 else plane[:, kept]
        return np.pad(side, [missing, (0, 0)] if axis == 0 else [(0, 0), missing], mode="symmetric")

    image = np.stack([fill(channel) for channel in sample.image])
    return replace(sample, image=image, labels=fill(sample.labels), ignore=fill(sample.ignore))


def disturb(
    images: Tensor, labels: Tensor, rng: np.random.Generator, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Disturb frames (N, 3, Y, X); labels (N, 1, Y, X) become background where a frame turns black."""
    del generator
    for n in range(len(images)):
        overlay = Overlay.draw(images.shape[-1], rng)
        images[n] = overlay.over(images[n])
        labels[n] *= overlay.inside(labels.device)
    return images, labels


@dataclass(frozen=True, eq=False)
class Overlay:
    """Disturbances of one frame; None: not on this frame.

    Attributes
    ----------
    light : ndarray of float32, shape (Y, X)
        Share of highlight in each pixel.
    moved : int
        Pixels by which every other row is moved.
    outside : ndarray of bool, shape (Y, X)
        Black pixels.
    letters : ndarray of float32, shape (Y, X)
        Share of text in each pixel.
    highlight, ink : float
        Brightness of highlights and text.
    """

    light: Image | None = None
    moved: int = 0
    outside: NDArray[np.bool_] | None = None
    letters: Image | None = None
    highlight: float = 1.0
    ink: float = 1.0

    @classmethod
    def draw(cls, size: int, rng: np.random.Generator) -> Overlay:
        """A random overlay for a frame of `size` px."""
        lit, torn, bordered, lettered = rng.random(4) < (HIGHLIGHTS, INTERLACED, BORDERED, LETTERED)
        return cls(
            light=highlights(size, rng) if lit else None,
            moved=int(rng.choice((-1, 1)) * rng.integers(1, 7)) if torn else 0,
            outside=border(size, rng) if bordered else None,
            letters=text(size, rng) if lettered else None,
            highlight=float(rng.uniform(0.9, 1.1)),
            ink=float(rng.uniform(0.7, 1.0)),
        )

    def over(self, image: Tensor) -> Tensor:
        """The frame (3, Y, X) with this overlay."""
        if self.light is not None:
            image = image + _on(self.light, image) * (self.highlight - image)
        if self.moved:
            image = interlaced(image, self.moved)
        image = image * self.inside(image.device)
        if self.letters is not None:
            image = image + _on(self.letters, image) * (self.ink - image)
        return image

    def inside(self, device: torch.device) -> Tensor:
        """1 where the frame is not black (Y, X), or the number 1."""
        if self.outside is None:
            return torch.ones((), dtype=torch.uint8, device=device)
        return torch.from_numpy(~self.outside).to(device)


def _on(plane: Image, image: Tensor) -> Tensor:
    return torch.from_numpy(plane).to(image.device)


FRAMES = Augmentation(
    on_foreground=0.3,
    spread=0.3,
    zoom=(0.75, 1.6),
    stretch=0.25,
    padding="zeros",
    invert=0.0,
    grey=0.05,
    tint=0.25,
    disturb=disturb,
)


def highlights(size: int, rng: np.random.Generator) -> Image:
    """Specular highlights (size, size): up to 15 small spots with soft edges."""
    spots = np.zeros((size, size), np.float32)
    middle, spread = rng.uniform(0, size, 2), rng.uniform(0.05, 0.4) * size
    for _ in range(rng.integers(1, 16)):
        (y, x), (down, across) = rng.normal(middle, spread), rng.uniform(0.5, 0.025 * size, 2)
        turn = rng.uniform(-np.pi, np.pi)
        spots[ellipse(y, x, down, across, shape=spots.shape, rotation=turn)] = 1
    softened: Image = np.minimum(1.5 * gaussian_filter(spots, rng.uniform(0.4, 1.2)), 1).astype(np.float32)
    return softened


def interlaced(image: Tensor, moved: int) -> Tensor:
    """A frame (3, Y, X) with every other row moved sideways, like two half frames of a moving camera."""
    out = image.clone()
    out[:, 1::2] = torch.roll(image[:, 1::2], moved, dims=2)
    return out


def border(size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """The part of a square frame that a lens or recorder leaves black: around a circle, bars, or a corner."""
    rows, columns = np.indices((size, size))
    kind = rng.integers(3)
    if kind == 0:
        y, x = size / 2 + rng.uniform(-0.05, 0.05, 2) * size
        return np.hypot(rows - y, columns - x) > rng.uniform(0.42, 0.6) * size  # type: ignore[no-any-return]
    if kind == 1:
        along = rows if rng.random() < 0.5 else columns
        first, last = rng.uniform(0, 0.2, 2) * size
        bars: NDArray[np.bool_] = (along < first) | (along >= size - last)
        return bars
    down, across = rng.uniform(0.15, 0.4, 2) * size
    corner: NDArray[np.bool_] = (rows < down) & (columns < across)
    return np.rot90(corner, int(rng.integers(4)))


def text(size: int, rng: np.random.Generator) -> Image:
    """One to five short lines of letters (size, size), like those that recorders write into frames."""
    page = PillowImage.new("L", (size, size))
    lines = ["".join(rng.choice(LETTERS, rng.integers(2, 14))) for _ in range(rng.integers(1, 6))]
    place = (float(rng.uniform(0, 0.8) * size), float(rng.uniform(0, 0.8) * size))
    spacing = int(rng.integers(1, 5))
    ImageDraw.Draw(page).multiline_text(place, "\n".join(lines), fill=255, spacing=spacing)
    letters: Image = np.asarray(page, np.float32) / np.float32(255)
    return letters
