"""The meaning of label images: the model (or ``--task``) decides it, never the file type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_components
from skimage.segmentation import relabel_sequential

from napari_unetpp._types import LabelledPlane, Task, UnetppError
from napari_unetpp.files.labels.folders import Pair, read_label
from napari_unetpp.files.labels.label_values import whole_numbers
from napari_unetpp.files.notes import Notes

IGNORE_VALUE = 255
"""Value of ignored pixels in semantic labels."""

EXACT = 1 << 24
"""Whole numbers below this are exact in float32, in which targets are computed."""

MASKS = (IGNORE_VALUE,)
"""The foreground of masks of 0 and 255."""

MASKS_NOTE = "every label image holds 0 and 255 alone, so 255 is foreground (otherwise it means: ignore)"


@dataclass(frozen=True, eq=False)
class Truth:
    """The ground truth of one image.

    Attributes
    ----------
    labels : ndarray of int32, shape (Y, X)
        Objects (instances) or classes (semantic), 0 is background.
    ignore : ndarray of bool, shape (Y, X)
        Pixels that are left out of training and scores.
    objects : bool
        Whether `labels` tells objects apart; if not, AP50 is undefined.
    """

    labels: NDArray[np.int32]
    ignore: NDArray[np.bool_]
    objects: bool


def map_foreground(
    labels: NDArray[Any], foreground: Sequence[int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where labels (unsigned) have a foreground value, and where they are ignored (255, unless it is one)."""
    largest = np.iinfo(labels.dtype).max
    wanted = np.isin(labels, np.array([v for v in foreground if 0 <= v <= largest], labels.dtype))
    return wanted, (labels == IGNORE_VALUE) & ~wanted


def small_numbers(labels: NDArray[Any]) -> NDArray[np.int32]:
    """Object numbers (unsigned) that are exact in float32; larger ones are renumbered, 0 stays 0."""
    if labels.max(initial=0) >= EXACT:
        labels = relabel_sequential(labels)[0]
    return labels.astype(np.int32)


def separate_objects(labels: NDArray[Any]) -> NDArray[Any]:
    """Labels (Y, X) of objects: where all foreground has one value, its connected components."""
    if np.unique(labels[labels > 0]).size == 1:
        return connected_components(labels > 0, connectivity=1)  # type: ignore[no-any-return]
    return labels


def read_truth(
    labels: NDArray[Any],
    task: Task,
    *,
    ignore: NDArray[Any] | None = None,
    foreground: Sequence[int] | None = None,
    source: object = "the label image",
) -> Truth:
    """Read one label image.

    Parameters
    ----------
    labels : ndarray of whole numbers, shape (Y, X)
    task : {"instances", "semantic"}
        Instances: 0 background, every other value one object; where all foreground has one
        value, connected components are the objects. Semantic: values are classes, 255 is ignored.
    ignore : ndarray of shape (Y, X), optional
        Non-zero pixels are left out.
    foreground : sequence of int, optional
        These values become foreground, the rest background; objects are then not told apart, and 255 is
        ignored unless it is one of them.
    source : object
        What an error message names.

    Raises
    ------
    UnetppError
        Values are not whole numbers, or too large for classes.
    """
    labels = whole_numbers(labels, source)
    skip = np.zeros(labels.shape, bool) if ignore is None else np.asarray(ignore) != 0
    if foreground is not None:
        wanted, ignored = map_foreground(labels, foreground)
        skip = skip | ignored
        return Truth((wanted & ~skip).astype(np.int32), skip, objects=False)
    if task == "semantic":
        skip = skip | (labels == IGNORE_VALUE)
        return Truth(_classes(np.where(skip, 0, labels), source), skip, objects=False)
    return Truth(small_numbers(separate_objects(labels)), skip, objects=True)


def _classes(labels: NDArray[Any], source: object) -> NDArray[np.int32]:
    largest = int(labels.max(initial=0))
    if largest > np.iinfo(np.int32).max:
        raise UnetppError(
            f"{source} has the value {largest}, which is no class; expected 0, 1, 2, ..., or 255 for "
            "ignored pixels. Numbered objects are for a model of instances."
        )
    return labels.astype(np.int32)


def read_pair_truth(
    pair: Pair, shape: tuple[int, ...], task: Task, foreground: Sequence[int] | None, notes: Notes
) -> Truth:
    """Read the labels, and the ignore mask, of an image of `shape` (Y, X)."""
    labels = read_label(pair.label, note=notes.of(pair.label))
    ignore = None if pair.ignore is None else read_label(pair.ignore, note=notes.of(pair.ignore))
    for path, found in ((pair.label, labels), (pair.ignore, ignore)):
        if found is not None and found.shape != shape:
            raise UnetppError(
                f"{path} has shape {found.shape}, but its image {pair.image.name} {shape}; expected the same "
                "height and width."
            )
    return read_truth(labels, task, ignore=ignore, foreground=foreground, source=pair.label)


# ------------------------------------------------------------ masks of 0 and 255


def foreground_of_folder(
    pairs: Sequence[Pair], task: Task, foreground: Sequence[int] | None, notes: Notes
) -> Sequence[int] | None:
    """`foreground` if given; else 255 if all semantic labels are masks of 0 and 255."""
    if foreground is not None or task != "semantic" or not _are_masks(_readable(pairs)):
        return foreground
    notes.add("labels", MASKS_NOTE)
    return MASKS


def foreground_of_planes(
    planes: Sequence[LabelledPlane], task: Task, foreground: Sequence[int] | None
) -> Sequence[int] | None:
    """The same for images in memory. In ``sparse`` labels 0 is unlabelled, so 255 stays ignored."""
    if foreground is not None or task != "semantic" or any(p.labels_as == "sparse" for p in planes):
        return foreground
    return MASKS if _are_masks(plane.labels for plane in planes) else None


def _are_masks(found: Iterable[NDArray[Any]]) -> bool:
    """Whether there is a 255 and nothing but 0 and 255; stops at the first image with another value."""
    some = False
    for labels in found:
        marked = labels == IGNORE_VALUE
        if not bool((marked | (labels == 0)).all()):
            return False
        some = some or bool(marked.any())
    return some


def _readable(pairs: Sequence[Pair]) -> Iterator[NDArray[Any]]:
    """The label images that can be read; the others are reported when they are read for training."""
    for pair in pairs:
        try:
            yield read_label(pair.label)
        except UnetppError:
            continue
