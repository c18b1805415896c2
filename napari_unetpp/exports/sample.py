"""The real image with which an exported model is checked, and which a package shows on its cover."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.engine.collect import decide_reading
from napari_unetpp.engine.decode.labelling import foreground
from napari_unetpp.engine.input.normalise import NormStats, clean_plane, to_input
from napari_unetpp.engine.input.sampling import resample
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.images.image_file import read_image

FOLDER = Path(__file__).parents[1] / "samples"
SIDE = 256
"""Largest side of the part that is used, px of the working grid."""

SMALLEST = 2
"""Least side as a multiple of the network's; programs with tiles need the halo on both sides besides."""

COVER = 256
"""Height of a cover image, px; it is twice as wide."""

COLOUR = np.array([255, 130, 0], np.float32)
"""Colour of the foreground on a cover."""

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class ExportSample:
    """A part of an image on the working grid.

    Attributes
    ----------
    pixels : ndarray of float32, shape (C, Y, X)
        Intensities as in the file; Y and X are multiples of the network's.
    stats : NormStats
        Percentiles of these pixels, which become 0 and 1.
    """

    pixels: Array
    stats: NormStats

    @property
    def normalised(self) -> Array:
        """The input of the network (C, Y, X)."""
        return to_input(np.moveaxis(self.pixels, 0, -1), self.stats, len(self.pixels))


def sample_file(info: ModelInfo) -> Path:
    """The shipped sample that is most like the images of a model."""
    if info.sampling.kind == "frame":
        return FOLDER / "histology.png"  # the only one in colour
    cells = any("cell" in name.lower() for name in info.classes)
    return FOLDER / ("phase_contrast.png" if cells else "sparse_fluorescence.png")


def read_sample(model: LoadedModel, file: Path) -> ExportSample:
    """The middle of an image on the model's working grid.

    Raises
    ------
    UnetppError
        The image cannot be read, is too small, or has only one value.
    """
    info = model.info
    plane, _ = clean_plane(read_image(file))
    if plane.ndim == 3 and info.net.in_channels != plane.shape[-1]:
        plane = plane.astype(np.float32).mean(axis=-1)
    scaled = resample(plane, decide_reading(plane, model).scale.scale)
    multiple = info.net.multiple
    if min(scaled.shape[:2]) < SMALLEST * multiple:
        raise UnetppError(
            f"{file} has only {scaled.shape[1]} x {scaled.shape[0]} px where the network sees it; expected "
            f"{SMALLEST * multiple} px or more. Give a larger sample."
        )
    middle = _middle(scaled.astype(np.float32), multiple)
    channels = np.moveaxis(middle, -1, 0) if middle.ndim == 3 else np.stack([middle] * info.net.in_channels)
    low, high = np.percentile(channels, (info.normalisation.low, info.normalisation.high))
    if not low < high:
        raise UnetppError(f"{file} shows nothing: its pixels all have one value. Give another sample.")
    return ExportSample(np.ascontiguousarray(channels), NormStats(float(low), float(high)))


def _middle(plane: Array, multiple: int) -> Array:
    """The middle of a plane (Y, X[, C]): at most `SIDE` px, multiples of `multiple`."""
    sides = [min(side, max(SIDE, SMALLEST * multiple)) // multiple * multiple for side in plane.shape[:2]]
    y, x = ((whole - side) // 2 for whole, side in zip(plane.shape, sides, strict=False))
    return plane[y : y + sides[0], x : x + sides[1]]


def cover_png(sample: ExportSample, maps: Array, info: ModelInfo) -> bytes:
    """A PNG, twice as wide as high: the sample, and beside it the sample with its predicted foreground."""
    shown = np.clip(sample.normalised, 0, 1)
    picture = np.moveaxis(shown if len(shown) == 3 else shown[[0, 0, 0]], 0, -1) * 255
    probability = np.clip(foreground(maps, info).sum(axis=0), 0, 1)[..., None] * 0.7
    found = picture * (1 - probability) + COLOUR * probability
    cover = Image.new("RGB", (2 * COVER, COVER))
    for n, part in enumerate((picture, found)):
        square = _square(part)
        cover.paste(Image.fromarray(square.astype(np.uint8)).resize((COVER, COVER)), (n * COVER, 0))
    file = BytesIO()
    cover.save(file, "PNG", optimize=True)
    return file.getvalue()


def _square(picture: Array) -> Array:
    side = min(picture.shape[:2])
    y, x = ((whole - side) // 2 for whole in picture.shape[:2])
    return picture[y : y + side, x : x + side]
