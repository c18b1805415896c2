"""Prediction of one plane as a generator of frozen events.

Visible tiles come first and are live: level 1 of all of them, shown stripe by stripe, then the deeper
levels tile by tile, computing only the nodes the cache does not hold. The rest follows in batch tiles,
which keep probabilities only. See `engine.tiles` for the plan.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
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
from napari_unetpp.engine.auto import AutoTile, Deepened
from napari_unetpp.engine.evaluator import Evaluator
from napari_unetpp.engine.node_cache import NodeCache, TileKey
from napari_unetpp.engine.normalise import measure
from napari_unetpp.engine.plane import PlaneReader
from napari_unetpp.net import graph

if TYPE_CHECKING:
    from torch import Tensor


def predict(
    evaluator: Evaluator,
    request: PredictRequest,
    cache: NodeCache | None = None,
    should_stop: ShouldStop = never_stop,
) -> Iterator[PredictEvent]:
    """Predict one plane.

    Parameters
    ----------
    evaluator : Evaluator
    request : PredictRequest
    cache : NodeCache or None
        Holds the nodes of live tiles; without it, or with ``request.plane`` None, all tiles are batch tiles.
    should_stop : callable
        Asked before every node, so that a stop takes effect well within a tile.

    Yields
    ------
    PredictEvent
        `PredictStarted`, then a `TileDone` per tile and level, and `PredictDone` last, always.
    """
    return _Prediction(evaluator, request, cache, should_stop).run()


def levels_of(request: PredictRequest, config: NetConfig) -> tuple[int, ...]:
    """Levels that a request gives; before `AUTO` the first, from which it starts."""
    if request.level == AUTO:
        return (1, AUTO) if request.all_levels else (AUTO,)
    return tuple(d for d in config.levels if d == request.level or (request.all_levels and d < request.level))


class _Prediction:
    """State of one run of `predict`; lives as long as its generator."""

    def __init__(
        self,
        evaluator: Evaluator,
        request: PredictRequest,
        cache: NodeCache | None,
        should_stop: ShouldStop,
    ) -> None:
        levels = evaluator.info.net.levels
        if request.level not in levels and not (request.level == AUTO and evaluator.info.stopping):
            raise ValueError(f"level {request.level} was given, but this network has levels {levels}")
        self.evaluator = evaluator
        self.request = request
        self.cache = NodeCache(0) if cache is None or request.plane is None else cache
        self.should_stop = should_stop
        self.levels = levels_of(request, evaluator.info.net)
        self.deepest = evaluator.info.net.depth if request.level == AUTO else request.level
        self.done = self.computed = self.reused = self.flops = 0

    def run(self) -> Iterator[PredictEvent]:
        start = time.perf_counter()
        self._prepare()
        tile_count = len(self.plan.live) + len(self.plan.batch)
        self.total = tile_count * len(self.levels)
        note = tiles.seams_note(self.plan, self.evaluator.info.net)
        notes = (note,) if note else ()
        yield PredictStarted(self.request.generation, self.shape, self.levels, tile_count, notes)
        finished = yield from self._all_tiles()
        seconds = time.perf_counter() - start
        yield PredictDone(
            *(self.request.generation, self.request.level, seconds, self.computed, self.reused),
            stopped=not finished,
            flops=self.flops,
        )

    def _prepare(self) -> None:
        request, info = self.request, self.evaluator.info
        stats = self.cache.stats(
            request.plane, info.normalisation, lambda: measure(request.image, info.normalisation)
        )
        self.plane = PlaneReader(request.image, request.scale, stats, info.net.in_channels)
        self.shape = self.plane.shape
        view = request.viewport and tiles.scaled(request.viewport, request.scale, self.shape)
        self.view = view
        self.plan = tiles.plan(
            self.shape,
            info.net,
            self.deepest,
            viewport=view,
            budget=self.cache.budget_bytes,
            itemsize=self.evaluator.itemsize,
        )
        self.cache.touch(self._key(tile) for tile in self.plan.live)

    def _all_tiles(self) -> Generator[PredictEvent, None, bool]:
        """All tiles in the order of the plan; False if stopped."""
        first, rest = self.levels[:1], self.levels[1:]
        for tile in self.plan.live:
            self._count_reused(tile)
        for levels in (first, rest):
            for tile in self.plan.live:
                if not (yield from self._live(tile, levels)):
                    return False
        for tile in self.plan.batch:
            if not (yield from self._batch(tile)):
                return False
        return True

    def _live(self, tile: tiles.Tile, levels: tuple[int, ...]) -> Generator[PredictEvent, None, bool]:
        """One live tile at the given levels; whatever was completed goes into the cache."""
        key = self._key(tile)
        for level in levels:
            if level == AUTO:
                return (yield from self._auto(tile))
            known = self.cache.get(key)
            if level == 1 and not known and (cut := self._stripes(tile)):
                striped = yield from self._first_look(tile, cut)
                if striped is None:
                    return False
                known = striped
                self.cache.put(key, known)
            before = len(known)
            image_needed = graph.needs_image(level, known, self.evaluator.info.net)
            x = self.evaluator.tensor(self.plane.read(tile.read)) if image_needed else None
            complete = self.evaluator.nodes(x, level, known, self.should_stop)
            self._count(tile, list(known)[before:])
            if len(known) > before:
                self.cache.put(key, known)
            if not complete or self.should_stop():
                return False
            yield self._event(tile, level, self.evaluator.maps(level, known, tile.crop))
        return True

    def _stripes(self, tile: tiles.Tile) -> tuple[Region, ...]:
        """The stripes in which level 1 of a tile is shown; none where it is small or has to be one piece."""
        config = self.evaluator.info.net
        view = self.view or Region(0, 0, *self.shape)
        found = tiles.stripes(tile.read, view, config.multiple)
        return found if len(found) > 1 and not config.encoder else ()

    def _first_look(
        self, tile: tiles.Tile, cut: Sequence[Region]
    ) -> Generator[PredictEvent, None, dict[Node, Tensor] | None]:
        """Level 1 of a tile stripe by stripe, each shown at once; its nodes, or None if stopped."""
        config = self.evaluator.info.net
        halo = graph.aligned_halo(1, config)
        origin = tile.read
        done: dict[int, dict[Node, Tensor]] = {}
        for stripe in cut:
            read = tiles.within(tiles.grow(stripe, halo, self.plan.padded), origin)
            x = self.evaluator.tensor(self.plane.read(read))
            known: dict[Node, Tensor] = {}
            if not self.evaluator.nodes(x, 1, known, self.should_stop):
                return None
            self.flops += sum(graph.node_flops(node, config, *read.shape) for node in known)
            inside = stripe.shifted(-read.y0, -read.x0)
            shown = tiles.within(stripe, tiles.within(tile.core, Region(0, 0, *self.shape)))
            if shown.y0 < shown.y1:
                maps = self.evaluator.maps(1, known, shown.shifted(-read.y0, -read.x0))
                yield Preview(self.request.generation, shown, maps)
            done[stripe.y0] = {
                node: tensor[..., inside.y0 >> node[0] : inside.y1 >> node[0], :]
                for node, tensor in known.items()
            }
        self.computed += len(known)
        return self.evaluator.join([done[y0] for y0 in sorted(done)])

    def _batch(self, tile: tiles.Tile) -> Generator[PredictEvent, None, bool]:
        """One batch tile at all levels of the request."""
        if self.should_stop():
            return False
        if self.request.level == AUTO:
            return (yield from self._auto(tile))
        x = self.evaluator.tensor(self.plane.read(tile.read))
        given = 0
        for level, maps in self.evaluator.stream(
            x, self.request.level, self.should_stop, tile.crop, all_levels=self.request.all_levels
        ):
            given += 1
            yield self._event(tile, level, maps)
        if given < len(self.levels):
            return False
        self._count(tile, graph.nodes(self.deepest, self.evaluator.info.net.arch))
        return True

    def _auto(self, tile: tiles.Tile) -> Generator[PredictEvent, None, bool]:
        """One tile, each square as deep as it needs; what was completed of a live one goes into the cache."""
        key = self._key(tile)
        known = self.cache.get(key) if tile.live else {}
        before = len(known)
        image_needed = graph.needs_image(self.deepest, known, self.evaluator.info.net)
        x = self.evaluator.tensor(self.plane.read(tile.read)) if image_needed else None
        auto = AutoTile(self.evaluator, x, known, tile.crop)
        found: Deepened | None = None
        for step in auto.run(self.should_stop):
            found = step
        self.computed += len(known) - before
        self.flops += auto.flops
        if tile.live and len(known) > before:
            self.cache.put(key, known)
        if found is None or not auto.finished:
            return False
        if not tile.live and self.request.all_levels:
            yield self._event(tile, 1, self.evaluator.maps(1, known, tile.crop))
        yield self._event(tile, AUTO, found.maps, found.depth)
        return True

    def _count(self, tile: tiles.Tile, nodes: Sequence[Node]) -> None:
        """Nodes that were evaluated for a tile."""
        config = self.evaluator.info.net
        self.computed += len(nodes)
        self.flops += sum(graph.node_flops(node, config, *tile.read.shape) for node in nodes)

    def _count_reused(self, tile: tiles.Tile) -> None:
        known = self.cache.get(self._key(tile))
        self.reused += sum(node in known for node in graph.nodes(self.deepest, self.evaluator.info.net.arch))

    def _event(
        self,
        tile: tiles.Tile,
        level: int,
        maps: NDArray[np.float32],
        depth: NDArray[np.uint8] | None = None,
    ) -> TileDone:
        """Cut the padding off."""
        core = tile.core
        region = Region(core.y0, core.x0, min(core.y1, self.shape[0]), min(core.x1, self.shape[1]))
        self.done += 1
        height, width = region.shape
        maps, depth = maps[:, :height, :width], None if depth is None else depth[:height, :width]
        return TileDone(self.request.generation, level, region, maps, self.done, self.total, depth)

    def _key(self, tile: tiles.Tile) -> TileKey:
        return TileKey(self.request.plane, self.shape, tile.read, self.evaluator.version)
