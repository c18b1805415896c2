"""Prediction of one plane as a generator of frozen events: which tile is evaluated next.

Visible tiles come first: level 1 of all of them, then the deeper levels tile by tile, then the rest of the
plane. As many visible tiles as the cache can hold are live: their nodes are cached, and only missing ones are
computed. The others are batch tiles, of which only probabilities are kept. `engine.tiles` makes the plan,
`engine.tile_evaluator` evaluates a tile. After panning or zooming, the tiles that are then visible come next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator

from napari_unetpp._types import (
    AUTO,
    NetConfig,
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
from napari_unetpp.engine.input.normalise import NormStats, measure, with_range
from napari_unetpp.engine.input.plane import PlaneReader
from napari_unetpp.engine.input.sampling import working_shape
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.node_cache import NodeCache
from napari_unetpp.engine.row_stream import RowStream, streams
from napari_unetpp.engine.tile_evaluator import LevelMaps, PreviewMaps, TileEvaluator


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
        The part that was visible (working grid) when the current tile was chosen.
    tile : Tile
        The current tile.
    left : dict
        The tiles to be done, and the levels that each still lacks.
    unseen : set of Tile
        Tiles of which nothing was shown yet: while they are visible, their level 1 comes first.
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
        self.model, self.compiled_before = model, model.compiled
        self.request = request
        self.cache = NodeCache(0) if cache is None or request.plane is None else cache
        self.should_stop = should_stop
        self.current_view = current_view
        self.cell, self.only, self.stats = cell, only, stats
        self.levels = requested_levels(request, model.info.net)
        self.deepest = model.info.net.depth if request.level == AUTO else request.level
        self.done = 0

    def run(self) -> Iterator[PredictEvent]:
        start = time.perf_counter()
        self._prepare()
        if self._in_rows():
            yield from self._row_by_row(start)
            return
        self.total = len(self.left) * len(self.levels)
        yield PredictStarted(self.request.generation, self.shape, self.levels, len(self.left))
        reused = sum(self.evaluator.cached_nodes(tile) for tile in self.plan.live)
        known_level = self.evaluator.cached_level(self.left)
        finished = yield from self._all_tiles()
        seconds = time.perf_counter() - start
        yield PredictDone(
            *(self.request.generation, self.request.level, seconds, self.evaluator.computed, reused),
            stopped=not finished,
            flops=self.evaluator.flops,
            known_level=known_level,
            compiled=self.model.compiled != self.compiled_before,
        )

    def _prepare(self) -> None:
        request, info = self.request, self.model.info
        plane = PlaneReader(request.image, request.scale, self._range(), info.net.in_channels)
        self.shape = plane.shape
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
        self.plane = plane
        self.evaluator = TileEvaluator(
            self.model, request, self.cache, plane, self.deepest, self.should_stop, self._leave_tile
        )
        self.cache.touch(self.evaluator.key(tile) for tile in self.plan.live)
        asked = [t for t in (*self.plan.live, *self.plan.batch) if self.only is None or t.core in self.only]
        self.left: dict[tiles.Tile, tuple[int, ...]] = dict.fromkeys(asked, self.levels)
        self.unseen = {tile for tile in self.left if tile.live or self._has_preview()}

    def _in_rows(self) -> bool:
        """Whether the plane is evaluated row by row: nothing is shown meanwhile, no tile is asked for."""
        tiled = len(self.plan.batch) > 1 and not self.plan.live and self.only is None and self.cell is None
        fixed = self.request.level != AUTO and not self.request.preview
        return tiled and fixed and streams(self.model.info.net)

    def _row_by_row(self, start: float) -> Iterator[PredictEvent]:
        """The events of a plane that is evaluated row by row."""
        request, stream = self.request, RowStream(self.model, self.plane, self.levels)
        total = stream.stripes
        yield PredictStarted(request.generation, self.shape, self.levels, total)
        covered = 0
        for found in stream.run(self.should_stop):
            covered += found.maps[0].size * (found.level == request.level)
            yield TileDone(request.generation, found.level, found.region, found.maps, found.stripe, total)
        seconds = time.perf_counter() - start
        yield PredictDone(
            *(request.generation, request.level, seconds, stream.computed, 0),
            stopped=covered < self.shape[0] * self.shape[1],
            flops=stream.flops,
            known_level=0,
            compiled=self.model.compiled != self.compiled_before,
        )

    def _range(self) -> NormStats:
        """The range of intensities: known before, given with the request, or measured."""
        request, rule = self.request, self.model.info.normalisation
        if self.stats is not None:
            return self.stats
        if request.range is not None:
            return with_range(request.image, *request.range)
        return self.cache.stats(request.plane, rule, lambda: measure(request.image, rule))

    def _has_preview(self) -> bool:
        """Whether level 1 of a batch tile is requested first, and costs less than all that is requested."""
        return self.request.preview and self.levels[0] == 1 < self.deepest

    def _all_tiles(self) -> Generator[PredictEvent, None, bool]:
        """All tiles, the visible ones first, each of these at level 1 first; False if stopped."""
        while self.left:
            self.view = self._current_region()
            visible = [tile for tile in self.unseen if tile.core.overlaps(self.view)]
            self.tile = min(visible or self.left, key=lambda tile: tiles.distance(tile.core, self.view))
            yield from self._events(self.tile, first_level=bool(visible))
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

    def _events(self, tile: tiles.Tile, *, first_level: bool) -> Iterator[PredictEvent]:
        """The events of one tile: of its first level, or of all levels that it lacks."""
        for found in self._evaluated(tile, first_level=first_level):
            if isinstance(found, PreviewMaps):
                if not tile.live:  # a live one is shown as a whole next
                    self.unseen.remove(tile)
                yield Preview(self.request.generation, found.region, found.maps)
            else:
                yield self._tile_done(tile, found)

    def _evaluated(self, tile: tiles.Tile, *, first_level: bool) -> Iterator[LevelMaps | PreviewMaps]:
        lacking = self.left[tile]
        if tile.live:
            levels = lacking[:1] if first_level else lacking
            return self.evaluator.live(tile, levels, self.view)
        return self.evaluator.preview(tile) if first_level else self.evaluator.batch(tile, lacking)

    def _tile_done(self, tile: tiles.Tile, found: LevelMaps) -> TileDone:
        """A tile that is done at a level, without the padding."""
        self.unseen.discard(tile)
        self.left[tile] = tuple(level for level in self.left[tile] if level != found.level)
        if not self.left[tile]:
            del self.left[tile]
        region = tile.core.clipped(Region.whole(self.shape))
        self.done += 1
        height, width = region.shape
        depth = None if found.depth is None else found.depth[:height, :width]
        maps = found.maps[:, :height, :width]
        return TileDone(self.request.generation, found.level, region, maps, self.done, self.total, depth)
