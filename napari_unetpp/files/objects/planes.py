"""Planes of labels and what is known of them: what files of outlines are written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

AXES = {"t": ("t", "time", "frame"), "z": ("z", "depth", "plane")}
"""Names of the axes that other programs know, in small letters."""


@dataclass(frozen=True, eq=False)
class ObjectPlane:
    """The objects of one plane.

    Attributes
    ----------
    labels : integer ndarray of shape (Y, X)
        0 is background; a number may stand in several places, and for one object in several planes.
    position : mapping of str to int
        Which plane of a stack it is: the index, from 0, along each axis by name, for example ``"t"``.
    columns : mapping of str to ndarray
        Measurements, one row an object; the column ``"label"`` has its number.
    """

    labels: NDArray[Any]
    position: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def index(self, axis: Literal["t", "z"]) -> int | None:
        """Where the plane lies along time or depth; None where no axis has such a name."""
        return next((index for name, index in self.position.items() if name.lower() in AXES[axis]), None)


@dataclass(frozen=True, slots=True)
class Subject:
    """What the labels are of.

    Attributes
    ----------
    image : str
        File name of the image.
    classes : tuple of str
        Names of classes; of instances the first is what the objects are.
    instances : bool
        Whether numbers tell objects apart; else they are classes, 1 being the first.
    """

    image: str = ""
    classes: tuple[str, ...] = ()
    instances: bool = True

    def class_of(self, number: int) -> tuple[int, str]:
        """Number (from 1) and name of the class of an object; its name where none is known is ``object``."""
        place = 1 if self.instances else number
        if 0 < place <= len(self.classes):
            return place, self.classes[place - 1]
        return place, "object" if self.instances else f"class {number}"
