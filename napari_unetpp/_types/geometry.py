"""Rectangles and pixels of a plane. Axes are always Y, X."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle ``[y0, y1) x [x0, x1)`` in pixels."""

    y0: int
    x0: int
    y1: int
    x1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the rectangle in an array whose last axes are Y, X."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    @property
    def is_empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.y1 <= self.y0 or self.x1 <= self.x0

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> Region:
        """All of a plane of this shape."""
        return cls(0, 0, *shape)

    def shifted(self, dy: int, dx: int) -> Region:
        """The same rectangle seen from an origin at (-dy, -dx)."""
        return Region(self.y0 + dy, self.x0 + dx, self.y1 + dy, self.x1 + dx)

    def relative_to(self, origin: Region) -> Region:
        """The same rectangle seen from the corner (y0, x0) of another one."""
        return self.shifted(-origin.y0, -origin.x0)

    def clipped(self, outer: Region) -> Region:
        """The part that lies in another rectangle; empty where none does."""
        return Region(
            *(max(self.y0, outer.y0), max(self.x0, outer.x0)),
            *(min(self.y1, outer.y1), min(self.x1, outer.x1)),
        )

    def grown(self, margin: int, shape: tuple[int, int]) -> Region:
        """The rectangle with `margin` pixels more on each side, clipped to a plane of `shape`."""
        return Region(
            *(max(self.y0 - margin, 0), max(self.x0 - margin, 0)),
            *(min(self.y1 + margin, shape[0]), min(self.x1 + margin, shape[1])),
        )

    def scaled(self, factor: float, shape: tuple[int, int]) -> Region:
        """The rectangle on a grid of `shape`, `factor` times as fine: rounded outwards, clipped."""
        return Region(
            *(int(self.y0 * factor), int(self.x0 * factor)),
            *(int(self.y1 * factor) + 1, int(self.x1 * factor) + 1),
        ).clipped(Region.whole(shape))

    def overlaps(self, other: Region) -> bool:
        """Whether two rectangles share a pixel."""
        return not self.clipped(other).is_empty


@dataclass(frozen=True, slots=True)
class Spot:
    """A pixel, and a value there."""

    y: int
    x: int
    value: float
