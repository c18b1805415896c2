"""The result of one plane of a series that does not fit into memory, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import Region, ShouldStop, UnetppError, never_stop
from napari_unetpp.engine.decode.grids import Grids
from napari_unetpp.engine.decode.labelling import border_numbers, reaches
from napari_unetpp.engine.decode.window import Window
from napari_unetpp.engine.input.normalise import with_range
from napari_unetpp.engine.predict import tile_regions
from napari_unetpp.engine.tiles import SMALL_CELL
from napari_unetpp.volumes.planes import LazyPlane
from napari_unetpp.volumes.scratch import MapFile, ScratchArray
from napari_unetpp.volumes.selection import Position
from napari_unetpp.volumes.series.plane import (
    STOPPED,
    Result,
    SeriesRequest,
    SeriesWorkers,
    Tiles,
    predict_tiles,
    prediction_request,
)
from napari_unetpp.volumes.stitching.labels import image_labels
from napari_unetpp.volumes.stitching.seams import Stitched
from napari_unetpp.volumes.stitching.stitch import SIDE, pieces_of, stitch


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


def predict_large_plane(
    request: SeriesRequest,
    position: Position,
    folder: Path,
    outs: Sequence[Any],
    should_stop: ShouldStop = never_stop,
    sizes: PieceSizes = DEFAULT_SIZES,
    workers: SeriesWorkers | None = None,
) -> Iterator[Tiles]:
    """The results of one plane in pieces; one tile or one piece is in memory at a time.

    Objects equal those of the whole plane up to their numbers (see `volumes.stitching`).

    Parameters
    ----------
    folder : Path
        For temporary files; the caller removes it.
    outs : sequence of array-like of shape (Y, X), or (C, Y, X) for probabilities
        Written piece by piece, one for each of the request's `kinds`.
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
    prediction, info = prediction_request(request, plane), request.evaluator.info
    if info.decode.fill_holes:
        raise UnetppError(
            "holes can be filled only in planes that fit into memory, of at most 64 megapixels. Leave it out,"
            " or segment a part of the plane."
        )
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
    for kind, out in zip(request.kinds, outs, strict=True):
        one = replace(request, kind=kind)
        for region, result in _pieces(one, maps.read, working, folder, sizes.piece, should_stop):
            if plane.dtype.kind == "f":
                result = np.where(_valid(plane[region.slices]), result, np.zeros((), result.dtype))
            out[region.slices] = result
            yield done, done


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
        label_of = last.labels(info.decode, border_numbers(numbers, info.decode))
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
