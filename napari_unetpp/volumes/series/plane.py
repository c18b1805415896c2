"""The result of one plane of a series: in memory, or in parts where the plane is large."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from napari_unetpp.engine.input.normalise import NormStats, clean_plane
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.predict import predict
from napari_unetpp.volumes.planes import LazyPlane, read_plane
from napari_unetpp.volumes.scratch import MapFile, ScratchArray
from napari_unetpp.volumes.selection import Position, Selection
from napari_unetpp.volumes.stitching.labels import image_labels
from napari_unetpp.volumes.stitching.seams import Stitched
from napari_unetpp.volumes.stitching.stitch import pieces_of, stitch

Result = NDArray[Any]
Tiles = tuple[int, int]
"""Steps done, and steps in all."""

STOPPED = UnetppError("the prediction was stopped before it was complete.")


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
        """How it is stored."""
        return np.dtype({"labels": np.uint32, "mask": np.uint8, "probability": np.float32}[self.kind])


def predict_plane(
    request: SeriesRequest, position: Position, should_stop: ShouldStop = never_stop
) -> Generator[Tiles, None, PlaneResult]:
    """Maps of one plane in memory, from which every result follows.

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


def predict_large_plane(
    request: SeriesRequest,
    position: Position,
    folder: Path,
    out: Any,
    should_stop: ShouldStop = never_stop,
) -> Iterator[Tiles]:
    """The result of one plane in parts; in memory are a tile and a piece at a time.

    Objects equal those of the whole plane up to their numbers (see `volumes.stitching`).

    Parameters
    ----------
    folder : Path
        For what does not fit into memory while the run lasts; the caller removes it.
    out : array-like of shape (Y, X), or (C, Y, X) for probabilities
        Written part by part.

    Yields
    ------
    (int, int)
        Steps done, and steps in all: tiles of the network, then pieces whose objects are found.
    """
    plane = LazyPlane(request.array, request.selection, position)
    maps: MapFile | None = None
    tiles = 0
    for event in predict(request.evaluator, _prediction(request, plane), should_stop=should_stop):
        if isinstance(event, PredictStarted):
            working, tiles = event.shape, event.tiles
            maps = MapFile(folder / "maps", working, len(request.evaluator.info.outputs))
        elif isinstance(event, TileDone) and maps is not None:
            maps.write(event.region, event.maps)
            yield event.done, event.total
    if maps is None or should_stop():
        raise STOPPED
    parts = _parts(request, maps.read, working, folder, should_stop)
    for region, result in parts:
        if plane.dtype.kind == "f":
            result = np.where(_valid(plane[region.slices]), result, np.zeros((), result.dtype))
        out[region.slices] = result
        yield tiles, tiles


def _prediction(request: SeriesRequest, plane: Any) -> PredictRequest:
    scale, limits = request.reading.scale.scale, request.reading.range
    return PredictRequest(plane, None, request.level, scale=scale, all_levels=False, range=limits)


def _parts(
    request: SeriesRequest,
    read_maps: Callable[[Region], NDArray[np.float32]],
    working: tuple[int, int],
    folder: Path,
    should_stop: ShouldStop,
) -> Iterator[tuple[Region, Result]]:
    """Parts of the image and their results, from maps on the working grid."""
    info, shape = request.evaluator.info, request.selection.plane_shape
    if request.kind == "labels":
        numbers = ScratchArray(folder / "numbers", working, np.int32)
        *_, last = None, *stitch(read_maps, working, info, numbers, should_stop=should_stop)
        if not isinstance(last, Stitched):
            raise STOPPED
        yield from image_labels(read_maps, numbers, last.kept(info.decode.min_size), info, shape)
        return
    grids = Grids(working, shape)
    for region in pieces_of(shape):
        part = grids.under(region)
        window = Window(read_maps(part), part, region, grids)
        probability = window.probability(info)
        yield region, reaches(probability, info.decode) if request.kind == "mask" else probability


def _valid(part: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels that have a value (Y, X)."""
    finite: NDArray[np.bool_] = np.isfinite(part)
    return np.logical_and.reduce(finite, axis=-1) if finite.ndim == 3 else finite
