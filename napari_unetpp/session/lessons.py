"""The corrected planes of a sitting: those in open layers and those whose layers are gone."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import LabelledPlane, LabelsAs, ModelInfo, Outline, Task, UnetppError
from napari_unetpp.session.correcting import IGNORE, count_corrections
from napari_unetpp.session.values import Reading
from napari_unetpp.session.wording import file_stem

FURTHER_CLASSES = 8
"""How many classes one fine-tuning may add: a larger label value is rather a slip."""


@dataclass(frozen=True, slots=True)
class Mode:
    """What the labels of an image say. `background` is a label value, for ``sparse`` only."""

    labels_as: LabelsAs = "corrections"
    background: int = 1


@dataclass(frozen=True, slots=True)
class Sense:
    """How labels of a plane are to be read.

    Attributes
    ----------
    objects : bool
        Numbers tell objects apart; False: they are classes.
    strokes : bool
        There is no prediction below what the user painted: 0 says nothing.
    background : int
        With `strokes`: the label that stands for background; 0: none does.
    """

    objects: bool = True
    strokes: bool = False
    background: int = 0


@dataclass(frozen=True, eq=False)
class Drawn:
    """A snapshot of one plane that the user worked on.

    Attributes
    ----------
    key, image : hashable
        Of the plane and of its image.
    name : str
    pixels : array of shape (Y, X) or (Y, X, C)
        Possibly lazy.
    labels : integer ndarray of shape (Y, X)
    certain : ndarray of bool, shape (Y, X)
    inside : ndarray of bool, shape (Y, X), or None
        The reviewed regions, where any are drawn.
    sense : Sense
    outlines : tuple of Outline
        Of the reviewed regions.
    """

    key: Hashable
    image: Hashable
    name: str
    pixels: Any
    labels: NDArray[Any]
    certain: NDArray[np.bool_]
    inside: NDArray[np.bool_] | None = None
    sense: Sense = Sense()
    outlines: tuple[Outline, ...] = ()


@dataclass(frozen=True, eq=False)
class Lesson:
    """A drawn plane and what its labels say."""

    drawn: Drawn
    mode: Mode
    reading: Reading = field(default_factory=Reading)

    def labelled(self, name: str, task: Task | None = None) -> LabelledPlane:
        """What fine-tuning learns from; reads the pixels, so call it in the worker.

        Objects are one class for a model of `task` ``semantic``; None leaves them as they are.
        """
        drawn, mode = self.drawn, self.mode
        ignore = painted = drawn.labels == IGNORE
        if mode.labels_as == "reviewed" and drawn.inside is not None:
            ignore = ignore | ~drawn.inside
        labels = np.where(drawn.labels == IGNORE, 0, drawn.labels)
        if mode.labels_as == "sparse":
            labels = np.where(drawn.certain, labels, 0)
        background = mode.background
        if task == "semantic" and drawn.sense.objects:
            labels = np.where(labels == 0, 0, 1 + (labels == background) * (mode.labels_as == "sparse"))
            background = 2
        return LabelledPlane(
            name=name,
            image=np.asarray(drawn.pixels),
            labels=labels.astype(drawn.labels.dtype, copy=False),
            labels_as=mode.labels_as,
            certain=drawn.certain & ~painted,
            ignore=ignore if ignore.any() else None,
            background=background if mode.labels_as == "sparse" else None,
            scale=self.reading.scale,
            range=self.reading.range,
            objects=drawn.sense.objects and task != "semantic",
            regions=drawn.outlines,
            ignored=painted if drawn.outlines else None,
        )


class Lessons:
    """Remembers planes whose layers went away, and the mode of every image."""

    def __init__(self) -> None:
        self._shelf: dict[Hashable, Drawn] = {}
        self._modes: dict[Hashable, Mode] = {}
        self._readings: dict[Hashable, Reading] = {}
        self._counts: WeakKeyDictionary[Drawn, int] = WeakKeyDictionary()

    def mode(self, image: Hashable) -> Mode | None:
        """What the labels of an image say; None: never chosen."""
        return self._modes.get(image)

    def set_mode(self, image: Hashable, mode: Mode) -> None:
        """Remember it."""
        self._modes[image] = mode

    def set_reading(self, image: Hashable, reading: Reading) -> None:
        """Remember how the image was worked on last."""
        self._readings[image] = reading

    def shelve(self, drawn: Iterable[Drawn]) -> None:
        """Remember planes whose layer goes away."""
        self._shelf.update({one.key: one for one in drawn})

    def take(self, key: Hashable) -> Drawn | None:
        """A remembered plane, which is in a layer again."""
        return self._shelf.pop(key, None)

    def remembers(self, key: Hashable) -> bool:
        """Whether a plane is remembered whose layer is gone."""
        return key in self._shelf

    def shelved(self) -> frozenset[Hashable]:
        """Images of which planes are remembered."""
        return frozenset(drawn.image for drawn in self._shelf.values())

    def drop(self, image: Hashable) -> list[Drawn]:
        """Forget the remembered planes of an image; gives them."""
        dropped = [drawn for drawn in self._shelf.values() if drawn.image == image]
        for drawn in dropped:
            del self._shelf[drawn.key]
        return dropped

    def all(self, open_: Sequence[Drawn]) -> tuple[Lesson, ...]:
        """Every lesson: the shelf, then the open layers."""
        return tuple(lesson for lesson in self._planes(open_) if teaches(lesson))

    def drawn(self, open_: Sequence[Drawn]) -> tuple[Lesson, ...]:
        """All that the user drew, also where nothing can be learnt from it: Ignore, or regions alone."""
        return tuple(lesson for lesson in self._planes(open_) if teaches(lesson) or is_drawn(lesson.drawn))

    def _planes(self, open_: Sequence[Drawn]) -> list[Lesson]:
        keys = {drawn.key for drawn in open_}
        planes = [*(drawn for key, drawn in self._shelf.items() if key not in keys), *open_]
        return [
            Lesson(d, self._modes.get(d.image, Mode()), self._readings.get(d.image, Reading()))
            for d in planes
        ]

    def count(self, open_: Sequence[Drawn]) -> tuple[int, int]:
        """Corrections and planes."""
        lessons = self.all(open_)
        return sum(self._count(lesson.drawn) for lesson in lessons), len(lessons)

    def _count(self, drawn: Drawn) -> int:
        if drawn not in self._counts:  # a snapshot never changes
            self._counts[drawn] = count_corrections(drawn.labels, drawn.certain)
        return self._counts[drawn]


def is_drawn(drawn: Drawn) -> bool:
    """Whether the user did anything on a plane."""
    return bool(drawn.outlines) or bool(drawn.certain.any())


def teaches(lesson: Lesson) -> bool:
    """Whether anything can be learnt from a plane."""
    drawn, labels_as = lesson.drawn, lesson.mode.labels_as
    if labels_as == "reviewed":
        return not drawn.sense.strokes
    if labels_as == "sparse":
        return bool((drawn.certain & (drawn.labels != 0) & (drawn.labels != IGNORE)).any())
    return bool((drawn.certain & (drawn.labels != IGNORE)).any())


def labelled_planes(lessons: Sequence[Lesson], task: Task | None = None) -> tuple[LabelledPlane, ...]:
    """All lessons, each under a name of its own, in the order in which a saved folder is read."""
    planes: list[LabelledPlane] = []
    taken: set[str] = set()
    for lesson in lessons:
        stem = name = file_stem(lesson.drawn.name)
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}_{number}"
        taken.add(name.lower())
        planes.append(lesson.labelled(name, task))
    return tuple(sorted(planes, key=lambda plane: plane.name))


def further_classes(model: ModelInfo, planes: Sequence[LabelledPlane]) -> tuple[str, ...]:
    """Names for label values that a semantic model has no class for yet.

    Raises
    ------
    UnetppError
        A value is so large that it is rather a slip.
    """
    if model.task != "semantic":
        return ()
    known = len(model.classes)
    top = max((_top_class(plane) for plane in planes), default=0)
    if top > known + FURTHER_CLASSES:
        listed = ", ".join(f"{number} {name}" for number, name in enumerate(model.classes, 1))
        raise UnetppError(
            f"Label {top} is none of the classes of this model ({listed}). Paint with these numbers; the"
            f" next ones, up to {known + FURTHER_CLASSES}, stand for new classes."
        )
    return tuple(f"class {number}" for number in range(known + 1, top + 1))


def _top_class(plane: LabelledPlane) -> int:
    counts = plane.labels if plane.background is None else plane.labels[plane.labels != plane.background]
    if plane.labels_as == "corrections" and plane.certain is not None:
        counts = plane.labels[plane.certain]
    return int(counts.max(initial=0))
