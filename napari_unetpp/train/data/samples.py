"""Training images in memory, grouped by kind, and the split that holds some of them out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from skimage.transform import resize

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.input.normalise import clean_plane, measure, to_input
from napari_unetpp.engine.input.sampling import resample, resample_labels, scale_for
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import Pair
from napari_unetpp.files.notes import Notes
from napari_unetpp.train.data.labels import read_pair_truth

THUMBNAIL = 24
NEAR_IDENTICAL = 0.95
"""Correlation of two thumbnails from which two images of one size count as near-copies."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled image, normalised.

    Attributes
    ----------
    stem : str
    image : ndarray of float16, shape (1 or 3, Y, X)
        Normalised; a grey image keeps one channel.
    labels : ndarray of int32, shape (Y, X)
    ignore : ndarray of bool, shape (Y, X)
    objects : bool
        Whether labels tell objects apart.
    kind : tuple of bool
        (colour, bright background): kinds are sampled evenly.
    folder : int
        Number of the data set it comes from.
    """

    stem: str
    image: NDArray[np.float16]
    labels: NDArray[np.int32]
    ignore: NDArray[np.bool_]
    objects: bool
    kind: tuple[bool, bool]
    folder: int = 0

    @cached_property
    def areas(self) -> NDArray[np.int64]:
        """Pixels of every object; empty where labels tell none apart."""
        areas = np.bincount(self.labels.ravel())[1:] if self.objects else np.empty(0, np.int64)
        return areas[areas > 0]

    @property
    def diameter(self) -> float | None:
        """Median diameter (px) of the discs of the objects' areas; None without objects."""
        return float(np.median(2 * np.sqrt(self.areas / np.pi))) if self.areas.size else None


def load_sample(
    pair: Pair,
    info: ModelInfo,
    foreground: Sequence[int] | None = None,
    folder: int = 0,
    notes: Notes | None = None,
) -> Sample:
    """Read, check and normalise one pair of files, and bring frames to the model's working grid."""
    notes = notes or Notes()
    image, _ = clean_plane(read_image(pair.image, note=notes.of(pair.image)))
    truth = read_pair_truth(pair, image.shape[:2], info.task, foreground, notes)
    work = resample(image, scale_for(info.sampling, image))
    grid = (work.shape[0], work.shape[1])
    labels, ignore = resample_labels(truth.labels, grid), resample_labels(truth.ignore, grid)
    x = to_input(work, measure(image, info.normalisation)).astype(np.float16)
    colour = image.ndim == 3 and float(np.abs(x[0] - x[1]).mean()) > 0.01
    inside, outside = x[:, labels > 0], x[:, labels == 0]
    bright = bool(outside.size and inside.size and outside.mean() > inside.mean())
    kept = x if colour else x[:1]
    return Sample(pair.stem, kept, labels, ignore, truth.objects, (colour, bright), folder)


def hold_out(
    samples: Sequence[Sample], share: float, rng: np.random.Generator
) -> tuple[list[Sample], list[Sample]]:
    """Split into (training, held out); near-identical images stay on one side.

    At least one image is held out when there are two groups or more; with one
    group nothing can be, and the second list is empty.
    """
    groups = near_identical_groups(samples)
    wanted = max(1, round(share * len(samples)))
    held: list[int] = []
    for k in rng.permutation(len(groups)):
        if len(held) >= wanted or len(held) + len(groups[k]) >= len(samples):
            continue
        if len(held) + len(groups[k]) <= max(2 * wanted, 1):
            held.extend(groups[k])
    chosen = set(held)
    train = [s for n, s in enumerate(samples) if n not in chosen]
    return train, [samples[n] for n in sorted(chosen)]


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


def typical_diameter(samples: Sequence[Sample]) -> float | None:
    """Diameter (whole px) of a typical object: the median over the data sets of the median in each.

    None where there are no objects.
    """
    medians = []
    for folder in sorted({s.folder for s in samples}):
        areas = np.concatenate([s.areas for s in samples if s.folder == folder])
        if areas.size:
            medians.append(float(np.median(2 * np.sqrt(areas / np.pi))))
    return float(max(1, round(np.median(medians)))) if medians else None


def sampling_weights(samples: Sequence[Sample], shares: Sequence[float] | None = None) -> NDArray[np.float64]:
    """Chance of each sample to be drawn.

    A kind weighs as the square root of its number. In it an image weighs as the square root of the number of
    its objects, since every object counts in the scores; where labels tell none apart, of its side.

    Parameters
    ----------
    samples : sequence of Sample
    shares : sequence of float, optional
        Of every data set (`Sample.folder`), in their order; any positive numbers.
    """
    kinds = Counter((s.folder, s.kind) for s in samples)
    sizes = np.array([_size(s) ** 0.5 for s in samples])
    sums: Counter[tuple[int, tuple[bool, bool]]] = Counter()
    for s, size in zip(samples, sizes, strict=True):
        sums[s.folder, s.kind] += size
    weights = np.array(
        [
            size / sums[s.folder, s.kind] * kinds[s.folder, s.kind] ** 0.5
            for s, size in zip(samples, sizes, strict=True)
        ]
    )
    if shares is not None:
        folders = np.array([s.folder for s in samples])
        for folder, share in enumerate(shares):
            inside = folders == folder
            weights[inside] *= share / max(weights[inside].sum(), 1e-12)
    return weights / weights.sum()  # type: ignore[no-any-return]


def _size(sample: Sample) -> float:
    """What there is to learn from an image, about: its objects, or the pixels of its side; at least 1."""
    if sample.objects:
        return float(max(1, sample.areas.size))
    return float(sample.labels.size**0.5)
