"""Prediction of one plane as a generator of frozen events.

Visible tiles come first: level 1 of all of them, then the deeper levels tile by tile, then the rest of the
plane. As many of them as the cache can hold are live: only nodes that are not cached are computed. The others
are batch tiles, which keep probabilities only. `engine.tiles` makes the plan. After panning or zooming, the
tiles that are visible then come next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    AUTO,
    NetConfig,
    Node,
    PredictDone,
    PredictEvent,
    PredictRequest,
    PredictStarted,
    Preview,
    Region,
    ShouldStop,
    TileDone,
    never_stop,
)
from napari_unetpp.engine import tiles
from napari_unetpp.engine.auto.auto_tile import AutoTile, TileAtLevel
from napari_unetpp.engine.input.normalise import NormStats, measure, with_range
from napari_unetpp.engine.input.plane import PlaneReader
from napari_unetpp.engine.input.sampling import working_shape
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.node_cache import NodeCache, TileKey
from napari_unetpp.net import graph

if TYPE_CHECKING:
    from torch import Tensor


def predict(
    model: LoadedModel,
    request: PredictRequest,
    cache: NodeCache | None = None,
    should_stop: ShouldStop = never_stop,
    current_view: Callable[[], Region | None] | None = None,
    *,
    cell: int | None = None,
    only: Collection[Region] | None = None,
    stats: NormStats | None = None,
) -> Iterator[PredictEvent]:
    """Predict one plane.

    Parameters
    ----------
    model : LoadedModel
    request : PredictRequest
    cache : NodeCache or None
        Holds the nodes of live tiles; without it, or with ``request.plane`` None, all tiles are batch tiles.
    should_stop : callable
        Asked before every node, so that a stop takes effect well within a tile.
    current_view : callable, optional
        Gives the part (input grid) that is visible now, None where that is not known; asked before every
        node. A tile that went out of view gives way to one that came into it.
    cell : int, optional
        Longest side of a tile, px; None: the default.
    only : collection of Region, optional
        The tiles to do, by the regions (working grid) that `tile_regions` gives; None: all of them.
    stats : NormStats, optional
        How intensities are read, where that was measured before; None: by the range of the request.

    Yields
    ------
    PredictEvent
        `PredictStarted`, then a `TileDone` per tile and level, and `PredictDone` last, always. A `Preview` of
        level 1 may come before a tile is done.
    """
    return _Prediction(model, request, cache, should_stop, current_view, cell, only, stats).run()


def tile_regions(
    request: PredictRequest, config: NetConfig, *, cell: int | None = None
) -> tuple[tuple[int, int], tuple[Region, ...]]:
    """The working grid of a request, and the region of each tile of it, as `predict` takes them."""
    shape = working_shape((request.image.shape[0], request.image.shape[1]), request.scale)
    return shape, tiles.cells(tiles.padded_shape(shape, config.multiple), config, cell)


def requested_levels(request: PredictRequest, config: NetConfig) -> tuple[int, ...]:
    """Levels that a request gives; before `AUTO` the first, from which it starts."""
    if request.level == AUTO:
        levels: tuple[int, ...] = (1, AUTO)
    else:
        levels = tuple(d for d in config.levels if d <= request.level)
    return tuple(d for d in levels if d == request.level or (request.all_levels and d not in request.known))


class _Prediction:
    """State of one run of `predict`; lives as long as its generator.

    Attributes
    ----------
    view : Region
        What was visible when the tile under way was chosen (working grid).
    tile : Tile
        That tile.
    left : dict
        The tiles to be done, and the levels that each still lacks.
    unseen : set of Tile
        Those of which level 1 comes first while they are visible.
    """

    def __init__(
        self,
        model: LoadedModel,
        request: PredictRequest,
        cache: NodeCache | None,
        should_stop: ShouldStop,
        current_view: Callable[[], Region | None] | None,
        cell: int | None,
        only: Collection[Region] | None,
        stats: NormStats | None,
    ) -> None:
        levels = model.info.net.levels
        if request.level not in levels and not (request.level == AUTO and model.info.stopping):
            raise ValueError(f"level {request.level} was given, but this network has levels {levels}")
        self.model = model
        self.request = request
        self.cache = NodeCache(0) if cache is None or request.plane is None else cache
        self.should_stop = should_stop
        self.current_view = current_view
        self.cell, self.only, self.stats = cell, only, stats
        self.levels = requested_levels(request, model.info.net)
        self.deepest = model.info.net.depth if request.level == AUTO else request.level
        self.done = self.computed = self.reused = self.flops = 0
        self.known_level: int | None = None

    def run(self) -> Iterator[PredictEvent]:
        start = time.perf_counter()
        self._prepare()
        tile_count = len(self.left)
        self.total = tile_count * len(self.levels)
        yield PredictStarted(self.request.generation, self.shape, self.levels, tile_count)
        finished = yield from self._all_tiles()
        seconds = time.perf_counter() - start
        yield PredictDone(
            *(self.request.generation, self.request.level, seconds, self.computed, self.reused),
            stopped=not finished,
            flops=self.flops,
            known_level=self.known_level,
        )

    def _prepare(self) -> None:
        request, info = self.request, self.model.info
        if self.stats is not None:
            stats = self.stats
        elif request.range is not None:
            stats = with_range(request.image, *request.range)
        else:
            rule = info.normalisation
            stats = self.cache.stats(request.plane, rule, lambda: measure(request.image, rule))
        self.plane = PlaneReader(request.image, request.scale, stats, info.net.in_channels)
        self.shape = self.plane.shape
        view = request.viewport and request.viewport.scaled(request.scale, self.shape)
        self.view = view or Region.whole(self.shape)
        self.plan = tiles.plan(
            self.shape,
            info.net,
            self.deepest,
            viewport=view,
            budget=self.cache.budget_bytes,
            itemsize=self.model.itemsize,
            longest=self.cell,
        )
        self.cache.touch(self._key(tile) for tile in self.plan.live)
        asked = [t for t in (*self.plan.live, *self.plan.batch) if self.only is None or t.core in self.only]
        self.left: dict[tiles.Tile, tuple[int, ...]] = dict.fromkeys(asked, self.levels)
        self.unseen = {tile for tile in self.left if tile.live or self._has_preview(tile)}

    # ------------------------------------------------------------------- order

    def _all_tiles(self) -> Generator[PredictEvent, None, bool]:
        """All tiles, the visible ones first, each of these at level 1 first; False if stopped."""
        for tile in self.plan.live:
            self._count_reused(tile)
        self.known_level = self._cached_level()
        while self.left:
            self.view = self._current_region()
            visible = [tile for tile in self.unseen if tile.core.overlaps(self.view)]
            self.tile = min(visible or self.left, key=lambda tile: tiles.distance(tile.core, self.view))
            yield from self._first_level(self.tile) if visible else self._missing_levels(self.tile)
            if self.left and self.should_stop():
                return False
        return True

    def _current_region(self) -> Region:
        """The visible part (working grid)."""
        view = self.current_view and self.current_view()
        return view.scaled(self.request.scale, self.shape) if view else self.view

    def _leave_tile(self) -> bool:
        """Whether to leave the tile: stopped, or it went out of view and a visible tile is to be done."""
        if self.should_stop():
            return True
        view = self._current_region()
        if view == self.view or self.tile.core.overlaps(view):
            return False
        return any(tile.core.overlaps(view) for tile in self.left)

    def _first_level(self, tile: tiles.Tile) -> Iterator[PredictEvent]:
        """The first level of a visible tile."""
        return self._live(tile, self.left[tile][:1]) if tile.live else self._preview(tile)

    def _missing_levels(self, tile: tiles.Tile) -> Iterator[PredictEvent]:
        """All levels that a tile lacks."""
        return self._live(tile, self.left[tile]) if tile.live else self._batch(tile)

    # ------------------------------------------------------------------- tiles

    def _live(self, tile: tiles.Tile, levels: tuple[int, ...]) -> Iterator[PredictEvent]:
        """One live tile at the given levels; whatever was completed goes into the cache."""
        key = self._key(tile)
        for level in levels:
            if level == AUTO:
                yield from self._auto(tile)
                return
            known = self.cache.get(key)
            if level == 1 and not known and (stripes := self._stripes(tile)):
                striped = yield from self._level_1_in_stripes(tile, stripes)
                if striped is None:
                    return
                known = striped
                self.cache.put(key, known)
            before = len(known)
            image_needed = graph.needs_image(level, known, self.model.info.net)
            x = self.model.tensor(self.plane.read(tile.read)) if image_needed else None
            complete = self.model.nodes(x, level, known, self._leave_tile)
            self._count(tile, list(known)[before:])
            if len(known) > before:
                self.cache.put(key, known)
            if not complete or self.should_stop():
                return
            yield self._event(tile, level, self.model.maps(level, known, tile.crop))

    def _has_preview(self, tile: tiles.Tile) -> bool:
        """Whether level 1 of a batch tile is requested first, and costs less than all that is requested."""
        return self.request.preview and self.levels[0] == 1 < self.deepest

    def _preview(self, tile: tiles.Tile) -> Iterator[PredictEvent]:
        """Level 1 of a batch tile, shown until the tile is done."""
        config = self.model.info.net
        read = tile.core.grown(graph.aligned_halo(1, config), self.plan.padded)
        known: dict[Node, Tensor] = {}
        if self.model.nodes(self.model.tensor(self.plane.read(read)), 1, known, self._leave_tile):
            self.flops += sum(graph.node_flops(node, config, *read.shape) for node in known)
            shown = tile.core.clipped(Region.whole(self.shape))
            maps = self.model.maps(1, known, shown.relative_to(read))
            self.unseen.remove(tile)
            yield Preview(self.request.generation, shown, maps)

    def _stripes(self, tile: tiles.Tile) -> tuple[Region, ...]:
        """The stripes in which level 1 of a tile is shown; none where it is small."""
        found = tiles.stripes(tile.read, self.view, self.model.info.net.multiple)
        return found if len(found) > 1 else ()

    def _level_1_in_stripes(
        self, tile: tiles.Tile, stripes: Sequence[Region]
    ) -> Generator[PredictEvent, None, dict[Node, Tensor] | None]:
        """Level 1 of a tile stripe by stripe, a preview of each; all its nodes, or None if stopped."""
        config = self.model.info.net
        halo = graph.aligned_halo(1, config)
        origin = tile.read
        done: dict[int, dict[Node, Tensor]] = {}
        for stripe in stripes:
            read = stripe.grown(halo, self.plan.padded).clipped(origin)
            x = self.model.tensor(self.plane.read(read))
            known: dict[Node, Tensor] = {}
            if not self.model.nodes(x, 1, known, self.should_stop):
                return None
            self.flops += sum(graph.node_flops(node, config, *read.shape) for node in known)
            inside = stripe.relative_to(read)
            shown = stripe.clipped(tile.core).clipped(Region.whole(self.shape))
            if not shown.is_empty:
                maps = self.model.maps(1, known, shown.relative_to(read))
                yield Preview(self.request.generation, shown, maps)
            done[stripe.y0] = {
                node: tensor[..., inside.y0 >> node[0] : inside.y1 >> node[0], :]
                for node, tensor in known.items()
            }
        self.computed += len(known)
        return self.model.join([done[y0] for y0 in sorted(done)])

    def _batch(self, tile: tiles.Tile) -> Iterator[PredictEvent]:
        """One batch tile at all levels of the request that it lacks."""
        if self.request.level == AUTO:
            yield from self._auto(tile)
            return
        x = self.model.tensor(self.plane.read(tile.read))
        for level, maps in self.model.stream(
            x, self.request.level, self._leave_tile, tile.crop, all_levels=self.request.all_levels
        ):
            if level in self.left[tile]:
                yield self._event(tile, level, maps)
        if tile not in self.left:
            self._count(tile, graph.nodes(self.deepest, self.model.info.net.arch))

    def _auto(self, tile: tiles.Tile) -> Iterator[PredictEvent]:
        """One tile, each square as deep as it needs; what was completed of a live one goes into the cache."""
        key = self._key(tile)
        known = self.cache.get(key) if tile.live else {}
        before = len(known)
        image_needed = graph.needs_image(self.deepest, known, self.model.info.net)
        x = self.model.tensor(self.plane.read(tile.read)) if image_needed else None
        auto = AutoTile(self.model, x, known, tile.crop)
        found: TileAtLevel | None = None
        for step in auto.run(self._leave_tile):
            found = step
        self.computed += len(known) - before
        self.flops += auto.flops
        if tile.live and len(known) > before:
            self.cache.put(key, known)
        if found is None or not auto.finished:
            return
        if not tile.live and 1 in self.left[tile]:
            yield self._event(tile, 1, self.model.maps(1, known, tile.crop))
        yield self._event(tile, AUTO, found.maps, found.depth)

    def _count(self, tile: tiles.Tile, nodes: Sequence[Node]) -> None:
        """Nodes that were evaluated for a tile."""
        config = self.model.info.net
        self.computed += len(nodes)
        self.flops += sum(graph.node_flops(node, config, *tile.read.shape) for node in nodes)

    def _count_reused(self, tile: tiles.Tile) -> None:
        known = self.cache.get(self._key(tile))
        self.reused += sum(node in known for node in graph.nodes(self.deepest, self.model.info.net.arch))

    def _cached_level(self) -> int | None:
        """The level whose nodes are cached for every tile; 0: none; None: tiles differ."""
        arch = self.model.info.net.arch
        cached = {frozenset(self.cache.get(self._key(tile)) if tile.live else ()) for tile in self.left}
        levels = {
            0: frozenset(),
            **{d: frozenset(graph.nodes(d, arch)) for d in self.model.info.net.levels},
        }
        return next((level for level, nodes in levels.items() if cached == {nodes}), None)

    def _event(
        self,
        tile: tiles.Tile,
        level: int,
        maps: NDArray[np.float32],
        depth: NDArray[np.uint8] | None = None,
    ) -> TileDone:
        """A tile that is done at a level, without the padding."""
        self.unseen.discard(tile)
        self.left[tile] = tuple(other for other in self.left[tile] if other != level)
        if not self.left[tile]:
            del self.left[tile]
        region = tile.core.clipped(Region.whole(self.shape))
        self.done += 1
        height, width = region.shape
        maps, depth = maps[:, :height, :width], None if depth is None else depth[:height, :width]
        return TileDone(self.request.generation, level, region, maps, self.done, self.total, depth)

    def _key(self, tile: tiles.Tile) -> TileKey:
        request = self.request
        return TileKey(request.plane, self.shape, tile.read, self.model.version, request.range)
