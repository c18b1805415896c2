"""A corrected plane: what the user painted, what it means, and the form that fine-tuning takes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import LabelledPlane, LabelsAs, Outline, Task
from napari_unetpp.session.correct.merge import (
    IGNORE_LABEL,
    Ints,
    Mask,
    free_label,
    from_strokes,
    merge,
    to_strokes,
)
from napari_unetpp.session.messages.saving import file_stem
from napari_unetpp.session.values import Preprocessing

UNKNOWN = Preprocessing()


@dataclass(frozen=True, slots=True)
class LabelMode:
    """What the user says of the labels of an image. `background` is a label value, for ``sparse`` only."""

    labels_as: LabelsAs = "corrections"
    background: int = 1


@dataclass(frozen=True, slots=True)
class LabelEncoding:
    """What the numbers in a corrections layer mean.

    Attributes
    ----------
    objects : bool
        Numbers tell objects apart; False: they are classes.
    strokes : bool
        There is no prediction below what the user painted: 0 is unlabelled.
    background : int
        With `strokes`: the label that stands for background; 0: none does.
    """

    objects: bool = True
    strokes: bool = False
    background: int = 0


@dataclass(frozen=True, eq=False)
class CorrectedPlane:
    """A snapshot of one plane that the user corrected.

    Attributes
    ----------
    key, image : hashable
        Of the plane and of its image.
    name : str
    pixels : array of shape (Y, X) or (Y, X, C)
        Possibly lazy.
    labels : integer ndarray of shape (Y, X)
    certain : ndarray of bool, shape (Y, X)
        Pixels that the user decided.
    inside : ndarray of bool, shape (Y, X), or None
        The reviewed regions, where any are drawn.
    encoding : LabelEncoding
    outlines : tuple of Outline
        Of the reviewed regions.
    mode : LabelMode
    preprocessing : Preprocessing
        How the image was segmented last.
    """

    key: Hashable
    image: Hashable
    name: str
    pixels: Any
    labels: NDArray[Any]
    certain: NDArray[np.bool_]
    inside: NDArray[np.bool_] | None = None
    encoding: LabelEncoding = LabelEncoding()
    outlines: tuple[Outline, ...] = ()
    mode: LabelMode = LabelMode()
    preprocessing: Preprocessing = UNKNOWN

    @property
    def is_edited(self) -> bool:
        """Whether the user decided a pixel or drew a region."""
        return bool(self.outlines) or bool(self.certain.any())

    @property
    def is_usable(self) -> bool:
        """Whether fine-tuning can learn anything from it."""
        if self.mode.labels_as == "reviewed":
            return not self.encoding.strokes
        known = self.certain & (self.labels != IGNORE_LABEL)
        return bool((known & (self.labels != 0) if self.mode.labels_as == "sparse" else known).any())

    def as_result(self) -> tuple[Ints, Mask]:
        """Labels and certain pixels as a full result, in which 0 is background."""
        if not self.encoding.strokes:
            return self.labels, self.certain
        return from_strokes(self.labels, self.certain, self.encoding.background)

    def as_strokes(self, background: int) -> tuple[Ints, Mask]:
        """Labels and certain pixels as strokes, in which 0 is unlabelled."""
        if not self.encoding.strokes:
            return to_strokes(self.labels, self.certain, background)
        certain = self.certain & (self.labels != 0)
        return np.where(certain, self.labels, 0), certain

    def labelled(self, name: str, task: Task | None = None) -> LabelledPlane:
        """The form that fine-tuning and files take; reads the pixels, so call it in the worker.

        Objects are one class for a model of `task` ``semantic``; None leaves them as they are.
        """
        mode = self.mode
        ignore = painted = self.labels == IGNORE_LABEL
        if mode.labels_as == "reviewed" and self.inside is not None:
            ignore = ignore | ~self.inside
        labels = np.where(painted, 0, self.labels)
        if mode.labels_as == "sparse":
            labels = np.where(self.certain, labels, 0)
        background = mode.background
        if task == "semantic" and self.encoding.objects:
            labels = np.where(labels == 0, 0, 1 + (labels == background) * (mode.labels_as == "sparse"))
            background = 2
        return LabelledPlane(
            name=name,
            image=np.asarray(self.pixels),
            labels=labels.astype(self.labels.dtype, copy=False),
            labels_as=mode.labels_as,
            certain=self.certain & ~painted,
            ignore=ignore if ignore.any() else None,
            background=background if mode.labels_as == "sparse" else None,
            scale=self.preprocessing.scale,
            range=self.preprocessing.range,
            objects=self.encoding.objects and task != "semantic",
            regions=self.outlines,
            ignored=painted if self.outlines else None,
            scale_searched=self.preprocessing.searched,
        )


def corrected_plane(plane: LabelledPlane, image: Hashable, key: Hashable) -> CorrectedPlane:
    """The other way round: a plane that was read from a file, as it was painted."""
    labels: Any = np.array(plane.labels)
    certain = np.zeros(labels.shape, bool) if plane.certain is None else plane.certain
    painted = plane.ignore if plane.ignored is None else plane.ignored
    if painted is not None:
        labels = np.where(painted, IGNORE_LABEL, labels)
        certain = certain | painted
    return CorrectedPlane(
        key,
        image,
        plane.name,
        plane.image,
        labels,
        certain,
        encoding=LabelEncoding(plane.objects, plane.labels_as == "sparse", plane.background or 0),
        outlines=plane.regions,
        mode=LabelMode(plane.labels_as, plane.background or 1),
        preprocessing=Preprocessing(plane.scale, plane.range, plane.scale_searched),
    )


def encoded(result: Ints, corrected: CorrectedPlane | None, encoding: LabelEncoding) -> tuple[Ints, Mask]:
    """What a corrections layer holds for a result, and the certain pixels.

    The user's pixels stay. Elsewhere there is the result, or nothing where strokes stand alone.
    """
    if corrected is None:
        labels = np.zeros_like(result) if encoding.strokes else np.array(result)
        return labels, np.zeros(result.shape, bool)
    if encoding.strokes:
        return corrected.as_strokes(encoding.background)
    labels, certain = corrected.as_result()
    return merge(result, labels, certain, objects=encoding.objects), certain


def next_label(selected: int, labels: Ints, certain: Mask, encoding: LabelEncoding, *, begun: bool) -> int:
    """What the brush paints next: what it painted, unless that number now means another object.

    Parameters
    ----------
    selected : int
        What the brush paints now; 0 where there is no layer.
    labels, certain : ndarray of shape (Y, X)
        What the layer holds.
    encoding : LabelEncoding
    begun : bool
        Whether the plane had corrections before.
    """
    if begun and encoding.strokes:
        return selected
    if not encoding.objects:
        return selected or 1
    if begun and (selected in (0, IGNORE_LABEL) or (certain & (labels == selected)).any()):
        return selected
    free = free_label(labels)
    return free + 1 if encoding.strokes and free == encoding.background else free


def labelled_planes(planes: Sequence[CorrectedPlane], task: Task | None = None) -> tuple[LabelledPlane, ...]:
    """All planes, each under a name of its own, in the order in which a saved folder is read."""
    labelled: list[LabelledPlane] = []
    taken: set[str] = set()
    for plane in planes:
        stem = name = file_stem(plane.name)
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.lower())
        labelled.append(plane.labelled(name, task))
    return tuple(sorted(labelled, key=lambda one: one.name))
