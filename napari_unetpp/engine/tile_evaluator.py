"""Evaluation of one tile: live with the node cache, in batch, at Auto, or as a preview of level 1."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import AUTO, Node, PredictRequest, Region, ShouldStop
from napari_unetpp.engine import tiles
from napari_unetpp.engine.auto.auto_tile import AutoTile, TileAtLevel
from napari_unetpp.engine.input.plane import PlaneReader
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.node_cache import NodeCache, TileKey
from napari_unetpp.net import graph

if TYPE_CHECKING:
    from torch import Tensor

Maps = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LevelMaps:
    """A tile at one level: maps (K, h, w) of its core, for `AUTO` with the level of each pixel (h, w)."""

    level: int
    maps: Maps
    depth: NDArray[np.uint8] | None = None


@dataclass(frozen=True, eq=False)
class PreviewMaps:
    """Maps (K, h, w) of level 1 for a region of the plane."""

    region: Region
    maps: Maps


class TileEvaluator:
    """Evaluates the tiles of one request, each when it is asked for.

    Parameters
    ----------
    model : LoadedModel
    request : PredictRequest
    cache : NodeCache
        Of the nodes of live tiles.
    plane : PlaneReader
    deepest : int
        The deepest level that may be evaluated.
    should_stop, leave_tile : callable
        Asked before every node: whether the run was stopped; whether this or another tile comes first.

    Attributes
    ----------
    computed : int
        Nodes evaluated.
    flops : int
        Executed.
    """

    def __init__(
        self,
        model: LoadedModel,
        request: PredictRequest,
        cache: NodeCache,
        plane: PlaneReader,
        deepest: int,
        should_stop: ShouldStop,
        leave_tile: ShouldStop,
    ) -> None:
        self.model, self.request, self.cache, self.plane = model, request, cache, plane
        self.config = model.info.net
        self.deepest = deepest
        self.should_stop, self.leave_tile = should_stop, leave_tile
        self.whole = Region.whole(plane.shape)
        self.padded = tiles.padded_shape(plane.shape, self.config.multiple)
        self.computed = self.flops = 0

    def key(self, tile: tiles.Tile) -> TileKey:
        """Under which the nodes of a tile are cached."""
        request = self.request
        return TileKey(request.plane, self.plane.shape, tile.read, self.model.version, request.range)

    def cached_nodes(self, tile: tiles.Tile) -> int:
        """How many nodes of the deepest level are cached for a tile."""
        known = self.cache.get(self.key(tile))
        return sum(node in known for node in graph.nodes(self.deepest, self.config.arch))

    def cached_level(self, asked: Collection[tiles.Tile]) -> int | None:
        """The level whose nodes are cached for every tile; 0: none; None: tiles differ."""
        cached = {frozenset(self.cache.get(self.key(tile)) if tile.live else ()) for tile in asked}
        levels = {
            0: frozenset(),
            **{d: frozenset(graph.nodes(d, self.config.arch)) for d in self.config.levels},
        }
        return next((level for level, nodes in levels.items() if cached == {nodes}), None)

    # ------------------------------------------------------------------- tiles

    def live(
        self, tile: tiles.Tile, levels: Sequence[int], view: Region
    ) -> Iterator[LevelMaps | PreviewMaps]:
        """A live tile at some levels; completed nodes go into the cache.

        Level 1 of a large tile comes in stripes, those in the middle of `view` (working grid) first.
        """
        key = self.key(tile)
        for level in levels:
            if level == AUTO:
                yield from self._auto(tile, levels)
                return
            known = self.cache.get(key)
            if level == 1 and not known and (stripes := self._stripes(tile, view)):
                striped = yield from self._level_1_in_stripes(tile, stripes)
                if striped is None:
                    return
                known = striped
                self.cache.put(key, known)
            before = len(known)
            x = self._input(tile) if graph.needs_image(level, known, self.config) else None
            complete = self.model.nodes(x, level, known, self.leave_tile)
            self._count(tile, list(known)[before:])
            if len(known) > before:
                self.cache.put(key, known)
            if not complete or self.should_stop():
                return
            yield LevelMaps(level, self.model.maps(level, known, tile.crop))

    def batch(self, tile: tiles.Tile, levels: Sequence[int]) -> Iterator[LevelMaps]:
        """A batch tile at some levels, the deepest of which is that of the request."""
        if self.request.level == AUTO:
            yield from self._auto(tile, levels)
            return
        found = 0
        for level, maps in self.model.stream(
            self._input(tile),
            self.request.level,
            self.leave_tile,
            tile.crop,
            all_levels=self.request.all_levels,
        ):
            if level in levels:
                found += 1
                yield LevelMaps(level, maps)
        if found == len(levels):
            self._count(tile, graph.nodes(self.deepest, self.config.arch))

    def preview(self, tile: tiles.Tile) -> Iterator[PreviewMaps]:
        """Level 1 of a batch tile, which is shown until the tile is done; nothing if the tile was left."""
        read = tile.core.grown(graph.aligned_halo(1, self.config), self.padded)
        known: dict[Node, Tensor] = {}
        if self.model.nodes(self.model.tensor(self.plane.read(read)), 1, known, self.leave_tile):
            self._count_flops(read, list(known))
            shown = tile.core.clipped(self.whole)
            yield PreviewMaps(shown, self.model.maps(1, known, shown.relative_to(read)))

    def _auto(self, tile: tiles.Tile, levels: Sequence[int]) -> Iterator[LevelMaps]:
        """A tile at Auto; of a live one completed nodes go into the cache."""
        key = self.key(tile)
        known = self.cache.get(key) if tile.live else {}
        before = len(known)
        x = self._input(tile) if graph.needs_image(self.deepest, known, self.config) else None
        auto = AutoTile(self.model, x, known, tile.crop)
        found: TileAtLevel | None = None
        for step in auto.run(self.leave_tile):
            found = step
        self.computed += len(known) - before
        self.flops += auto.flops
        if tile.live and len(known) > before:
            self.cache.put(key, known)
        if found is None or not auto.finished:
            return
        if not tile.live and 1 in levels:
            yield LevelMaps(1, self.model.maps(1, known, tile.crop))
        yield LevelMaps(AUTO, found.maps, found.depth)

    def _stripes(self, tile: tiles.Tile, view: Region) -> tuple[Region, ...]:
        """The stripes in which level 1 of a tile is shown; none where it is small."""
        found = tiles.stripes(tile.read, view, self.config.multiple)
        return found if len(found) > 1 else ()

    def _level_1_in_stripes(
        self, tile: tiles.Tile, stripes: Sequence[Region]
    ) -> Generator[PreviewMaps, None, dict[Node, Tensor] | None]:
        """Level 1 of a tile stripe by stripe, a preview of each; all its nodes, or None if stopped."""
        halo = graph.aligned_halo(1, self.config)
        done: dict[int, dict[Node, Tensor]] = {}
        for stripe in stripes:
            read = stripe.grown(halo, self.padded).clipped(tile.read)
            known: dict[Node, Tensor] = {}
            if not self.model.nodes(self.model.tensor(self.plane.read(read)), 1, known, self.should_stop):
                return None
            self._count_flops(read, list(known))
            inside = stripe.relative_to(read)
            shown = stripe.clipped(tile.core).clipped(self.whole)
            if not shown.is_empty:
                yield PreviewMaps(shown, self.model.maps(1, known, shown.relative_to(read)))
            done[stripe.y0] = {
                node: tensor[..., inside.y0 >> node[0] : inside.y1 >> node[0], :]
                for node, tensor in known.items()
            }
        self.computed += len(known)
        return self.model.join([done[y0] for y0 in sorted(done)])

    def _input(self, tile: tiles.Tile) -> Tensor:
        return self.model.tensor(self.plane.read(tile.read))

    def _count(self, tile: tiles.Tile, nodes: Sequence[Node]) -> None:
        """Nodes that were evaluated for a tile."""
        self.computed += len(nodes)
        self._count_flops(tile.read, nodes)

    def _count_flops(self, read: Region, nodes: Sequence[Node]) -> None:
        self.flops += sum(graph.node_flops(node, self.config, *read.shape) for node in nodes)
