"""All planes of a series, one after the other; those that are done already are passed over."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import ShouldStop, UnetppError, never_stop
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.level import shallower
from napari_unetpp.engine.memory import give_back, is_out_of_memory
from napari_unetpp.volumes.directions import DIRECTIONS
from napari_unetpp.volumes.inputs.source import LARGE
from napari_unetpp.volumes.selection import Position
from napari_unetpp.volumes.series.plane import (
    SMALL,
    STOPPED,
    USUAL,
    Elsewhere,
    SeriesRequest,
    Tiles,
    predict_large_plane,
    predict_plane,
)
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


NO_ROOM = "plane {} does not fit into memory and is done in parts"


class SeriesStopped(UnetppError):
    """Something went wrong in the middle; what was done is kept."""


def segment_series(
    request: SeriesRequest,
    store: PlaneStore,
    should_stop: ShouldStop = never_stop,
    elsewhere: Elsewhere | None = None,
) -> Iterator[SeriesProgress]:
    """Segment all planes that the store lacks.

    Parameters
    ----------
    request : SeriesRequest
    store : PlaneStore
        Gets each plane when it is done.
    should_stop : callable
    elsewhere : Elsewhere, optional
        Who computes planes, and tiles of large ones; None: this process, as for three
        directions. The result is the same.

    Yields
    ------
    SeriesProgress
        After each tile, and after each plane.

    Raises
    ------
    SeriesStopped
        A plane cannot be read, segmented or kept: the message says which one, and how to go on.
    """
    lacking = {n: at for n, at in enumerate(request.selection.positions()) if not store.has(n)}
    if request.directions == DIRECTIONS:
        yield from _from_three_sides(request, lacking, store, should_stop)
        return
    if elsewhere is not None and _pixels(request) <= LARGE:
        yield from _spread(request, lacking, store, should_stop, elsewhere)
        return
    for number, position in lacking.items():
        with _told_where(request, store, number, position):
            yield from _plane(request, number, position, store, should_stop, elsewhere)
        yield SeriesProgress(number, store.count, 1, 1)


def _from_three_sides(
    request: SeriesRequest, lacking: Mapping[int, Position], store: PlaneStore, should_stop: ShouldStop
) -> Iterator[SeriesProgress]:
    """Planes whose maps are the mean of three directions, in this process: each needs its whole frame."""
    with tempfile.TemporaryDirectory(dir=store.folder, prefix="sides-") as folder:
        sides = ThreeSides(request, Path(folder))
        for number, position in lacking.items():
            with _told_where(request, store, number, position):
                found = yield from _told(sides.plane(position, should_stop), number, store.count)
                store.write(number, getattr(found, request.kind)())
            yield SeriesProgress(number, store.count, 1, 1)


def _spread(
    request: SeriesRequest,
    lacking: Mapping[int, Position],
    store: PlaneStore,
    should_stop: ShouldStop,
    elsewhere: Elsewhere,
) -> Iterator[SeriesProgress]:
    """Planes in the order in which other processes have done them; the progress counts those that are."""
    done = store.count - len(lacking)
    for number, found in elsewhere.planes(lacking):
        with _told_where(request, store, number, lacking[number]):
            if isinstance(found, Exception):
                if not is_out_of_memory(found):
                    raise found
                yield SeriesProgress(done, store.count, 0, 1, NO_ROOM.format(number + 1))
                yield from _in_parts(request, number, lacking[number], store, should_stop, elsewhere)
            else:
                store.write(number, found)
            if should_stop():
                raise STOPPED
        done += 1
        yield SeriesProgress(done - 1, store.count, 1, 1)


def _pixels(request: SeriesRequest) -> int:
    height, width = request.selection.plane_shape
    return height * width


@contextmanager
def _told_where(request: SeriesRequest, store: PlaneStore, number: int, position: Position) -> Iterator[None]:
    """What goes wrong inside is said with the plane, and how to go on."""
    try:
        yield
    except Exception as error:
        raise SeriesStopped(f"{_reason(error, request)} {where_stopped(store, number, position)}") from error


def where_stopped(store: PlaneStore, number: int, position: Position) -> str:
    """Which plane was not done, where the others are, and how to go on."""
    depth = "" if position.z is None else f", Z {position.z}"
    kept = f"{store.done} planes are kept in {store.folder}; give --skip-existing to go on."
    return f"Stopped at plane {number + 1} of {store.count} (T {position.t}{depth}). {kept}"


def _reason(error: Exception, request: SeriesRequest) -> str:
    if is_out_of_memory(error):
        remedy = shallower(request.evaluator.info, request.level)
        return f"There is not enough memory, not even for small tiles: {remedy}."
    return str(error) if isinstance(error, UnetppError) else f"{type(error).__name__}: {error}."


def _plane(
    request: SeriesRequest,
    number: int,
    position: Position,
    store: PlaneStore,
    should_stop: ShouldStop,
    elsewhere: Elsewhere | None,
) -> Iterator[SeriesProgress]:
    """One plane: in memory, or in parts where it is large or memory does not suffice."""
    if _pixels(request) <= LARGE:
        try:
            maps = predict_plane(request, position, should_stop)
            found = yield from _told(maps, number, store.count)
            store.write(number, getattr(found, request.kind)())
            return
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        give_back()
        yield SeriesProgress(number, store.count, 0, 1, NO_ROOM.format(number + 1))
    yield from _in_parts(request, number, position, store, should_stop, elsewhere)


def _in_parts(
    request: SeriesRequest,
    number: int,
    position: Position,
    store: PlaneStore,
    should_stop: ShouldStop,
    elsewhere: Elsewhere | None,
) -> Iterator[SeriesProgress]:
    """One plane in parts, in smaller ones where memory does not suffice."""
    for sizes in (USUAL, SMALL):
        try:
            with tempfile.TemporaryDirectory(dir=store.folder, prefix="plane-") as folder:
                out = store.begin_large(number)
                for done, total in predict_large_plane(
                    request, position, Path(folder), out, should_stop, sizes, elsewhere
                ):
                    yield SeriesProgress(number, store.count, done, total)
            store.end_large(number)
            return
        except Exception as error:
            if sizes is SMALL or not is_out_of_memory(error):
                raise
        give_back()
        note = f"memory does not suffice for the usual tiles of plane {number + 1}: smaller ones are used"
        yield SeriesProgress(number, store.count, 0, 1, note)


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
