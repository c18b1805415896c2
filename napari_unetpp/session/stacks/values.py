"""What the dock shows and is told of images of several planes: frozen values and pure functions."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.session.values import PixelSize, Plane, Scope
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.selection import ALL, Position, Selection, SelectionRequest, channel_name, select

BY_USER = "the user"
"""The source of axes that were corrected in the dock."""

VIEW = "view"
"""The region that is visible."""

NAMED = "TZC"
"""Letters to choose from for an axis that is not displayed."""


@dataclass(frozen=True, slots=True)
class AxisShown:
    """An axis that the user may correct: its number in the array, its letter, its length."""

    number: int
    letter: str
    length: int


@dataclass(frozen=True, slots=True)
class StackShown:
    """What the dock shows of the planes of an image.

    Attributes
    ----------
    axes : tuple of AxisShown
        Empty: the image is one plane, and nothing is shown.
    channels : tuple of str
        Their names; empty where there are no channels.
    channel : int
        The displayed one.
    planes : int
        Of one channel, through depth and time.
    deep : bool
        Whether there are planes to project.
    scope : {"plane", "all", "range", "max", "mean"}
    spans : tuple of (str, str, int)
        For T and Z, where a range can be given: the letter, the range as text, the length of the axis.
    stitch, track : bool or None
        Whether objects are linked through depth, and over time; None: there is nothing to link.
    note : str
        What was done, or what a run needs.
    """

    axes: tuple[AxisShown, ...] = ()
    channels: tuple[str, ...] = ()
    channel: int = 0
    planes: int = 1
    deep: bool = False
    scope: Scope = "plane"
    spans: tuple[tuple[str, str, int], ...] = ()
    stitch: bool | None = None
    track: bool | None = None
    note: str = ""


@dataclass(frozen=True, eq=False)
class Area:
    """The part of each plane that is segmented.

    Attributes
    ----------
    name : str
        Where it comes from, in words.
    region : Region
        Rows and columns.
    inside : ndarray of bool of the shape of `region`, or None
        Which pixels belong to it; None: all of the rectangle.
    """

    name: str
    region: Region
    inside: NDArray[np.bool_] | None = None


@dataclass(frozen=True, eq=False)
class StackSource:
    """The pixels of a whole image layer.

    Attributes
    ----------
    image : hashable
    version : int
        Counts how often the data of the layer were replaced.
    name : str
    array : array-like
        At full resolution, possibly lazy.
    pixel : PixelSize
    """

    image: Hashable
    version: int
    name: str
    array: Any
    pixel: PixelSize


def correctable(axes: Axes) -> tuple[AxisShown, ...]:
    """The axes beside rows, columns and colour that have more than one entry."""
    pairs = enumerate(zip(axes.names, axes.shape, strict=True))
    return tuple(AxisShown(number, name, n) for number, (name, n) in pairs if name in NAMED and n > 1)


def corrected(axes: Axes, number: int, letter: str) -> Axes:
    """The axes after the user said what one of them is; the one that had this letter gets the former one."""
    names = list(axes.names)
    former = names[number]
    names = [former if name == letter else name for name in names]
    names[number] = letter
    kept = axes.channels if "".join(names).find("C") == axes.names.find("C") else ()
    return replace(axes, names="".join(names), source=BY_USER, channels=kept)


def displayed_channel(plane: Plane, axes: Axes) -> int:
    """The displayed channel; 0 where there is none."""
    return next((step.index for step in plane.position if axes.names[step.number] == "C"), 0)


def channel_names(axes: Axes) -> tuple[str, ...]:
    """What to call each channel; none where there is one."""
    count = axes.size("C")
    return tuple(channel_name(axes, number) for number in range(count)) if count > 1 else ()


def displayed_position(plane: Plane, axes: Axes) -> Position:
    """Frame and depth of the displayed plane."""
    at = {axes.names[step.number]: step.index for step in plane.position}
    return Position(at.get("T", 0), at.get("Z", 0))


def selection_of(axes: Axes, channel: int, *, inputs: int = 3, at: Position | None = None) -> Selection:
    """All planes of a channel, or the one at a position."""
    t, z = (ALL, ALL) if at is None else ((at.t, at.t + 1), (at.z or 0, (at.z or 0) + 1))
    return select(axes, SelectionRequest(channels=(channel,), t=t, z=z), inputs=inputs)


def planes_of(axes: Axes) -> int:
    """Planes of one channel, through depth and time."""
    return axes.size("T") * axes.size("Z")


WORDS = {"T": "frame", "Z": "plane", "C": "channel"}
"""Columns of tables that say which plane an object is on."""


def position_of(plane: Plane, axes: Axes | None) -> dict[str, int]:
    """Which plane it is, as the columns of a table say it; axes that nobody knows have their own names."""
    if axes is None:
        return {step.axis: step.index for step in plane.position}
    shown = ((axes.names[step.number], step) for step in plane.position if step.count > 1)
    return {WORDS.get(letter, step.axis): step.index for letter, step in shown}


def is_turned(plane: Plane, axes: Axes) -> bool:
    """Whether other axes are displayed than rows and columns, or these the other way round."""
    return not plane.level and plane.shape != (axes.size("Y"), axes.size("X"))
