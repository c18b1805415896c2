"""How much memory and disk the segmentation of a series needs, estimated before it begins."""

from __future__ import annotations

import math

import numpy as np

from napari_unetpp.engine.decode.map_store import MAP_DTYPE
from napari_unetpp.engine.input.sampling import working_shape
from napari_unetpp.volumes.directions import DIRECTIONS
from napari_unetpp.volumes.inputs.source import LARGE
from napari_unetpp.volumes.series.plane import SeriesRequest
from napari_unetpp.volumes.series.three_sides import working_depth

BASE = 1_000_000_000
"""Bytes of the process with a model and a tile under way."""

A_PIXEL = 40
"""Bytes for each pixel of a plane in memory: itself, its maps, numbers and labels."""


def memory_bytes(request: SeriesRequest) -> int:
    """Peak of the process."""
    pixels = math.prod(request.selection.plane_shape)
    return BASE + (A_PIXEL * pixels if pixels <= LARGE else 0)


def disk_bytes(request: SeriesRequest) -> int:
    """At most, while the run lasts: the result, its planes before, and parts of large planes."""
    pixels = math.prod(request.plane_shape) * request.dtype.itemsize
    total = 2 * pixels * request.selection.count
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
    """Both in a sentence."""
    count = request.selection.count
    height, width = request.selection.plane_shape
    planes = f"{count} plane{'' if count == 1 else 's'} of {height} x {width} px"
    memory, disk = _size(memory_bytes(request)), _size(disk_bytes(request))
    return f"{planes}: about {memory} of memory, at most {disk} of disk"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{max(count / 1e6, 1):.0f} MB"
