"""Segments all planes of an image in a worker, as ``napari-unetpp segment`` does, and hands each over."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ShouldStop, UnetppError
from napari_unetpp.session.segment.cache import WorkerCache
from napari_unetpp.session.segment.work import blocks
from napari_unetpp.session.stacks.events import (
    StackDone,
    StackEvent,
    StackPainted,
    StackProgress,
    StackRead,
)
from napari_unetpp.session.stacks.request import StackRequest
from napari_unetpp.volumes.selection import Position

if TYPE_CHECKING:
    from napari_unetpp.volumes.series.plane import SeriesRequest
    from napari_unetpp.volumes.series.store import PlaneStore


def segment_stack(cache: WorkerCache, request: StackRequest, should_stop: ShouldStop) -> Iterator[StackEvent]:
    """Segment the planes one after the other; what is done when it stops stays.

    Raises
    ------
    UnetppError
        A plane cannot be read or segmented: the message says which one.
    """
    start = time.perf_counter()
    series = yield from _series(cache, request, should_stop)
    if series is None:
        yield StackDone(request.run, 0, request.selection.count, time.perf_counter() - start)
        return
    with tempfile.TemporaryDirectory(prefix="unetpp-") as folder:
        run = _Run(request, series, Path(folder))
        yield from run.planes(should_stop)
        yield run.end(time.perf_counter() - start)


def _series(
    cache: WorkerCache, request: StackRequest, should_stop: ShouldStop
) -> Generator[StackEvent, None, SeriesRequest | None]:
    """One range and one scale for all planes; None when stopped."""
    from napari_unetpp.volumes.series.plane import SeriesRequest
    from napari_unetpp.volumes.series.reading import read_series_as

    array, selection = request.source.array, request.selection
    yield StackProgress(request.run, 0, selection.count, 0.0, "looking at a sample of the planes")
    evaluator = copy.copy(cache.loaded(request.model, request.device))
    reading = read_series_as(
        array,
        selection,
        evaluator,
        scale="auto" if request.scale is None else request.scale,
        pixel_size=request.source.pixel.side,
        range=request.range,
        should_stop=should_stop,
    )
    if should_stop():
        return None
    yield StackRead(request.run, reading)
    evaluator.info = request.model_at(reading.scale.scale)
    return SeriesRequest(array, selection, evaluator, request.level, reading, request.rule.kind)


class _Run:
    """The planes of a run: segmented, numbered through depth and time, handed over."""

    def __init__(self, request: StackRequest, series: SeriesRequest, folder: Path) -> None:
        from napari_unetpp.volumes.series.numbering import numbered
        from napari_unetpp.volumes.series.store import PlaneStore
        from napari_unetpp.volumes.tracks import TrackRows

        self.request, self.series = request, series
        selection = self.selection = request.selection
        shape, dtype = series.plane_shape, series.dtype
        self.store: PlaneStore = PlaneStore(folder / "planes", {}, shape, dtype, selection.count)
        self.tracks = TrackRows(deep=selection.depth > 1)
        self.done, self.objects = 0, 0
        self._largest = 0
        self._positions = list(selection.positions())
        (folder / "frames").mkdir()
        linked = {"stitch": request.stitch, "track": request.track}
        self._numbered = numbered(self.store.read, selection, folder / "frames", **linked)

    def planes(self, should_stop: ShouldStop) -> Iterator[StackEvent]:
        """All planes until it is stopped."""
        from napari_unetpp.volumes.series.run import SeriesStopped, segment_series

        try:
            for event in segment_series(self.series, self.store, should_stop):
                fraction = event.tile / max(1, event.tiles)
                yield StackProgress(self.request.run, event.plane, event.planes, fraction, event.note)
                if self.store.has(event.plane):
                    yield from self._hand_over(event.plane + 1)
        except SeriesStopped as error:
            if not should_stop():
                raise _failed(error.__cause__, self._positions[self.store.done], self.store) from error

    def end(self, seconds: float) -> StackDone:
        """What came out."""
        request = self.request
        tracks = self.tracks.table() if request.track is not None else None
        objects = self.objects if request.objects else None
        return StackDone(request.run, self.done, self.selection.count, seconds, objects, tracks)

    def _hand_over(self, there: int) -> Iterator[StackEvent]:
        """The planes whose numbers are final. Those of a stack over time are when its frame is complete."""
        whole_frames = self.request.stitch is not None and self.request.track is not None
        group = self.selection.depth if whole_frames else 1
        for _ in range(self.done, there // group * group):
            labels = np.asarray(next(self._numbered), np.uint32)
            position = self._positions[self.done]
            self._count(labels, position)
            for region in blocks(self.selection.plane_shape):
                yield StackPainted(self.request.run, position, region, labels[region.slices])
            self.done += 1

    def _count(self, labels: NDArray[Any], position: Position) -> None:
        """Count the objects: linked ones once."""
        stitched, tracked = self.request.stitch is not None, self.request.track is not None
        there = np.flatnonzero(np.bincount(labels.ravel())[1:])
        goes_on = tracked or (stitched and position.z != 0)
        before = self._largest if goes_on else 0
        self.objects += int(np.count_nonzero(there >= before))
        self._largest = max(before, int(there.max(initial=-1)) + 1)
        if tracked:
            self.tracks.add(labels, position.t, position.z or 0)


def _failed(cause: BaseException | None, position: Position, store: PlaneStore) -> UnetppError:
    """What went wrong, and at which plane."""
    from napari_unetpp.engine.memory import is_out_of_memory

    if cause is not None and is_out_of_memory(cause):
        reason = "There is not enough memory: choose a shallower depth or a smaller scale."
    else:
        reason = str(cause) if isinstance(cause, UnetppError) else f"{type(cause).__name__}: {cause}."
    depth = "" if position.z is None else f", Z {position.z}"
    where = f"plane {store.done + 1} of {store.count} (T {position.t}{depth})"
    return UnetppError(f"{reason} Stopped at {where}; the planes before it stay.")
