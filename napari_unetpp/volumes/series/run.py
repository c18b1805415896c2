"""All planes of a series, one after the other; those that are done already are passed over."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import ShouldStop, UnetppError, never_stop
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.memory import give_back, is_out_of_memory
from napari_unetpp.volumes.directions import DIRECTIONS
from napari_unetpp.volumes.inputs.source import LARGE
from napari_unetpp.volumes.selection import Position
from napari_unetpp.volumes.series.plane import SeriesRequest, Tiles, predict_large_plane, predict_plane
from napari_unetpp.volumes.series.store import PlaneStore
from napari_unetpp.volumes.series.three_sides import ThreeSides


@dataclass(frozen=True, slots=True)
class SeriesProgress:
    """Something is done.

    Attributes
    ----------
    plane, planes : int
        The plane under way, from 0, and planes in all.
    tile, tiles : int
        Of this plane; equal: the plane is done.
    note : str
        What was handled specially, in half a sentence.
    """

    plane: int
    planes: int
    tile: int
    tiles: int
    note: str = ""


class SeriesStopped(UnetppError):
    """Something went wrong in the middle; what was done is kept."""


def segment_series(
    request: SeriesRequest, store: PlaneStore, should_stop: ShouldStop = never_stop
) -> Iterator[SeriesProgress]:
    """Segment all planes that the store lacks.

    Parameters
    ----------
    request : SeriesRequest
    store : PlaneStore
        Gets each plane when it is done.
    should_stop : callable

    Yields
    ------
    SeriesProgress
        After each tile, and after each plane.

    Raises
    ------
    SeriesStopped
        A plane cannot be read, segmented or kept: the message says which one, and how to go on.
    """
    with tempfile.TemporaryDirectory(dir=store.folder, prefix="sides-") as folder:
        sides = ThreeSides(request, Path(folder)) if request.directions == DIRECTIONS else None
        for number, position in enumerate(request.selection.positions()):
            if store.has(number):
                continue
            try:
                if sides is None:
                    yield from _plane(request, number, position, store, should_stop)
                else:
                    found = yield from _told(sides.plane(position, should_stop), number, store.count)
                    store.write(number, getattr(found, request.kind)())
            except Exception as error:
                raise SeriesStopped(f"{_reason(error)} {where_stopped(store, number, position)}") from error
            yield SeriesProgress(number, store.count, 1, 1)


def where_stopped(store: PlaneStore, number: int, position: Position) -> str:
    """Which plane was not done, where the others are, and how to go on."""
    depth = "" if position.z is None else f", Z {position.z}"
    kept = f"{store.done} planes are kept in {store.folder}; give --skip-existing to go on."
    return f"Stopped at plane {number + 1} of {store.count} (T {position.t}{depth}). {kept}"


def _reason(error: Exception) -> str:
    if is_out_of_memory(error):
        return "There is not enough memory: close other programs, or choose a smaller --scale or --level."
    return str(error) if isinstance(error, UnetppError) else f"{type(error).__name__}: {error}."


def _plane(
    request: SeriesRequest, number: int, position: Position, store: PlaneStore, should_stop: ShouldStop
) -> Iterator[SeriesProgress]:
    """One plane: in memory, or in parts where it is large or memory does not suffice."""
    height, width = request.selection.plane_shape
    if height * width <= LARGE:
        try:
            maps = predict_plane(request, position, should_stop)
            found = yield from _told(maps, number, store.count)
            store.write(number, getattr(found, request.kind)())
            return
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        give_back()
        note = f"plane {number + 1} does not fit into memory and is done in parts"
        yield SeriesProgress(number, store.count, 0, 1, note)
    with tempfile.TemporaryDirectory(dir=store.folder, prefix="plane-") as folder:
        out = store.begin_large(number)
        for done, total in predict_large_plane(request, position, Path(folder), out, should_stop):
            yield SeriesProgress(number, store.count, done, total)
    store.end_large(number)


def _told(
    maps: Generator[Tiles, None, PlaneResult], number: int, planes: int
) -> Generator[SeriesProgress, None, PlaneResult]:
    """The same steps as progress of the series; what they lead to comes back."""
    while True:
        try:
            done, total = next(maps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        yield SeriesProgress(number, planes, done, total)
