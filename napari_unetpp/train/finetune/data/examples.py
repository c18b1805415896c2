"""From a labelled plane to a training example on the working grid: labels, and where they are certain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_components

from napari_unetpp._types import LabelledPlane, ModelInfo, Region, UnetppError
from napari_unetpp.engine.collect import invalid_pixels
from napari_unetpp.engine.input.normalise import clean_plane, to_input, with_range
from napari_unetpp.engine.input.sampling import resample, resample_labels
from napari_unetpp.files.labels.corrections_folder import check_plane
from napari_unetpp.files.labels.label_values import whole_numbers
from napari_unetpp.train.data.labels import IGNORE_VALUE, separate_objects, small_numbers
from napari_unetpp.train.data.targets import SEPARATING_MAPS

Bools = NDArray[np.bool_]

CONTEXT = 96
"""Pixels around the labelled part that are kept as context; nothing is learned from them."""

LARGEST_OBJECT = 0.05
"""Labels of one value with a connected part that covers this share of the plane do not tell objects apart."""


FEWEST_OBJECTS = 5
"""Whole labelled objects from which their median tells a diameter."""


@dataclass(frozen=True, eq=False)
class Example:
    """One labelled plane on the working grid, cropped to its labelled part.

    Attributes
    ----------
    name : str
    image : ndarray of float32, shape (C, Y, X)
        Normalised as in inference.
    labels : ndarray of int32, shape (Y, X)
        Objects (instances) or classes (semantic); 0 is background.
    certain : ndarray of bool, shape (Y, X)
        Where `labels` are true.
    whole : ndarray of bool, shape (Y, X)
        Where separating outputs can be learned: certain background, and objects of which every pixel is
        certain.
    soft : ndarray of bool, shape (Y, X)
        Where the classes follow the parent's prediction.
    soft_maps : ndarray of bool, shape (Y, X)
        Where separating outputs that cannot be learned from labels follow the parent's.
    copied : bool
        Whether the labels are a corrected copy of a prediction.
    scale : float
        Working grid = grid of the plane times this.
    scale_searched : bool
        As in `LabelledPlane`: a search, or the size of the labelled objects, led to this scale.
    """

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    certain: Bools
    whole: Bools
    soft: Bools
    soft_maps: Bools
    copied: bool = False
    scale: float = 1.0
    scale_searched: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.certain.shape[0], self.certain.shape[1]

    @property
    def has_soft(self) -> bool:
        """Whether anything follows the parent's prediction."""
        return bool((self.soft | self.soft_maps).any())

    def tiles(self, side: int) -> list[Region]:
        """Squares of `side` px that cover the example, clipped at its edges."""
        (height, width), whole = self.shape, Region.whole(self.shape)
        corners = [(y, x) for y in range(0, height, side) for x in range(0, width, side)]
        return [Region(y, x, y + side, x + side).clipped(whole) for y, x in corners]

    def restricted(self, to: Bools, soft: Bools | None = None) -> Example:
        """The example with nothing to learn outside `to` (Y, X), nor from the parent outside `soft`."""
        soft = to if soft is None else to & soft
        return replace(
            self,
            certain=self.certain & to,
            whole=self.whole & to,
            soft=self.soft & soft,
            soft_maps=self.soft_maps & soft,
        )


def make_example(plane: LabelledPlane, info: ModelInfo) -> Example:
    """Make an example of a plane whose scale and range are known.

    Raises
    ------
    UnetppError
        Shapes that do not fit, missing masks, or classes that the model does not have.
    """
    check_plane(plane)
    assert plane.scale is not None and plane.range is not None, "with_scale_and_range gives both"
    image, _ = clean_plane(plane.image)
    labels, certain = read_labels(plane, info)
    stats = with_range(image, *plane.range)
    invalid = invalid_pixels(image, stats)
    if invalid is not None:
        certain = certain & ~invalid
    work = resample(image, plane.scale)
    shape = (work.shape[0], work.shape[1])
    labels, certain = resample_labels(labels, shape), resample_labels(certain, shape)
    ignore = np.zeros(shape, bool) if plane.ignore is None else resample_labels(plane.ignore, shape)
    part = _labelled_part(certain).slices
    x = to_input(work, stats, info.net.in_channels)[:, *part]
    labels, certain, ignore = labels[part], certain[part], ignore[part]
    nowhere = np.zeros(certain.shape, bool)
    copied, whole = plane.labels_as == "corrections", nowhere
    if info.task == "instances" and tells_apart(plane):
        labels = separate_objects(labels)
        whole = whole_objects(labels, certain)
    soft = ~certain & ~ignore if copied else nowhere
    soft_maps = ~ignore if _needs_parent(whole, info) else nowhere
    x, labels = np.ascontiguousarray(x), np.ascontiguousarray(labels, np.int32)
    found = plane.scale, plane.scale_searched
    return Example(plane.name, x, labels, certain, whole, soft, soft_maps, copied, *found)


