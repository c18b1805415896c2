"""Planes of labels with their position and measurements, from which files of objects are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

AXES = {"t": ("t", "time", "frame"), "z": ("z", "depth", "plane")}
"""Names of the axes that other programs have, in lower case."""


@dataclass(frozen=True, eq=False)
class ObjectPlane:
    """The objects of one plane.

    Attributes
    ----------
    labels : integer ndarray of shape (Y, X)
        0 is background. An object may lie in several places, and in several planes.
    position : mapping of str to int
        Which plane of a stack it is: the index, from 0, along each axis by name, for example ``"t"``.
    columns : mapping of str to ndarray
        Measurements, one row an object; the column ``"label"`` has its number.
    """

    labels: NDArray[Any]
    position: Mapping[str, int] = field(default_factory=dict)
    columns: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def index(self, axis: Literal["t", "z"]) -> int | None:
        """The index of the plane along time or depth; None where there is no such axis."""
        return next((index for name, index in self.position.items() if name.lower() in AXES[axis]), None)


@dataclass(frozen=True, slots=True)
class Subject:
    """The image and the classes that labels belong to.

    Attributes
    ----------
    image : str
        File name of the image.
    classes : tuple of str
        Names of the classes; for instances the first one names the objects.
    instances : bool
        Whether label values are objects; else they are classes, 1 being the first.
    facts : mapping
        How the labels were made, as JSON values: model, hash, level, scale, ...; empty if unknown.
    """

    image: str = ""
    classes: tuple[str, ...] = ()
    instances: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)

    def class_of(self, number: int) -> tuple[int, str]:
        """Number (from 1) and name of the class of an object; ``object`` where no name is known."""
        place = 1 if self.instances else number
        if 0 < place <= len(self.classes):
            return place, self.classes[place - 1]
        return place, "object" if self.instances else f"class {number}"
