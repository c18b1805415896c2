"""The request for a series, and the prediction of one of its planes, or of tiles of it."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    Kind,
    PredictRequest,
    PredictStarted,
    Region,
    ShouldStop,
    TileDone,
    UnetppError,
    never_stop,
)
from napari_unetpp.engine.collect import Reading, invalid_pixels
from napari_unetpp.engine.decode.map_store import MapStore
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.input.normalise import NormStats, clean_plane
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.predict import predict
from napari_unetpp.volumes.planes import LazyPlane, read_plane
from napari_unetpp.volumes.selection import Position, Selection

T = TypeVar("T")
Result = NDArray[Any]
Tiles = tuple[int, int]
"""Steps done, and steps in all."""

STOPPED = UnetppError("the prediction was stopped before it was complete.")


class SeriesWorkers(Protocol):
    """Other processes that compute the planes, or tiles, of one series."""

    def planes(
        self, positions: Mapping[int, Position]
    ) -> Iterator[tuple[int, tuple[Result, ...] | Exception]]:
        """Yield the number of each plane with its results, or the error, in the order of completion."""

    def tiles(
        self, position: Position, stats: NormStats, regions: Sequence[Region], cell: int | None
    ) -> Iterator[tuple[Region, NDArray[np.floating]]]:
        """Yield tiles of one plane as `predict_tiles` does; raises the error of a tile."""


DTYPES: dict[Kind, np.dtype[Any]] = {
    "labels": np.dtype(np.uint32),
    "mask": np.dtype(np.uint8),
    "probability": np.dtype(np.float32),
}
"""Data types of stored results."""


@dataclass(frozen=True, eq=False)
class SeriesRequest:
    """How the planes of an image are segmented.

    Attributes
    ----------
    array : array-like
        Of the shape that the selection was made for.
    selection : Selection
    evaluator : LoadedModel
    level : int
    reading : Reading
        Scale and range of intensities of all planes.
    kind : Kind
        ``"labels"`` (uint32), ``"mask"`` (bool) or ``"probability"`` (float32, with an axis C in front).
    directions : {1, 3}
        Along how many axes a stack is cut into planes for the network.
    probability : bool
        The probability is wanted beside the result.
    """

    array: Any
    selection: Selection
    evaluator: LoadedModel
    level: int
    reading: Reading
    kind: Kind = "labels"
    directions: int = 1
    probability: bool = False

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is made of each plane: the result first."""
        return (self.kind, "probability") if self.probability else (self.kind,)

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """Shape of the result of a plane."""
        return self.shape_of(self.kind)

    def shape_of(self, kind: Kind) -> tuple[int, ...]:
        """Shape of a result of this kind of a plane."""
        info = self.evaluator.info
        shape = self.selection.plane_shape
        if kind != "probability":
            return shape
        several = info.task == "semantic" and len(info.outputs) > 1
        return (len(info.outputs) - 1 if several else 1, *shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the stored result."""
        return DTYPES[self.kind]

    def results(self, found: PlaneResult) -> tuple[Result, ...]:
        """What is made of the maps of a plane, in the order of `kinds`."""
        return tuple(getattr(found, kind)() for kind in self.kinds)


def predict_plane(
    request: SeriesRequest, position: Position, should_stop: ShouldStop = never_stop
) -> Generator[Tiles, None, PlaneResult]:
    """Predict one plane in memory; labels, mask and probability are made from the returned maps.

    Yields
    ------
    (int, int)
        Tiles done, and tiles in all.
    """
    plane, notes = clean_plane(read_plane(request.array, request.selection, position))
    info, reading = request.evaluator.info, request.reading
    store: MapStore | None = None
    for event in predict(request.evaluator, prediction_request(request, plane), should_stop=should_stop):
        if isinstance(event, PredictStarted):
            store = MapStore(event.shape, len(info.outputs))
        elif isinstance(event, TileDone) and store is not None:
            store.add(event)
            yield event.done, event.total
    if store is None or not store.complete(request.level):
        raise STOPPED
    shape = (plane.shape[0], plane.shape[1])
    invalid = invalid_pixels(plane, NormStats(*reading.range))
    return PlaneResult(
        store,
        info,
        request.level,
        shape,
        info.decode,
        invalid,
        notes,
        scale=reading.scale,
        range=reading.range,
    )


def return_value(steps: Generator[Any, None, T]) -> T:
    """Run a generator to its end and give the value that it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def predict_tiles(
    request: SeriesRequest,
    position: Position,
    stats: NormStats,
    only: Collection[Region] | None = None,
    *,
    cell: int | None = None,
    should_stop: ShouldStop = never_stop,
) -> Iterator[tuple[Region, NDArray[np.float32]]]:
    """Predict tiles of one plane; only their pixels and halos are read.

    Parameters
    ----------
    stats : NormStats
        Measured on the whole plane.
    only, cell
        As `engine.predict.predict` takes them.

    Yields
    ------
    (Region, ndarray of float32, shape (K, h, w))
        A region of the working grid, and its maps.
    """
    plane = LazyPlane(request.array, request.selection, position)
    prediction = prediction_request(request, plane)
    events = predict(
        request.evaluator, prediction, should_stop=should_stop, cell=cell, only=only, stats=stats
    )
    for event in events:
        if isinstance(event, TileDone):
            yield event.region, event.maps


def prediction_request(request: SeriesRequest, plane: Any) -> PredictRequest:
    """The request for one plane (Y, X[, S]), which may be lazy."""
    scale, limits = request.reading.scale.scale, request.reading.range
    return PredictRequest(plane, None, request.level, scale=scale, all_levels=False, range=limits)
