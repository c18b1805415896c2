"""What the session needs of the layers to segment all planes of an image."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region
from napari_unetpp.session.stacks.request import StackRequest
from napari_unetpp.session.stacks.values import Area, StackSource
from napari_unetpp.session.values import ImageChoice, Plane
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.selection import Position

if TYPE_CHECKING:
    from napari_unetpp.volumes.ome_zarr import LabelsZarr


class StackLayers(Protocol):
    """Image layers as a whole, and our layers of all their planes."""

    def source(self, image: Hashable) -> StackSource:
        """The pixels of a whole image; UnetppError says why there are none."""
        ...

    def go_to(self, image: Hashable, axis: int, index: int) -> None:
        """Display another plane along an axis of the image."""
        ...

    def areas(self) -> list[ImageChoice]:
        """Shapes layers of the user, that say what is segmented."""
        ...

    def area(self, image: Hashable, axes: Axes, region: Hashable) -> Area:
        """What of an image the view shows (`VIEW`), or a Shapes layer covers; UnetppError: nothing."""
        ...

    def begin(self, request: StackRequest) -> None:
        """Make our layer for a request, or empty it."""
        ...

    def begin_stored(self, request: StackRequest, labels: LabelsZarr) -> None:
        """The same for labels on disk: one level while they are written, all when they are complete."""
        ...

    def refresh(self, image: Hashable) -> bool:
        """Labels on disk were written; False when the image or our layer was closed or replaced."""
        ...

    def fits(self, size: int) -> bool:
        """Whether so many bytes of labels fit into memory."""
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

    def reader(self, image: Hashable) -> Callable[[Position], NDArray[Any]]:
        """Gives the labels (Y, X) of planes of our layer, also to a worker."""
        ...

    def displayed(self, plane: Plane) -> NDArray[Any] | None:
        """What our layer of all planes shows for this plane; None where it is hidden or there is none."""
        ...

    def set_features(self, plane: Plane, columns: Mapping[str, NDArray[Any]]) -> None:
        """Give it the features of the objects of this plane, one row for each number."""
        ...

    def name(self, image: Hashable) -> str | None:
        """Name of our layer of all planes; None where there is none."""
        ...

    def close(self) -> None: ...
