"""What the worker that segments all planes tells the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.volumes.selection import Position

if TYPE_CHECKING:
    from napari_unetpp.engine.collect import Reading
    from napari_unetpp.volumes.ome_zarr import LabelsZarr


@dataclass(frozen=True, slots=True)
class StackRead:
    """The range and the scale of all planes are decided; `precision` is the number format of the network."""

    run: int
    reading: Reading
    precision: str


@dataclass(frozen=True, eq=False)
class StackStored:
    """The labels of all planes are on disk and are written from now on; at the end with coarser levels."""

    run: int
    labels: LabelsZarr


@dataclass(frozen=True, slots=True)
class StackWritten:
    """A plane was written to them."""

    run: int
    position: Position


@dataclass(frozen=True, slots=True)
class StackProgress:
    """The plane under way, from 0, of so many, and how much of it is done (0 to 1)."""

    run: int
    plane: int
    planes: int
    fraction: float
    note: str = ""


@dataclass(frozen=True, eq=False)
class StackPainted:
    """A rectangle of a finished plane, on the grid of the image."""

    run: int
    position: Position
    region: Region
    values: NDArray[np.uint32]


@dataclass(frozen=True, eq=False)
class StackDone:
    """The end of a run, complete or stopped.

    Attributes
    ----------
    planes, of : int
        Planes that are done, and planes in all.
    objects : int or None
        One that goes through several planes counts once where they are linked; None for masks and classes.
    tracks : ndarray of shape (N, 4) or (N, 5), or None
        Number, frame, (plane,) row, column.
    """

    run: int
    planes: int
    of: int
    seconds: float
    objects: int | None = None
    tracks: NDArray[Any] | None = None


StackEvent = StackRead | StackStored | StackWritten | StackProgress | StackPainted | StackDone
