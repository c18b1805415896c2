"""The result of one plane of a series: in memory, or in pieces where the plane is large."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
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
from napari_unetpp.engine.decode.grids import Grids
from napari_unetpp.engine.decode.labelling import reaches
from napari_unetpp.engine.decode.map_store import MapStore
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.decode.window import Window
from napari_unetpp.engine.input.normalise import NormStats, clean_plane, with_range
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.predict import predict, tile_regions
from napari_unetpp.engine.tiles import SMALL_CELL
from napari_unetpp.volumes.planes import LazyPlane, read_plane
from napari_unetpp.volumes.scratch import MapFile, ScratchArray
from napari_unetpp.volumes.selection import Position, Selection
from napari_unetpp.volumes.stitching.labels import image_labels
from napari_unetpp.volumes.stitching.seams import Stitched
from napari_unetpp.volumes.stitching.stitch import SIDE, pieces_of, stitch

T = TypeVar("T")
Result = NDArray[Any]
Tiles = tuple[int, int]
"""Steps done, and steps in all."""

STOPPED = UnetppError("the prediction was stopped before it was complete.")


@dataclass(frozen=True, slots=True)
class PieceSizes:
    """Sizes of the tiles and pieces of a plane that does not fit into memory.

    Attributes
    ----------
    tile : int or None
        Longest side of a tile of the network, without its halo, px; None: the default.
    piece : int
        Side of a piece in which objects are found, px.
    """

    tile: int | None = None
    piece: int = SIDE


DEFAULT_SIZES = PieceSizes()
SMALL_SIZES = PieceSizes(SMALL_CELL, 512)


class SeriesWorkers(Protocol):
    """Other processes that compute the planes, or tiles, of one series."""

    def planes(self, positions: Mapping[int, Position]) -> Iterator[tuple[int, Result | Exception]]:
        """Yield the number of each plane with its result, or the error, in the order of completion."""

    def tiles(
        self, position: Position, stats: NormStats, regions: Sequence[Region], cell: int | None
    ) -> Iterator[tuple[Region, NDArray[np.floating]]]:
        """Yield tiles of one plane as `predict_tiles` does; raises the error of a tile."""


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
    """

    array: Any
    selection: Selection
    evaluator: LoadedModel
    level: int
    reading: Reading
    kind: Kind = "labels"
    directions: int = 1

    @property
    def plane_shape(self) -> tuple[int, ...]:
        """Shape of the result of a plane."""
        info = self.evaluator.info
        shape = self.selection.plane_shape
        if self.kind != "probability":
            return shape
        several = info.task == "semantic" and len(info.outputs) > 1
        return (len(info.outputs) - 1 if several else 1, *shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the stored result."""
        return np.dtype({"labels": np.uint32, "mask": np.uint8, "probability": np.float32}[self.kind])


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
    for event in predict(request.evaluator, _prediction(request, plane), should_stop=should_stop):
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


def predict_large_plane(
    request: SeriesRequest,
    position: Position,
    folder: Path,
    out: Any,
    should_stop: ShouldStop = never_stop,
    sizes: PieceSizes = DEFAULT_SIZES,
    workers: SeriesWorkers | None = None,
) -> Iterator[Tiles]:
    """The result of one plane in pieces; one tile or one piece is in memory at a time.

    Objects equal those of the whole plane up to their numbers (see `volumes.stitching`).

    Parameters
    ----------
    folder : Path
        For temporary files; the caller removes it.
    out : array-like of shape (Y, X), or (C, Y, X) for probabilities
        Written piece by piece.
    sizes : PieceSizes
        The result does not depend on them.
    workers : SeriesWorkers, optional
        Who runs the network on tiles; None: this process.

    Yields
    ------
    (int, int)
        Steps done, and steps in all: tiles of the network, then pieces whose objects are found.
    """
    plane: Any = LazyPlane(request.array, request.selection, position)
    prediction, info = _prediction(request, plane), request.evaluator.info
    stats = with_range(plane, *request.reading.range)
    working, regions = tile_regions(prediction, info.net, cell=sizes.tile)
    maps = MapFile(folder / "maps", working, len(info.outputs))
    if workers is None:
        found = predict_tiles(request, position, stats, cell=sizes.tile, should_stop=should_stop)
    else:
        found = workers.tiles(position, stats, regions, sizes.tile)
    done = 0
    for region, values in found:
        maps.write(region, values)
        done += 1
        yield done, len(regions)
        if should_stop():
            break
    if done < len(regions):
        raise STOPPED
    for region, result in _pieces(request, maps.read, working, folder, sizes.piece, should_stop):
        if plane.dtype.kind == "f":
            result = np.where(_valid(plane[region.slices]), result, np.zeros((), result.dtype))
        out[region.slices] = result
        yield done, done


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
    prediction = _prediction(request, plane)
    events = predict(
        request.evaluator, prediction, should_stop=should_stop, cell=cell, only=only, stats=stats
    )
    for event in events:
        if isinstance(event, TileDone):
            yield event.region, event.maps


def _prediction(request: SeriesRequest, plane: Any) -> PredictRequest:
    scale, limits = request.reading.scale.scale, request.reading.range
    return PredictRequest(plane, None, request.level, scale=scale, all_levels=False, range=limits)


def _pieces(
    request: SeriesRequest,
    read_maps: Callable[[Region], NDArray[np.float32]],
    working: tuple[int, int],
    folder: Path,
    side: int,
    should_stop: ShouldStop,
) -> Iterator[tuple[Region, Result]]:
    """Pieces of the image and their results, from maps on the working grid."""
    info, shape = request.evaluator.info, request.selection.plane_shape
    if request.kind == "labels":
        numbers = ScratchArray(folder / "numbers", working, np.int32)
        *_, last = None, *stitch(read_maps, working, info, numbers, side=side, should_stop=should_stop)
        if not isinstance(last, Stitched):
            raise STOPPED
        label_of = last.labels(info.decode.min_size)
        yield from image_labels(read_maps, numbers, label_of, info, shape, side=side)
        return
    grids = Grids(working, shape)
    for region in pieces_of(shape, side):
        part = grids.under(region)
        window = Window(read_maps(part), part, region, grids)
        probability = window.probability(info)
        yield region, reaches(probability, info.decode) if request.kind == "mask" else probability


def _valid(part: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels that have a value (Y, X)."""
    finite: NDArray[np.bool_] = np.isfinite(part)
    return np.logical_and.reduce(finite, axis=-1) if finite.ndim == 3 else finite
