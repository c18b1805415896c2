"""From a labelled plane to a lesson: what is known of each pixel, on the grid the network sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label as connected_components

from napari_unetpp._types import LabelledPlane, ModelInfo, Region, Task, UnetppError
from napari_unetpp.engine.collect import invalid_pixels, read_as
from napari_unetpp.engine.input.normalise import NormStats, clean_plane, to_input
from napari_unetpp.engine.input.sampling import choose_scale, resample, resample_labels
from napari_unetpp.engine.input.scale import check_range, check_size, scale_number
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.files.labels.corrections_folder import check_plane
from napari_unetpp.files.labels.label_values import whole_numbers
from napari_unetpp.files.notes import Notes
from napari_unetpp.train.data.labels import (
    IGNORE,
    MASKS_NOTE,
    foreground_of_planes,
    map_foreground,
    small_numbers,
)
from napari_unetpp.train.data.targets import SEPARATING_MAPS

Bools = NDArray[np.bool_]

CONTEXT = 96
"""Pixels around the labelled part that are kept: the network sees them, nothing is learned from them."""

AREA = 0.05
"""Labels of one value, a connected part of which covers this share of the plane, tell no objects apart."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """One labelled plane, cut to its labelled part, as the network reads it.

    Attributes
    ----------
    name : str
    image : ndarray of float32, shape (C, Y, X)
        Normalised as in inference.
    labels : ndarray of int32, shape (Y, X)
        Objects (instances) or classes (semantic); 0 is background.
    known : ndarray of bool, shape (Y, X)
        Where `labels` are true.
    whole : ndarray of bool, shape (Y, X)
        Where objects are told apart: known background, and the objects of which every pixel is known.
    open : ndarray of bool, shape (Y, X)
        Where the parent's own prediction of the classes counts softly.
    held : ndarray of bool, shape (Y, X)
        Where the separating outputs are held to the parent as far as they cannot be learned.
    copied : bool
        Whether labels outside `known` are a corrected copy of a prediction.
    """

    name: str
    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    known: Bools
    whole: Bools
    open: Bools
    held: Bools
    copied: bool = False

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.known.shape[0], self.known.shape[1]


def read_alike(
    planes: Sequence[LabelledPlane],
    info: ModelInfo,
    *,
    scale: float | Literal["auto"] = "auto",
    diameter: float | None = None,
    range: tuple[float, float] | None = None,
) -> tuple[LabelledPlane, ...]:
    """All planes with the scale, or that of a diameter (px), and the range; what is not given stays."""
    number = scale_number(scale)
    check_size(info, scale=number, diameter=diameter)
    limits = check_range(range)
    if diameter is not None:
        number = choose_scale(info.sampling, (1, 1), diameter=diameter)
    return tuple(
        replace(p, scale=p.scale if number is None else number, range=limits or p.range) for p in planes
    )


def as_read(plane: LabelledPlane, evaluator: LoadedModel) -> LabelledPlane:
    """The plane with the scale and the range of intensities that it would be segmented with.

    What is not given is measured and decided as in inference, where need be with the network.
    """
    scale: float | Literal["auto"] = "auto" if plane.scale is None else plane.scale
    reading = read_as(clean_plane(plane.image)[0], evaluator, scale=scale, range=plane.range)
    return replace(plane, scale=reading.scale.scale, range=reading.range)


def scales_note(given: Sequence[LabelledPlane], read: Sequence[LabelledPlane]) -> tuple[str, ...]:
    """What to say of the scales that were found by `as_read`, where some differ from 1."""
    pairs = zip(given, read, strict=True)
    found = sorted({round(new.scale, 2) for old, new in pairs if old.scale is None and new.scale})
    if not found or found == [1.0]:
        return ()
    return (f"The labelled images are seen at scale {found[0]:g}{f' to {found[-1]:g}' * (len(found) > 1)}.",)


def make_lesson(plane: LabelledPlane, info: ModelInfo) -> Lesson:
    """Bring a plane of which scale and range are known to its working grid, and say what is known there.

    Raises
    ------
    UnetppError
        Shapes that do not fit, masks that are missing, classes that the model does not have.
    """
    check_plane(plane)
    assert plane.scale is not None and plane.range is not None, "as_read gives both"
    image, _ = clean_plane(plane.image)
    labels, known = _read(plane, info)
    invalid = invalid_pixels(image)
    if invalid is not None:
        known = known & ~invalid
    work = resample(image, plane.scale)
    shape = (work.shape[0], work.shape[1])
    labels, known = resample_labels(labels, shape), resample_labels(known, shape)
    ignore = np.zeros(shape, bool) if plane.ignore is None else resample_labels(plane.ignore, shape)
    part = _labelled_part(known).slices
    x = to_input(work, NormStats(*plane.range), info.net.in_channels)[:, *part]
    labels, known, ignore = labels[part], known[part], ignore[part]
    copied = plane.labels_as == "corrections"
    whole = np.zeros(known.shape, bool)
    if info.task == "instances" and plane.labels_as != "sparse" and _tells_apart(plane):
        labels = _separate(labels)
        whole = _whole_objects(labels, known)
    open_ = ~known & ~ignore if copied else np.zeros(known.shape, bool)
    held = ~ignore if _needs_parent(whole, info) else np.zeros(known.shape, bool)
    x, labels = np.ascontiguousarray(x), np.ascontiguousarray(labels)
    return Lesson(plane.name, x, labels, known, whole, open_, held, copied)


def _needs_parent(whole: Bools, info: ModelInfo) -> bool:
    """Whether some separating output cannot be learned from the labels somewhere."""
    old = set(info.outputs[1:]) - SEPARATING_MAPS.keys()
    return info.task == "instances" and (bool(old) or not whole.all())


def cropped(plane: LabelledPlane, pixels: float, rng: np.random.Generator) -> LabelledPlane:
    """The plane, or a window around a labelled pixel of it that has about so many on the working grid."""
    height, width = plane.labels.shape
    fits = pixels / (plane.scale or 1.0) ** 2  # pixels of the input grid
    if height * width <= fits:
        return plane
    side = max(1, round(fits**0.5))
    rows = min(height, max(side, round(fits / width)))
    shape = rows, min(width, max(1, round(fits / rows)))
    told = plane.labels > 0 if plane.certain is None else plane.certain.astype(bool)
    labelled = np.flatnonzero(told)
    centre = divmod(int(rng.choice(labelled)) if labelled.size else told.size // 2, width)
    y, x = (
        int(np.clip(c - n // 2, 0, whole - n))
        for c, n, whole in zip(centre, shape, (height, width), strict=True)
    )
    window = slice(y, y + shape[0]), slice(x, x + shape[1])
    return replace(
        plane,
        image=plane.image[window],
        labels=plane.labels[window],
        certain=None if plane.certain is None else plane.certain[window],
        ignore=None if plane.ignore is None else plane.ignore[window],
    )


def narrowed(lesson: Lesson, learned: Bools | None = None, asked: Bools | None = None) -> Lesson:
    """A lesson that says nothing outside `learned`, and in which the parent counts only inside `asked`."""
    learned = np.ones(lesson.shape, bool) if learned is None else learned
    taught = learned if asked is None else learned & asked
    return replace(
        lesson,
        known=lesson.known & learned,
        whole=lesson.whole & learned,
        open=lesson.open & taught,
        held=lesson.held & taught,
    )


def as_meant(
    planes: Sequence[LabelledPlane], task: Task, foreground: Sequence[int] | None, notes: Notes
) -> tuple[LabelledPlane, ...]:
    """Planes with the values that are foreground as 1: those that are named, or 255 in masks of 0 and 255."""
    chosen = foreground_of_planes(planes, task, foreground)
    if chosen is None:
        return tuple(planes)
    if foreground is None:
        notes.add("labels", MASKS_NOTE)
    return map_values(planes, chosen)


def map_values(planes: Sequence[LabelledPlane], foreground: Sequence[int]) -> tuple[LabelledPlane, ...]:
    """Planes whose label values `foreground` become 1 and the others background; nothing tells objects apart.

    255 is ignored unless it is one of them. In ``sparse`` labels 0 stays unlabelled and every other value is
    background.
    """
    return tuple(_map_plane(plane, foreground) for plane in planes)


def _map_plane(plane: LabelledPlane, foreground: Sequence[int]) -> LabelledPlane:
    given = whole_numbers(plane.labels, plane.name)
    wanted, ignored = map_foreground(given, foreground)
    labels = wanted.astype(np.uint8)
    if plane.labels_as == "sparse":
        labels = np.where(wanted, 1, np.where((given != 0) & ~ignored, 2, 0)).astype(np.uint8)
        return replace(plane, labels=labels, background=2, objects=False)
    ignore = ignored if plane.ignore is None else ignored | plane.ignore
    return replace(plane, labels=labels, ignore=ignore, objects=False)


def _read(plane: LabelledPlane, info: ModelInfo) -> tuple[NDArray[np.int32], Bools]:
    """Labels with 0 as background, and where they are true (input grid)."""
    labels = whole_numbers(plane.labels, plane.name)
    if plane.labels_as == "sparse":
        known = labels != 0
        if plane.background is not None:
            labels = np.where(labels == plane.background, 0, labels)
    elif plane.labels_as == "corrections":
        assert plane.certain is not None  # check_plane
        known = plane.certain.astype(bool)
    else:
        known = np.ones(labels.shape, bool)
    if plane.ignore is not None:
        known = known & ~plane.ignore.astype(bool)
    if info.task == "semantic":
        known = known & (labels != IGNORE)
        _check_classes(plane.name, labels[known], info)
        unknown = (labels == IGNORE) | (labels > len(info.classes))
        return np.where(unknown, 0, labels).astype(np.int32), known
    return small_numbers(labels), known


def _check_classes(name: str, values: NDArray[Any], info: ModelInfo) -> None:
    largest = int(values.max(initial=0))
    if largest > len(info.classes):
        raise UnetppError(
            f"{name} has label {largest}, but {info.name!r} has {len(info.classes)} "
            f"class{'es' if len(info.classes) > 1 else ''} ({', '.join(info.classes)}). Name the classes to "
            "be added, or say which values are foreground (--foreground)."
        )


def _tells_apart(plane: LabelledPlane) -> bool:
    """Whether labels tell objects apart; one value over large connected areas does not."""
    if not plane.objects:
        return False
    present = np.unique(plane.labels[plane.labels > 0])
    if present.size != 1 or plane.labels_as == "corrections":
        return True
    parts = connected_components(plane.labels > 0, connectivity=1)
    return bool(np.bincount(parts.ravel())[1:].max(initial=0) < AREA * parts.size)


def _separate(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    """Where all foreground has one value, connected components are the objects."""
    if np.unique(labels[labels > 0]).size == 1:
        return connected_components(labels > 0, connectivity=1).astype(np.int32)  # type: ignore[no-any-return]
    return labels


def _whole_objects(labels: NDArray[np.int32], known: Bools) -> Bools:
    """Known background, and the objects of which every pixel is known."""
    doubtful = np.unique(labels[~known])
    return known & ~(np.isin(labels, doubtful) & (labels > 0))


def _labelled_part(known: Bools) -> Region:
    """The box around all known pixels, with context; the whole plane where nothing is known."""
    rows, columns = np.flatnonzero(known.any(axis=1)), np.flatnonzero(known.any(axis=0))
    height, width = known.shape
    if rows.size == 0:
        return Region(0, 0, height, width)
    return Region(
        max(0, int(rows[0]) - CONTEXT),
        max(0, int(columns[0]) - CONTEXT),
        min(height, int(rows[-1]) + 1 + CONTEXT),
        min(width, int(columns[-1]) + 1 + CONTEXT),
    )
