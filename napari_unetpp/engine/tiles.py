"""Which parts of a plane are evaluated, with which halo, in which order: integers only.

::

    +---------------------- padded working grid ----------------------+
    |        read = core + halo, clipped at the border                |
    |      +----------------------------+                             |
    |      |   +--------------------+   |                             |
    |      |   |   core = result    |   |                             |
    |      |   +--------------------+   |                             |
    |      +----------------------------+                             |

Cells form one grid that depends on the shape alone, never on the level or the viewport, so
that a deeper request meets the nodes an earlier one cached. A *live* tile is read with the
halo of the deepest level and keeps its nodes; a *batch* tile is read with the halo of the
asked level and keeps nothing. Cell origins are multiples of ``config.multiple``; the halo is
clipped at the border of the edge-replicated plane, so a tiled result equals the whole one.
"""

from __future__ import annotations

from dataclasses import dataclass

from napari_unetpp._types import NetConfig, Region
from napari_unetpp.net import graph

WHOLE_PIXELS = 1_500_000
"""A plane up to this many pixels is one tile and needs no halo."""

CELL = 768
"""Longest side of a cell: with its halo 1.7 times its pixels at level 4, in about 1 GB (float32)."""

SMALL_CELL = 256
"""The same where memory ran out: 3.5 times its pixels at level 4, a quarter of the memory."""

STRIPE_PIXELS = 170_000
"""Pixels of a stripe, about: 0.05 to 0.15 s at level 1 on two cores."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One cell on the padded working grid.

    Attributes
    ----------
    core : Region
        The part whose result the tile gives.
    read : Region
        The part that is read to compute it: the core and its halo.
    live : bool
        Its nodes are cached.
    """

    core: Region
    read: Region
    live: bool

    @property
    def crop(self) -> Region:
        """The core as seen from the origin of `read`."""
        return self.core.relative_to(self.read)


@dataclass(frozen=True, slots=True)
class TilePlan:
    """Tiles of one request: `live` ones first, in the order of evaluation, then `batch` ones."""

    padded: tuple[int, int]
    live: tuple[Tile, ...]
    batch: tuple[Tile, ...]


def padded_shape(shape: tuple[int, int], multiple: int) -> tuple[int, int]:
    """`shape` rounded up to `multiple`."""
    return shape[0] + -shape[0] % multiple, shape[1] + -shape[1] % multiple


def share_of_deepest(flops: int, config: NetConfig, shape: tuple[int, int]) -> float:
    """FLOPs as a share of those of the deepest level for a whole plane of `shape` (working grid)."""
    return flops / graph.flops(config.depth, config, *padded_shape(shape, config.multiple))


def split(length: int, longest: int, multiple: int) -> tuple[tuple[int, int], ...]:
    """Cut ``[0, length)`` into intervals of nearly equal length, origins on `multiple`."""
    parts = -(-length // longest)
    step = -(-length // (parts * multiple)) * multiple
    return tuple((start, min(start + step, length)) for start in range(0, length, step))


def cells(padded: tuple[int, int], config: NetConfig, longest: int | None = None) -> tuple[Region, ...]:
    """The grid of cells of a plane: of the default size, or of at most so many px a side."""
    if longest is None and padded[0] * padded[1] <= WHOLE_PIXELS:
        return (Region.whole(padded),)
    rows, columns = (split(side, longest or CELL, config.multiple) for side in padded)
    return tuple(Region(y0, x0, y1, x1) for y0, y1 in rows for x0, x1 in columns)


def stripes(region: Region, view: Region, multiple: int) -> tuple[Region, ...]:
    """Stripes of rows of a region, the nearest to the middle of `view` first; one stripe if it is small."""
    rows = max(1, STRIPE_PIXELS // (region.shape[1] * multiple)) * multiple
    starts = range(region.y0, region.y1, rows)
    cut = [Region(y0, region.x0, min(y0 + rows, region.y1), region.x1) for y0 in starts]
    return tuple(sorted(cut, key=lambda stripe: abs(stripe.y0 + stripe.y1 - view.y0 - view.y1)))


def plan(
    shape: tuple[int, int],
    config: NetConfig,
    level: int,
    *,
    viewport: Region | None = None,
    budget: int = 0,
    itemsize: int = 4,
    longest: int | None = None,
) -> TilePlan:
    """Decide the tiles of a request.

    Parameters
    ----------
    shape : (int, int)
        The working grid.
    config, level
        The network and the level asked for.
    viewport : Region or None
        Part (working grid) that comes first and may be live; None: the whole plane.
    budget : int
        Bytes of the node cache; 0: no live tiles.
    itemsize : int
        Bytes of one value in the node cache.
    longest : int, optional
        Longest side (px) of a tile without its halo; None: the default. The maps do not depend on it.
    """
    padded = padded_shape(shape, config.multiple)
    view = Region.whole(shape) if viewport is None else viewport
    ordered = sorted(cells(padded, config, longest), key=lambda cell: distance(cell, view))
    deepest = graph.aligned_halo(config.depth, config)
    asked = graph.aligned_halo(level, config)
    live: list[Tile] = []
    batch: list[Tile] = []
    for cell in ordered:
        read = cell.grown(deepest, padded)
        cost = graph.cached_bytes(level, config, *read.shape, itemsize)
        if cell.overlaps(view) and cost <= budget:
            budget -= cost
            live.append(Tile(cell, read, live=True))
        else:
            batch.append(Tile(cell, cell.grown(asked, padded), live=False))
    return TilePlan(padded, tuple(live), tuple(batch))


def distance(cell: Region, view: Region) -> tuple[bool, int, int, int]:
    """Sort key: visible cells first, then the nearest to the centre of the view, then reading order."""
    dy = (cell.y0 + cell.y1) - (view.y0 + view.y1)
    dx = (cell.x0 + cell.x1) - (view.x0 + view.x1)
    return not cell.overlaps(view), dy * dy + dx * dx, cell.y0, cell.x0
