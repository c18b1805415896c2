"""From the working grid back to the grid of the image.

Every value depends on the pixels around it alone: a part gives what the whole would give, bit for bit.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region

Maps = NDArray[np.float32]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Grids:
    """Shapes (Y, X) of the two grids that cover one plane: the working grid and the grid of the image."""

    working: tuple[int, int]
    image: tuple[int, int]

    @property
    def same(self) -> bool:
        """Whether both grids are the same."""
        return self.working == self.image

    def under(self, window: Region) -> Region:
        """The part of the working grid from which a window of the image is interpolated."""
        y0, y1 = _reach(window.y0, window.y1, self.image[0], self.working[0])
        x0, x1 = _reach(window.x0, window.x1, self.image[1], self.working[1])
        return Region(y0, x0, y1, x1)

    def at(self, y: int, x: int) -> tuple[int, int]:
        """The pixel of the working grid in which the middle of a pixel of the image lies."""
        rows = _between(y, y + 1, self.image[0], self.working[0])
        columns = _between(x, x + 1, self.image[1], self.working[1])
        return int(rows.nearest[0]), int(columns.nearest[0])

    def maps(self, maps: Maps, part: Region, window: Region) -> Maps:
        """Maps (K, h, w) of `window` of the image from those of `part` of the working grid (bilinear)."""
        if self.same:
            return maps[(slice(None), *window.relative_to(part).slices)]
        rows, columns = self._lines(part, window)
        low = _mixed(maps[:, rows.low], maps[:, rows.high], rows.share[:, None])
        return _mixed(low[..., columns.low], low[..., columns.high], columns.share)

    def objects(
        self, numbers: NDArray[T], part: Region, window: Region, outline: NDArray[np.bool_]
    ) -> NDArray[T]:
        """Objects of `window` of the image from those of `part` of the working grid.

        A pixel takes the number of the pixel of the working grid in which it lies. If that is background, it
        takes the number of the nearest of the other three between which `maps` interpolates.

        Parameters
        ----------
        numbers : ndarray of shape (h, w)
            0 is background.
        outline : ndarray of bool, of the shape of `window`
            The foreground on the grid of the image: outside it there are no objects.
        """
        if self.same:
            there = window.relative_to(part).slices
            return np.where(outline, numbers[there], 0).astype(numbers.dtype, copy=False)
        rows, columns = self._lines(part, window)
        out = numbers[rows.nearest[:, None], columns.nearest]
        out[~outline] = 0
        y, x = np.nonzero(outline & (out == 0))
        around = np.stack([numbers[rows.side(a)[y], columns.side(b)[x]] for a, b in CORNERS])
        shares = np.stack([rows.share_of(a)[y] * columns.share_of(b)[x] for a, b in CORNERS])
        best = np.where(around != 0, shares, 0).argmax(axis=0)
        out[y, x] = np.take_along_axis(around, best[None], axis=0)[0]
        return out

    def on_working(self, mask: NDArray[np.bool_], part: Region) -> NDArray[np.bool_]:
        """A mask of the whole image on `part` of the working grid (nearest neighbour)."""
        if self.same:
            return mask[part.slices]
        rows = _between(part.y0, part.y1, self.working[0], self.image[0])
        columns = _between(part.x0, part.x1, self.working[1], self.image[1])
        return mask[rows.nearest[:, None], columns.nearest]

    def _lines(self, part: Region, window: Region) -> tuple[_Lines, _Lines]:
        return (
            _between(window.y0, window.y1, self.image[0], self.working[0], part.y0),
            _between(window.x0, window.x1, self.image[1], self.working[1], part.x0),
        )


CORNERS = tuple(itertools.product((False, True), repeat=2))
"""Of the four pixels around a point: whether the higher row, and the higher column, is meant."""


@dataclass(frozen=True, slots=True)
class _Lines:
    """For each line of one grid the two lines of the other grid between which it lies.

    `share`, in [0, 1], is the weight of the higher one.
    """

    low: NDArray[np.intp]
    high: NDArray[np.intp]
    share: NDArray[np.float32]

    @property
    def nearest(self) -> NDArray[np.intp]:
        """The nearer of the two."""
        return np.where(self.share < 0.5, self.low, self.high)

    def side(self, high: bool) -> NDArray[np.intp]:
        """The lower or the higher of the two."""
        return self.high if high else self.low

    def share_of(self, high: bool) -> NDArray[np.float32]:
        """The weight of the lower or the higher of the two."""
        return self.share if high else np.float32(1) - self.share


def _between(start: int, stop: int, length: int, other: int, origin: int = 0) -> _Lines:
    """Where lines [start, stop) of a grid of `length` lines lie on one of `other`, counted from `origin`."""
    where = (np.arange(start, stop) + 0.5) * (other / length) - 0.5
    low = np.floor(where).astype(np.intp)
    share = (where - low).astype(np.float32)
    return _Lines(np.clip(low, 0, other - 1) - origin, np.clip(low + 1, 0, other - 1) - origin, share)


def _reach(start: int, stop: int, length: int, working: int) -> tuple[int, int]:
    lines = _between(start, stop, length, working)
    return int(lines.low[0]), int(lines.high[-1]) + 1


def _mixed(low: Maps, high: Maps, share: NDArray[np.float32]) -> Maps:
    mixed: Maps = low * (np.float32(1) - share) + high * share
    return mixed
