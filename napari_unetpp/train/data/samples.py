"""Labelled training images in memory, normalised, on the model's working grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.input.normalise import clean_plane, measure, to_input
from napari_unetpp.engine.input.sampling import resample, resample_labels
from napari_unetpp.engine.input.scale import plane_scale
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import Pair, read_pairs
from napari_unetpp.files.notes import Notes
from napari_unetpp.train.data.labels import foreground_of_folder, read_pair_truth


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
        (colour, bright background); see `placement.sampling_weights`.
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
        """Pixels of every object; empty where objects are not told apart."""
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
    work = resample(image, plane_scale(info.sampling, image))
    grid = (work.shape[0], work.shape[1])
    labels, ignore = resample_labels(truth.labels, grid), resample_labels(truth.ignore, grid)
    x = to_input(work, measure(image, info.normalisation)).astype(np.float16)
    colour = image.ndim == 3 and float(np.abs(x[0] - x[1]).mean()) > 0.01
    inside, outside = x[:, labels > 0], x[:, labels == 0]
    bright = bool(outside.size and inside.size and outside.mean() > inside.mean())
    kept = x if colour else x[:1]
    return Sample(pair.stem, kept, labels, ignore, truth.objects, (colour, bright), folder)


def read_samples(folder: Path, info: ModelInfo, log: Callable[[str], None]) -> list[Sample]:
    """The images of a folder with their labels, on the working grid; `log` receives notes on the files."""
    pairs, notes = read_pairs(folder), Notes()
    foreground = foreground_of_folder(pairs, info.task, None, notes)
    samples = [load_sample(pair, info, foreground, notes=notes) for pair in pairs]
    for line in notes.lines():
        log(f"note: {line}")
    return samples


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
