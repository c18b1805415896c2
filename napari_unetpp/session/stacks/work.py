"""Segments all planes of an image in a worker, as ``napari-unetpp segment`` does, and hands each over."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region, ShouldStop, UnetppError
from napari_unetpp.session.segment.cache import WorkerCache
from napari_unetpp.session.segment.work import blocks
from napari_unetpp.session.stacks.events import (
    StackDone,
    StackEvent,
    StackPainted,
    StackProgress,
    StackRead,
    StackStored,
    StackWritten,
)
from napari_unetpp.session.stacks.request import StackRequest
from napari_unetpp.session.stacks.unfinished import Unfinished
from napari_unetpp.volumes.inputs.source import Cropped
from napari_unetpp.volumes.selection import Position, Selection

if TYPE_CHECKING:
    from napari_unetpp.volumes.ome_zarr import LabelsZarr
    from napari_unetpp.volumes.series.plane import SeriesRequest
    from napari_unetpp.volumes.series.store import PlaneStore


def segment_stack(
    cache: WorkerCache, request: StackRequest, kept: Unfinished, should_stop: ShouldStop
) -> Iterator[StackEvent]:
    """Segment the planes one after the other; what is done when it stops stays, and is not done again.

    Raises
    ------
    UnetppError
        A plane cannot be read or segmented: the message says which one.
    """
    start = time.perf_counter()
    series = yield from _series(cache, request, kept, should_stop)
    if series is None:
        yield StackDone(request.run, 0, request.selection.count, time.perf_counter() - start)
        return
    stored = None if request.target is None else _created(request.target, request.selection)
    if stored is not None:
        yield StackStored(request.run, stored)
    with tempfile.TemporaryDirectory(dir=kept.folder) as frames:
        run = _Run(request, series, kept.folder, Path(frames), stored)
        yield from run.planes(should_stop)
        if stored is not None and run.done == run.selection.count:
            yield from _coarser(request.run, stored, should_stop)
        yield run.end(time.perf_counter() - start)


def _created(path: Path, selection: Selection) -> LabelsZarr:
    """An OME-Zarr for the labels: an empty one, or that of a run that was stopped."""
    from napari_unetpp.volumes.ome_zarr import create_labels, open_labels

    if path.exists():
        return open_labels(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    image, names = selection.axes, stored_axes(selection)
    shape = tuple(image.size(name) for name in names)
    return create_labels(path, replace(image, names=names, shape=shape, channels=()))


def stored_axes(selection: Selection) -> str:
    """The axes of labels on disk: those of all planes of the image, so that a part lies at its place."""
    image = selection.axes
    deep = image.size("Z") > 1 and not selection.project
    return f"{'T' if image.size('T') > 1 else ''}{'Z' if deep else ''}YX"


def _coarser(run: int, stored: LabelsZarr, should_stop: ShouldStop) -> Iterator[StackEvent]:
    """Make the coarser levels, and hand all of them over."""
    for done, total in stored.write_coarser(should_stop):
        yield StackProgress(run, 0, 1, done / total, "making coarser levels")
    if stored.complete:
        yield StackStored(run, stored)


def _series(
    cache: WorkerCache, request: StackRequest, kept: Unfinished, should_stop: ShouldStop
) -> Generator[StackEvent, None, SeriesRequest | None]:
    """One range and one scale for all planes; None when stopped."""
    from napari_unetpp.volumes.series.plane import SeriesRequest
    from napari_unetpp.volumes.series.reading import read_series_as

    array, selection = request.source.array, request.selection
    if request.area is not None:
        array, selection = _cropped(array, selection, request.area.region)
    yield StackProgress(request.run, 0, selection.count, 0.0, "looking at a sample of the planes")
    evaluator = copy.copy(cache.loaded(request.model, request.device))
    reading = kept.reading or read_series_as(
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
    kept.reading = reading
    yield StackRead(request.run, reading, evaluator.choice.dtype)
    evaluator.info = request.model_at(reading.scale.scale)
    return SeriesRequest(array, selection, evaluator, request.level, reading, request.rule.kind)


def _cropped(array: Any, selection: Selection, region: Region) -> tuple[Cropped, Selection]:
    """Some rows and columns of an image, and the same planes of them."""
    axes, lengths = selection.axes, {"Y": region.shape[0], "X": region.shape[1]}
    shape = tuple(lengths.get(name, n) for name, n in zip(axes.names, axes.shape, strict=True))
    return Cropped(array, axes, region), replace(selection, axes=replace(axes, shape=shape))


class _Run:
    """The planes of a run: segmented, numbered through depth and time, handed over."""

    def __init__(
        self,
        request: StackRequest,
        series: SeriesRequest,
        folder: Path,
        frames: Path,
        stored: LabelsZarr | None,
    ) -> None:
        from napari_unetpp.volumes.series.numbering import numbered
        from napari_unetpp.volumes.series.store import PlaneStore
        from napari_unetpp.volumes.tracks import TrackRows

        self.request, self.series, self.stored = request, series, stored
        selection = self.selection = series.selection
        shape, dtype = series.plane_shape, series.dtype
        self.store: PlaneStore = PlaneStore(folder / "planes", {}, shape, dtype, selection.count)
        self.tracks = TrackRows(deep=selection.depth > 1)
        self.done, self.objects = 0, 0
        self._largest = 0
        self._positions = list(selection.positions())
        linked = {"stitch": request.stitch, "track": request.track}
        self._numbered = numbered(self.store.read, selection, frames, **linked)

    def planes(self, should_stop: ShouldStop) -> Iterator[StackEvent]:
        """All planes until it is stopped."""
        from napari_unetpp.volumes.series.run import SeriesStopped, segment_series

        try:
            yield from self._hand_over(self.store.done)  # of a run that was stopped
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
            if self.request.area is not None and self.request.area.inside is not None:
                labels = np.where(self.request.area.inside, labels, np.uint32(0))
            position = self._positions[self.done]
            self._count(labels, position)
            if self.stored is not None:
                self.stored.write((*self._leading(position), slice(None), slice(None)), labels)
                yield StackWritten(self.request.run, position)
            else:
                yield from self._painted(position, labels)
            self.done += 1

    def _painted(self, position: Position, labels: NDArray[Any]) -> Iterator[StackEvent]:
        """A plane in rectangles on the grid of the image; what is outside of the area is left out."""
        area = self.request.area
        y0, x0 = (0, 0) if area is None else (area.region.y0, area.region.x0)
        for part in blocks(self.selection.plane_shape):
            there = Region(part.y0 + y0, part.x0 + x0, part.y1 + y0, part.x1 + x0)
            yield StackPainted(self.request.run, position, there, labels[part.slices])

    def _leading(self, position: Position) -> tuple[int, ...]:
        """Frame and depth of a plane in the result on disk, as far as it has these axes."""
        at = {"T": position.t, "Z": position.z or 0}
        return tuple(at[name] for name in stored_axes(self.selection)[:-2])

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
    return UnetppError(f"{reason} Stopped at {where}; the planes before it stay. Segment goes on there.")
