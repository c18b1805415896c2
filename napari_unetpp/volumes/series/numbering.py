"""Numbers of objects through the planes and frames of a series that is segmented."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes.linking import Linker, common_pixels, match_counts
from napari_unetpp.volumes.selection import Selection

Labels = NDArray[np.integer[Any]]
Numbers = NDArray[np.intp]
ReadPlane = Callable[[int], Labels]


def check_links(selection: Selection, *, stitch: float | None, track: float | None) -> None:
    """Raise UnetppError for links that the selection does not allow, and for invalid overlaps."""
    for given in (stitch, track):
        if given is not None:
            Linker(given)
    if track is not None and stitch is None and selection.depth > 1:
        raise UnetppError(
            f"objects are to be linked over time, but {selection.depth} planes of depth are not "
            "linked. Give --stitch, too, or one plane with --z or --project; if they are frames, name the "
            f"axes with --axes. The image was read as {selection.axes}."
        )
    if stitch is not None and selection.depth == 1:
        raise UnetppError(
            f"objects are to be linked through depth, but one plane of depth is segmented: {selection}. "
            "Leave --stitch out; --track links over time. If an axis was read wrongly, name the axes with "
            "--axes."
        )
    if track is not None and selection.frames == 1:
        raise UnetppError(
            f"objects are to be linked over time, but one frame is segmented: {selection}. Leave --track "
            "out; --stitch links through depth."
        )


def numbered(
    read: ReadPlane, selection: Selection, folder: Path, *, stitch: float | None, track: float | None
) -> Iterator[Labels]:
    """All planes in their order; linked objects have one number through depth, time, or both.

    Parameters
    ----------
    read : callable
        Gives the plane of a number.
    selection : Selection
    folder : Path
        For temporary files: two frames of a stack over time.
    stitch, track : float or None
        Intersection over union from which objects of neighbouring planes, or of neighbouring frames, are the
        same; None: they are not linked.
    """
    if track is None and stitch is None:
        yield from (read(number) for number in range(selection.count))
    elif track is None:
        for frame in range(selection.frames):
            linker = Linker(stitch or 0)
            yield from (linker.add(read(frame * selection.depth + z)) for z in range(selection.depth))
    elif selection.depth == 1:
        linker = Linker(track)
        yield from (linker.add(read(number)) for number in range(selection.count))
    else:
        yield from _through_both(read, selection, folder, stitch or 0, track)


def _through_both(
    read: ReadPlane, selection: Selection, folder: Path, stitch: float, track: float
) -> Iterator[Labels]:
    """Each frame is linked through depth, then with the frame before; two planes are in memory."""
    number_of: NDArray[np.uint32] = np.zeros(1, np.uint32)
    sizes = np.zeros(1, np.intp)
    count = 0
    for frame in range(selection.frames):
        linker, shared = Linker(stitch), []
        before, sizes = sizes, np.zeros(1, np.intp)
        for z in range(selection.depth):
            plane = linker.add(read(frame * selection.depth + z))
            np.save(_path(folder, frame, z), plane)
            sizes = _sum(sizes, np.bincount(plane.ravel()))
            if frame:
                shared.append(common_pixels(np.load(_path(folder, frame - 1, z)), plane))
        old, number_of = number_of, np.zeros(linker.count + 1, np.uint32)
        if frame:
            one, other = match_counts(*_summed_overlaps(shared), before, sizes, track)
            number_of[other] = old[one]
        new = np.flatnonzero(number_of[1:] == 0) + 1
        number_of[new] = np.arange(count + 1, count + 1 + new.size)
        count += int(new.size)
        for z in range(selection.depth):
            yield number_of[np.load(_path(folder, frame, z))]


def _path(folder: Path, frame: int, z: int) -> Path:
    return folder / f"{frame % 2}-{z}.npy"


def _sum(one: Numbers, other: Numbers) -> Numbers:
    """Sum of two lists of counts; the shorter one is filled up with zeros."""
    total = np.zeros(max(one.size, other.size), np.intp)
    total[: one.size] += one
    total[: other.size] += other
    return total


def _summed_overlaps(shared: list[tuple[Numbers, Numbers, Numbers]]) -> tuple[Numbers, Numbers, Numbers]:
    """Sum of the overlaps of all planes, each pair of objects once."""
    one, other, common = (np.concatenate(column) for column in zip(*shared, strict=True))
    pairs, place = np.unique(np.stack([one, other]), axis=1, return_inverse=True)
    counts = np.bincount(place.ravel(), weights=common, minlength=pairs.shape[1]).astype(np.intp)
    return pairs[0], pairs[1], counts
