"""What of a plane the user sees at the moment."""

from __future__ import annotations

from collections.abc import Hashable

from napari_unetpp._types import Region
from napari_unetpp.session.values import Plane


class Gaze:
    """Set on the GUI thread, read by the worker between two nodes: one assignment, so nothing is locked."""

    def __init__(self) -> None:
        self._seen: tuple[Hashable, Region | None] = (None, None)

    def turn_to(self, plane: Plane) -> None:
        """Remember what is displayed now."""
        self._seen = (plane.key, plane.viewport)

    def on(self, plane: Hashable) -> Region | None:
        """The visible part of the plane with this key; None where it is not known."""
        seen, region = self._seen
        return region if seen == plane else None