def _needs_parent(whole: Bools, info: ModelInfo) -> bool:
    """Whether any separating output cannot be learned from the labels everywhere."""
    old = set(info.outputs[1:]) - SEPARATING_MAPS.keys()
    return info.task == "instances" and (bool(old) or not whole.all())


def read_labels(plane: LabelledPlane, info: ModelInfo) -> tuple[NDArray[np.int32], Bools]:
    """Labels with 0 as background, and where they are certain (input grid)."""
    labels = whole_numbers(plane.labels, plane.name)
    if plane.labels_as == "sparse":
        certain = labels != 0
        if plane.background is not None:
            labels = np.where(labels == plane.background, 0, labels)
    elif plane.labels_as == "corrections":
        assert plane.certain is not None  # check_plane
        certain = plane.certain.astype(bool)
    else:
        certain = np.ones(labels.shape, bool)
    if plane.ignore is not None:
        certain = certain & ~plane.ignore.astype(bool)
    if info.task == "semantic":
        certain = certain & (labels != IGNORE_VALUE)
        _check_classes(plane.name, labels[certain], info)
        no_class = (labels == IGNORE_VALUE) | (labels > len(info.classes))
        return np.where(no_class, 0, labels).astype(np.int32), certain
    return small_numbers(labels), certain


def _check_classes(name: str, values: NDArray[Any], info: ModelInfo) -> None:
    largest = int(values.max(initial=0))
    if largest > len(info.classes):
        raise UnetppError(
            f"{name} has label {largest}, but {info.name!r} has {len(info.classes)} "
            f"class{'es' if len(info.classes) > 1 else ''} ({', '.join(info.classes)}). Name the classes to "
            "be added, or say which values are foreground (--foreground)."
        )


def tells_apart(plane: LabelledPlane) -> bool:
    """Whether labels tell objects apart; strokes and a single value with large connected parts do not."""
    if not plane.objects or plane.labels_as == "sparse":
        return False
    present = np.unique(plane.labels[plane.labels > 0])
    if present.size != 1 or plane.labels_as == "corrections":
        return True
    parts = connected_components(plane.labels > 0, connectivity=1)
    return bool(np.bincount(parts.ravel())[1:].max(initial=0) < LARGEST_OBJECT * parts.size)


def whole_objects(labels: NDArray[np.int32], certain: Bools) -> Bools:
    """Certain background, and the objects of which every pixel is certain."""
    in_part = np.unique(labels[~certain])
    return certain & ~(np.isin(labels, in_part) & (labels > 0))


def object_areas(labels: NDArray[np.int32], whole: Bools) -> NDArray[np.int64]:
    """Pixels of every object of which all pixels are known."""
    areas = np.bincount(labels[whole])[1:]
    return areas[areas > 0]


def typical_diameter(areas: Sequence[NDArray[np.int64]]) -> float | None:
    """Median diameter of discs of these areas, over all images; None for fewer than `FEWEST_OBJECTS`."""
    every = np.concatenate(areas) if areas else np.empty(0)
    return float(np.median(2 * np.sqrt(every / np.pi))) if every.size >= FEWEST_OBJECTS else None


def _labelled_part(certain: Bools) -> Region:
    """The box around all certain pixels, with context; the whole plane where there is none."""
    rows, columns = np.flatnonzero(certain.any(axis=1)), np.flatnonzero(certain.any(axis=0))
    shape = (certain.shape[0], certain.shape[1])
    if rows.size == 0:
        return Region.whole(shape)
    box = Region(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return box.grown(CONTEXT, shape)
