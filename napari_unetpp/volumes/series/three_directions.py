"""Results of planes of a stack from the mean of the maps of three directions (see `volumes.directions`).

A frame is resampled to the working grid, with planes as far apart as pixels, and written to a file. The
network segments it in planes along Z, Y and X, and the mean of the maps goes to a second file. Each plane is
then decoded from these maps like a single image. Only a few planes are in memory.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    AUTO,
    PredictRequest,
    PredictStarted,
    Region,
    ShouldStop,
    TileDone,
    UnetppError,
    never_stop,
)
from napari_unetpp.engine.collect import invalid_pixels
from napari_unetpp.engine.decode.map_store import MapStore
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.input.normalise import NormStats, clean_plane
from napari_unetpp.engine.input.sampling import line_weights, resample
from napari_unetpp.engine.predict import predict
from napari_unetpp.volumes.directions import DIRECTIONS, mean_of_directions, stretch_of
from napari_unetpp.volumes.inputs.source import LARGE
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import Position, Selection
from napari_unetpp.volumes.series.plane import STOPPED, SeriesRequest, Tiles

Array = NDArray[Any]


def check_directions(directions: int, selection: Selection) -> None:
    """Raise UnetppError if the selection cannot be segmented along so many axes."""
    if directions == 1:
        return
    if directions != DIRECTIONS:
        raise UnetppError(f"directions {directions} was given; expected 1 or {DIRECTIONS}.")
    stretch_of(selection.axes)
    if selection.depth == 1:
        raise UnetppError(
            f"three directions were asked for, but one plane of depth is segmented: {selection}."
        )
    if math.prod(selection.plane_shape) > LARGE:
        raise UnetppError(
            f"three directions were asked for, but planes have more than {LARGE // 1_000_000} megapixels: "
            "choose a --region."
        )


def working_depth(request: SeriesRequest) -> int:
    """Planes of the working grid along Z."""
    scale = request.reading.scale.scale
    return max(1, round(request.selection.depth * stretch_of(request.selection.axes) * scale))


class ThreeDirections:
    """Computes planes of a series; the first plane of a frame computes the maps of the whole frame.

    Parameters
    ----------
    request : SeriesRequest
    folder : Path
        For two temporary files: a frame on the working grid in float32, and its maps.
    """

    def __init__(self, request: SeriesRequest, folder: Path) -> None:
        self._request, self._folder = request, folder
        self._frame: int | None = None
        self._maps: Any = None

    def plane(
        self, position: Position, should_stop: ShouldStop = never_stop
    ) -> Generator[Tiles, None, PlaneResult]:
        """The result of one plane.

        Yields
        ------
        (int, int)
            Planes done, of all directions, and planes in all; nothing if the frame is computed already.
        """
        if self._frame != position.t:
            yield from self._compute(position.t, should_stop)
        request = self._request
        plane, notes = clean_plane(read_plane(request.array, request.selection, position))
        maps = self._interpolated(position)
        store = MapStore((maps.shape[1], maps.shape[2]), maps.shape[0])
        whole = Region.whole(store.shape)
        deepest = request.evaluator.info.net.depth
        depth = np.full(store.shape, deepest, np.uint8) if request.level == AUTO else None
        store.add(TileDone(0, request.level, whole, maps, 1, 1, depth))
        reading, info = request.reading, request.evaluator.info
        return PlaneResult(
            store,
            info,
            request.level,
            request.selection.plane_shape,
            info.decode,
            invalid_pixels(plane, NormStats(*reading.range)),
            notes,
            scale=reading.scale,
            range=reading.range,
        )

    def _compute(self, frame: int, should_stop: ShouldStop) -> Iterator[Tiles]:
        """Write the resampled frame and its maps."""
        self._frame, self._maps = None, None
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="stack-") as folder:
            stack = self._isotropic(frame, Path(folder) / "stack")
            outputs = len(self._request.evaluator.info.outputs)
            path = self._folder / "maps"
            shape = (stack.shape[0], outputs, *stack.shape[1:3])
            zeros = np.zeros(shape[1:], np.float32)
            _write(
                path, (zeros for _ in range(shape[0]))
            )  # a full disk is an error here; in a memory map it would end the process
            maps = np.memmap(path, np.float32, "r+", shape=shape)

            def predict_maps(plane: Array) -> NDArray[np.float32]:
                return self._predict(plane, should_stop)

            done = total = 0
            for event in mean_of_directions(
                stack, predict_maps, maps.transpose(1, 0, 2, 3), should_stop=should_stop
            ):
                done, total = event.done, event.total
                yield done, total + 1
            if done < total or not total:
                raise STOPPED
        self._frame, self._maps = frame, maps

    def _isotropic(self, frame: int, path: Path) -> Array:
        """The frame on the working grid (Z, Y, X[, C]), float32, in a file."""
        first, last = self._request.selection.z
        weights = line_weights(last - first, working_depth(self._request))
        cached: dict[int, NDArray[np.float32]] = {}

        def planes() -> Iterator[Array]:
            for row in weights:
                needed = np.flatnonzero(row).tolist()
                for old in set(cached) - set(needed):
                    del cached[old]
                for n in needed:
                    if n not in cached:
                        cached[n] = self._resampled(Position(frame, first + n))
                mixed: Array = sum(row[n] * cached[n] for n in needed)
                yield mixed

        shape = _write(path, planes())
        return np.memmap(path, np.float32, "r", shape=shape)

    def _resampled(self, position: Position) -> NDArray[np.float32]:
        plane, _ = clean_plane(read_plane(self._request.array, self._request.selection, position))
        values = resample(plane, self._request.reading.scale.scale).astype(np.float32)
        return np.where(np.isfinite(values), values, np.float32(self._request.reading.range[0]))

    def _predict(self, plane: Array, should_stop: ShouldStop) -> NDArray[np.float32]:
        """Maps (K, h, w) of a plane that is on the working grid."""
        request = self._request
        wanted = PredictRequest(
            plane, None, request.level, scale=1.0, all_levels=False, range=request.reading.range
        )
        store: MapStore | None = None
        for event in predict(request.evaluator, wanted, should_stop=should_stop):
            if isinstance(event, PredictStarted):
                store = MapStore(event.shape, len(request.evaluator.info.outputs), dtype=np.float32)
            elif isinstance(event, TileDone) and store is not None:
                store.add(event)
        if store is None or not store.complete(request.level):
            raise STOPPED
        return store.maps(request.level)

    def _interpolated(self, position: Position) -> NDArray[np.float32]:
        """Maps (K, Y, X) at the depth of a plane, interpolated between those of the working grid."""
        depth, deep = self._request.selection.depth, len(self._maps)
        number = (position.z or 0) - self._request.selection.z[0]
        at = float(np.clip((number + 0.5) * deep / depth - 0.5, 0, deep - 1))
        low, weight = int(at), np.float32(at % 1)
        maps: NDArray[np.float32] = np.array(self._maps[low])
        return maps if not weight else maps * (1 - weight) + self._maps[low + 1] * weight


def _write(path: Path, planes: Iterator[Array]) -> tuple[int, ...]:
    """Write planes one after the other as float32; returns the shape of the stack."""
    count, shape = 0, ()
    try:
        with open(path, "wb") as file:
            for plane in planes:
                file.write(np.ascontiguousarray(plane, np.float32).data)
                count, shape = count + 1, plane.shape
    except OSError as error:
        raise UnetppError(
            f"{path}, which holds a part of the result while the run lasts, could not be written: "
            f"{error.strerror or error}. Check that the disk has room."
        ) from error
    return (count, *shape)
