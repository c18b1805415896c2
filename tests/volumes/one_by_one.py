"""All planes of an image read, and the planes of a series linked, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.volumes.linking import IOU, Linker
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import Position, Selection


def iterate_planes(array: Any, selection: Selection) -> Iterator[tuple[Position, NDArray[Any]]]:
    for position in selection.positions():
        yield position, read_plane(array, selection, position)


def link_planes(
    planes: Iterable[NDArray[np.integer]], threshold: float = IOU
) -> Iterator[NDArray[np.uint32]]:
    linker = Linker(threshold)
    for plane in planes:
        yield linker.add(plane)
