"""How much memory and disk the segmentation of a series needs, estimated before it begins."""

from __future__ import annotations

import math

import numpy as np

from napari_unetpp._types import AUTO
from napari_unetpp.engine.decode.map_store import MAP_DTYPE
from napari_unetpp.engine.input.sampling import working_shape
from napari_unetpp.engine.tiles import CELL
from napari_unetpp.files.text import counted
from napari_unetpp.net import graph
from napari_unetpp.volumes.directions import DIRECTIONS
from napari_unetpp.volumes.inputs.source import LARGE
from napari_unetpp.volumes.series.plane import DTYPES, SeriesRequest
from napari_unetpp.volumes.series.three_directions import working_depth

# Measured with tests/benchmarks/bench_stacks.py on dense nuclei: see tests/volumes/series/test_need.py.

BASE = 300_000_000
"""Bytes of the process with a model, without the nodes of a tile."""

A_PIXEL = 27
"""Bytes for each pixel of a plane in memory: itself, its maps, numbers and labels."""

A_PIECE = 600_000_000
"""Bytes for finding objects in a piece of a plane that is done in parts."""

A_LARGE_PIXEL = 0.45
"""Bytes for each pixel of such a plane: the list of basins (see `volumes.stitching`)."""


def memory_bytes(request: SeriesRequest) -> int:
    """Peak memory of the process, bytes."""
    pixels = math.prod(request.selection.plane_shape)
    if pixels <= LARGE:
        return round(BASE + _tile_bytes(request) + A_PIXEL * pixels)
    return round(BASE + max(_tile_bytes(request), A_PIECE) + A_LARGE_PIXEL * pixels)


def _tile_bytes(request: SeriesRequest) -> int:
    """All nodes of a tile: fewer are in memory at a time, but the inputs of a node are copied."""
    net = request.evaluator.info.net
    level = net.depth if request.level == AUTO else request.level
    side = CELL + 2 * graph.aligned_halo(level, net)
    return graph.cached_bytes(level, net, side, side, request.evaluator.itemsize)


def disk_bytes(request: SeriesRequest) -> int:
    """Most bytes on disk during the run: finished planes, the result, and maps of a large plane."""
    stored = sum(math.prod(request.shape_of(kind)) * DTYPES[kind].itemsize for kind in request.kinds)
    total = 2 * stored * request.selection.count
    if math.prod(request.selection.plane_shape) > LARGE:
        working = math.prod(working_shape(request.selection.plane_shape, request.reading.scale.scale))
        outputs = len(request.evaluator.info.outputs)
        total += working * (outputs * np.dtype(MAP_DTYPE).itemsize + 4)
    if request.directions == DIRECTIONS:  # a frame on the working grid, and its maps, in float32
        working = math.prod(working_shape(request.selection.plane_shape, request.reading.scale.scale))
        channels = request.evaluator.info.net.in_channels
        total += working_depth(request) * working * (channels + len(request.evaluator.info.outputs)) * 4
    return total


def need_text(request: SeriesRequest) -> str:
    """Planes, memory and disk in one sentence."""
    count = request.selection.count
    height, width = request.selection.plane_shape
    planes = f"{counted(count, 'plane')} of {height} x {width} px"
    memory, disk = _size(memory_bytes(request)), _size(disk_bytes(request))
    return f"{planes}: about {memory} of memory, at most {disk} of disk"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{max(count / 1e6, 1):.0f} MB"
