"""How whole frames of a camera are varied in training: what lenses, lamps and recorders do to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter
from skimage.draw import ellipse

from napari_unetpp.train.patches import Variation
from napari_unetpp.train.samples import Sample

HIGHLIGHTS, INTERLACED, BORDERED, LETTERED = 0.3, 0.1, 0.3, 0.2
"""Chances that a frame gets highlights, is torn by interlacing, loses its margin, or carries text."""

LETTERS = np.array(list("ABCDEFGHIKLMNOPRSTUVXYZabcdeghimnorstu0123456789:/.-"))


FOLDED = 0.25
"""Share of the frames that are folded."""

FREE = 0.4
"""A side of a frame is unfolded to a frame without objects where it is this share of the frame or more."""


def folded(samples: Sequence[Sample], rng: np.random.Generator) -> Iterator[Sample]:
    """Frames without objects, made of frames that have some; and as many made alike that keep theirs.

    Nearly every frame of a collection of lesions shows one, so that a network may learn that there always
    is one. The side of a frame that is free of objects, mirrored onto the rest of it, is a frame without;
    the half with the objects, mirrored onto the other, keeps the mirroring from giving that away.
    """
    for sample in samples:
        if rng.random() < FOLDED:
            axis, cut, free_first = free_side(sample.labels)
            size = sample.labels.shape[axis]
            if (cut if free_first else size - cut) >= FREE * size:
                yield _unfolded(sample, axis, cut, first=free_first)
                yield _unfolded(sample, axis, size // 2, first=not free_first)


def free_side(labels: NDArray[np.int32]) -> tuple[int, int, bool]:
    """The largest side without objects: the axis, where it is cut, and whether the free side comes first."""
    sides: list[tuple[float, int, int, bool]] = []
    for axis in (0, 1):
        shown = np.flatnonzero((labels > 0).any(axis=1 - axis))
        size = labels.shape[axis]
        first, stop = (int(shown[0]), int(shown[-1]) + 1) if shown.size else (size, size)
        sides += [(first / size, axis, first, True), (1 - stop / size, axis, stop, False)]
    _, axis, cut, free_first = max(sides)
    return axis, cut, free_first


def _unfolded(sample: Sample, axis: int, cut: int, *, first: bool) -> Sample:
    """The side before (`first`) or after a cut, mirrored until it fills the frame again."""
    size = sample.labels.shape[axis]
    kept = slice(0, cut) if first else slice(cut, size)
    missing = (0, size - cut) if first else (cut, 0)

    def fill(plane: NDArray[Any]) -> NDArray[Any]:
        side = plane[kept] if axis == 0 else plane[:, kept]
        return np.pad(side, [missing, (0, 0)] if axis == 0 else [(0, 0), missing], mode="symmetric")

    image = np.stack([fill(channel) for channel in sample.image])
    return replace(sample, image=image, labels=fill(sample.labels), ignore=fill(sample.ignore))


def disturb(image: NDArray[np.float32], labels: NDArray[np.int32], rng: np.random.Generator) -> None:
    """Disturb a frame (3, Y, X) in place; `labels` (2, Y, X) become background where it turns black."""
    if rng.random() < HIGHLIGHTS:
        add_highlights(image, rng)
    if rng.random() < INTERLACED:
        interlace(image, rng)
    if rng.random() < BORDERED:
        outside = border(image.shape[-1], rng)
        image[:, outside] = 0
        labels[0, outside] = 0
    if rng.random() < LETTERED:
        add_text(image, rng)


FRAMES = Variation(
    on_foreground=0.3,
    roam=0.3,
    zoom=(0.75, 1.6),
    stretch=0.25,
    padding="zeros",
    invert=0.0,
    grey=0.05,
    tint=0.25,
    disturb=disturb,
)


def add_highlights(image: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Specular highlights: up to 15 small white spots with soft edges."""
    size = image.shape[-1]
    spots = np.zeros(image.shape[1:], np.float32)
    middle, spread = rng.uniform(0, size, 2), rng.uniform(0.05, 0.4) * size
    for _ in range(rng.integers(1, 16)):
        (y, x), (down, across) = rng.normal(middle, spread), rng.uniform(0.5, 0.025 * size, 2)
        turn = rng.uniform(-np.pi, np.pi)
        spots[ellipse(y, x, down, across, shape=spots.shape, rotation=turn)] = 1
    spots = np.minimum(1.5 * gaussian_filter(spots, rng.uniform(0.4, 1.2)), 1)
    image += spots * (rng.uniform(0.9, 1.1) - image)


def interlace(image: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Every other row moved sideways by 1 to 6 px, as two half frames of a moving camera."""
    image[:, 1::2] = np.roll(image[:, 1::2], int(rng.choice((-1, 1)) * rng.integers(1, 7)), axis=2)


def border(size: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """What a lens or a recorder leaves black of a square frame: outside a circle, bars, or a corner."""
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


def add_text(image: NDArray[np.float32], rng: np.random.Generator) -> None:
    """One to five short lines of light text, as recorders burn them in."""
    size = image.shape[-1]
    sheet = Image.new("L", (size, size))
    lines = ["".join(rng.choice(LETTERS, rng.integers(2, 14))) for _ in range(rng.integers(1, 6))]
    place = (float(rng.uniform(0, 0.8) * size), float(rng.uniform(0, 0.8) * size))
    ImageDraw.Draw(sheet).multiline_text(place, "\n".join(lines), fill=255, spacing=int(rng.integers(1, 5)))
    letters = np.asarray(sheet, np.float32) / 255
    image += letters * (rng.uniform(0.7, 1.0) - image)
