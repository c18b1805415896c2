"""Which object a click means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.decode.window import Window

Maps = NDArray[np.float32]
Labels = NDArray[np.uint32]

NEAR = 3
"""Pixels (each way) by which a click may miss what was found; the highest probability within them counts."""

FAINTEST = 0.05
"""Below this probability there is nothing to click on."""

HALF = 0.5
"""A missed object is what reaches this share of the probability at the click."""


def object_at(window: Window, info: ModelInfo, y: int, x: int, *, split: bool = True) -> Labels:
    """The object at a pixel of a window: its class number, 1 for instances, and 0 elsewhere (Y, X).

    A click beside an object that was found means that object. Elsewhere the threshold is lowered to half
    the probability at the click. All 0 where the model sees nothing.

    Parameters
    ----------
    window : Window
    info : ModelInfo
    y, x : int
        Counted from the corner of the window's region.
    split : bool
        Tell touching objects apart by the model's seeds.
    """
    click = window.at(y, x)
    clear = labelling.labels(window.maps, info, min_size=0, split=split)
    hit = click if clear[click] else _beside(clear, *click)
    threshold = None if hit else _lower(window.maps, info, *click)
    found = clear if hit else _fainter(window.maps, info, click, clear, threshold, split=split)
    value = found[hit or click]
    if not value:
        return np.zeros(window.region.shape, np.uint32)
    own = found == value
    if info.task == "semantic":
        parts = labelling.connected(own)
        own = parts == parts[hit or click]
    numbers = np.where(own, 1, np.where((clear > 0) | (found > 0), 2, 0)).astype(np.int32)
    on_image = window.objects(numbers, info, threshold=threshold)
    return np.where(on_image == 1, value if info.task == "semantic" else 1, 0).astype(np.uint32)


def _beside(found: Labels, y: int, x: int) -> tuple[int, int] | None:
    """The nearest pixel of an object within `NEAR` of the click."""
    y0, x0 = max(0, y - NEAR), max(0, x - NEAR)
    pixels = np.argwhere(found[y0 : y + NEAR + 1, x0 : x + NEAR + 1]) + np.array((y0, x0))
    if not len(pixels):
        return None
    nearest = pixels[np.abs(pixels - (y, x)).sum(axis=1).argmin()]
    return int(nearest[0]), int(nearest[1])


def _lower(maps: Maps, info: ModelInfo, y: int, x: int) -> float | None:
    """The threshold with which a click hits; None where there is nothing to hit."""
    whole = labelling.foreground(maps, info).sum(axis=0)
    near = whole[max(0, y - NEAR) : y + NEAR + 1, max(0, x - NEAR) : x + NEAR + 1]
    return None if whole[y, x] < FAINTEST else min(HALF * float(near.max()), float(whole[y, x]))


def _fainter(
    maps: Maps,
    info: ModelInfo,
    click: tuple[int, int],
    clear: Labels,
    threshold: float | None,
    *,
    split: bool,
) -> Labels:
    """Labels of what a lower threshold finds at the click, apart from what is clear."""
    if threshold is None:
        return np.zeros(clear.shape, np.uint32)
    free = np.where(clear > 0, np.float32(0), maps)
    parts = labelling.connected(labelling.mask(free, info, threshold=threshold))
    here = parts == parts[click]
    found = labelling.objects(free, info, threshold=threshold, split=split, within=here).astype(np.uint32)
    return (
        labelling.with_classes(found, labelling.foreground(maps, info)) if info.task == "semantic" else found
    )


def objects_inside(
    window: Window, info: ModelInfo, inside: NDArray[np.bool_], *, split: bool = True
) -> Labels:
    """The objects most of which lies `inside` (Y, X) the window; of classes, the part inside."""
    numbers = labelling.objects(window.maps, info, split=split)
    kept = labelling.keep(np.bincount(numbers.ravel()), info.decode.min_size)
    found = window.labels(numbers, kept, info)
    if info.task == "semantic":
        return np.where(inside, found, 0).astype(np.uint32)
    count = int(found.max(initial=0)) + 1
    total = np.bincount(found.ravel(), minlength=count)
    within = np.bincount(found[inside], minlength=count)
    wanted = 2 * within > total
    wanted[0] = False
    return np.where(wanted[found], found, 0).astype(np.uint32)
