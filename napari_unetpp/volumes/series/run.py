"""Segment all planes of a series, one after the other; finished planes are skipped."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import ShouldStop, UnetppError, never_stop
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.level import memory_remedy
from napari_unetpp.engine.memory import is_out_of_memory, release_free_memory
from napari_unetpp.volumes.directions import DIRECTIONS
from napari_unetpp.volumes.inputs.source import LARGE
from napari_unetpp.volumes.selection import Position
from napari_unetpp.volumes.series.large_plane import DEFAULT_SIZES, SMALL_SIZES, predict_large_plane
from napari_unetpp.volumes.series.plane import STOPPED, SeriesRequest, SeriesWorkers, Tiles, predict_plane
from napari_unetpp.volumes.series.store import PlaneStore
from napari_unetpp.volumes.series.three_directions import ThreeDirections


@dataclass(frozen=True, slots=True)
class SeriesProgress:
    """A tile or a plane is done.

    Attributes
    ----------
    plane, planes : int
        Number of the current plane, from 0, and planes in all.
    tile, tiles : int
        Tiles done of this plane, and tiles in all; equal: the plane is done.
    note : str
        What was done differently for this plane, in words; empty: nothing.
    """

    plane: int
    planes: int
    tile: int
    tiles: int
    note: str = ""


TOO_LARGE = "plane {} does not fit into memory and is done in pieces"


class SeriesStopped(UnetppError):
    """The run failed at a plane; the planes before it stay in the store."""


def segment_series(
    request: SeriesRequest,
    store: PlaneStore,
    should_stop: ShouldStop = never_stop,
    workers: SeriesWorkers | None = None,
) -> Iterator[SeriesProgress]:
    """Segment all planes that the store does not hold.

    Parameters
    ----------
    request : SeriesRequest
    store : PlaneStore
        Where each finished plane is written.
    should_stop : callable
    workers : SeriesWorkers, optional
        Who computes planes, and tiles of large ones; None: this process, as for three
        directions. The result is the same.

    Yields
    ------
    SeriesProgress
        After each tile, and after each plane.

    Raises
    ------
    SeriesStopped
        A plane cannot be read, segmented or stored: the message says which one, and how to go on.
    """
    missing = {n: at for n, at in enumerate(request.selection.positions()) if not store.has(n)}
    if request.directions == DIRECTIONS:
        yield from _in_three_directions(request, missing, store, should_stop)
        return
    if workers is not None and _pixels(request) <= LARGE:
        yield from _on_workers(request, missing, store, should_stop, workers)
        return
    for number, position in missing.items():
        with _errors_with_plane(request, store, number, position):
            yield from _plane(request, number, position, store, should_stop, workers)
        yield SeriesProgress(number, store.count, 1, 1)


def _in_three_directions(
    request: SeriesRequest, missing: Mapping[int, Position], store: PlaneStore, should_stop: ShouldStop
) -> Iterator[SeriesProgress]:
    """Planes whose maps are the mean of three directions, in this process: each needs its whole frame."""
    with tempfile.TemporaryDirectory(dir=store.folder, prefix="sides-") as folder:
        directions = ThreeDirections(request, Path(folder))
        for number, position in missing.items():
            with _errors_with_plane(request, store, number, position):
                found = yield from _as_progress(directions.plane(position, should_stop), number, store.count)
                store.write(number, *request.results(found))
            yield SeriesProgress(number, store.count, 1, 1)


def _on_workers(
    request: SeriesRequest,
    missing: Mapping[int, Position],
    store: PlaneStore,
    should_stop: ShouldStop,
    workers: SeriesWorkers,
) -> Iterator[SeriesProgress]:
    """Planes computed by other processes, in the order of completion; the progress counts finished planes."""
    done = store.count - len(missing)
    for number, found in workers.planes(missing):
        with _errors_with_plane(request, store, number, missing[number]):
            if isinstance(found, Exception):
                if not is_out_of_memory(found):
                    raise found
                yield SeriesProgress(done, store.count, 0, 1, TOO_LARGE.format(number + 1))
                yield from _in_pieces(request, number, missing[number], store, should_stop, workers)
            else:
                store.write(number, *found)
            if should_stop():
                raise STOPPED
        done += 1
        yield SeriesProgress(done - 1, store.count, 1, 1)


def _pixels(request: SeriesRequest) -> int:
    height, width = request.selection.plane_shape
    return height * width


@contextmanager
def _errors_with_plane(
    request: SeriesRequest, store: PlaneStore, number: int, position: Position
) -> Iterator[None]:
    """Raise errors again with the plane at which they happened, and how to go on."""
    try:
        yield
    except Exception as error:
        raise SeriesStopped(f"{_reason(error, request)} {where_stopped(store, number, position)}") from error


def where_stopped(store: PlaneStore, number: int, position: Position) -> str:
    """Which plane was not done, where the others are, and how to go on."""
    depth = "" if position.z is None else f", Z {position.z}"
    kept = "Nothing is kept."
    if done := store.done:
        planes = "1 plane is" if done == 1 else f"{done} planes are"
        kept = f"{planes} kept in {store.folder}; give --skip-existing to go on."
    return f"Stopped at plane {number + 1} of {store.count} (T {position.t}{depth}). {kept}"


def _reason(error: Exception, request: SeriesRequest) -> str:
    if is_out_of_memory(error):
        remedy = memory_remedy(request.evaluator.info, request.level)
        return f"There is not enough memory, not even for small tiles: {remedy}."
    return str(error) if isinstance(error, UnetppError) else f"{type(error).__name__}: {error}."


def _plane(
    request: SeriesRequest,
    number: int,
    position: Position,
    store: PlaneStore,
    should_stop: ShouldStop,
    workers: SeriesWorkers | None,
) -> Iterator[SeriesProgress]:
    """One plane: in memory, or in pieces where it is large or memory is too small."""
    if _pixels(request) <= LARGE:
        try:
            maps = predict_plane(request, position, should_stop)
            found = yield from _as_progress(maps, number, store.count)
            store.write(number, *request.results(found))
            return
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        release_free_memory()
        yield SeriesProgress(number, store.count, 0, 1, TOO_LARGE.format(number + 1))
    yield from _in_pieces(request, number, position, store, should_stop, workers)


def _in_pieces(
    request: SeriesRequest,
    number: int,
    position: Position,
    store: PlaneStore,
    should_stop: ShouldStop,
    workers: SeriesWorkers | None,
) -> Iterator[SeriesProgress]:
    """One plane in pieces; in smaller ones if memory is too small."""
    for sizes in (DEFAULT_SIZES, SMALL_SIZES):
        try:
            with tempfile.TemporaryDirectory(dir=store.folder, prefix="plane-") as folder:
                stores = (store,) if store.beside is None else (store, store.beside)
                outs = [one.begin_large(number) for one in stores]
                for done, total in predict_large_plane(
                    request, position, Path(folder), outs, should_stop, sizes, workers
                ):
                    yield SeriesProgress(number, store.count, done, total)
            for one in reversed(stores):
                one.end_large(number)
            return
        except Exception as error:
            if sizes is SMALL_SIZES or not is_out_of_memory(error):
                raise
        release_free_memory()
        note = f"plane {number + 1}: not enough memory for tiles of the usual size; smaller ones are used"
        yield SeriesProgress(number, store.count, 0, 1, note)


def _as_progress(
    maps: Generator[Tiles, None, PlaneResult], number: int, planes: int
) -> Generator[SeriesProgress, None, PlaneResult]:
    """Turn steps of one plane into progress of the series; returns the result of the plane."""
    while True:
        try:
            done, total = next(maps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield SeriesProgress(number, planes, done, total)
