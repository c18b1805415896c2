"""What the session needs of the layers to segment all planes of an image."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.session.stacks.values import StackSource
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.selection import Position


class StackLayers(Protocol):
    """Image layers as a whole, and our layers of all their planes."""

    def source(self, image: Hashable) -> StackSource:
        """The pixels of a whole image; UnetppError says why there are none."""
        ...

    def go_to(self, image: Hashable, axis: int, index: int) -> None:
        """Display another plane along an axis of the image."""
        ...

    def begin(self, image: Hashable, axes: Axes, *, classes: bool) -> None:
        """Make our layer of all planes, or empty it; `classes`: its numbers are classes, not objects."""
        ...

    def paint(self, image: Hashable, position: Position, region: Region, values: NDArray[np.uint32]) -> bool:
        """Write a rectangle of a plane; False when the image or our layer was closed or replaced."""
        ...

    def show(self, image: Hashable, *, stack: bool) -> None:
        """Show our layer of all planes and hide that of the displayed plane, or the other way round."""
        ...

    def show_tracks(self, image: Hashable, rows: NDArray[Any]) -> bool:
        """Show where objects are in each frame (N, 4) or (N, 5): number, frame, (plane,) row, column.

        False where napari cannot show them over this image.
        """
        ...

    def name(self, image: Hashable) -> str | None:
        """Name of our layer of all planes; None where there is none."""
        ...

    def close(self) -> None: ...
