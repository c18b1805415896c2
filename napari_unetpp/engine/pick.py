"""Which object a click means."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import ModelInfo
from napari_unetpp.engine import decode

Maps = NDArray[np.float32]
Labels = NDArray[np.uint32]

NEAR = 3
"""Pixels (each way) by which a click may miss what was found; the highest probability within them counts."""

FAINTEST = 0.05
"""Below this probability there is nothing to click on."""

HALF = 0.5
"""A missed object is what reaches this share of the probability at the click."""


def object_at(maps: Maps, info: ModelInfo, y: int, x: int, *, split: bool = True) -> Labels:
    """The object at a pixel: its class number, 1 for instances, and 0 elsewhere (Y, X).

    A click beside an object that was found means that object. Elsewhere the threshold is lowered to half
    the probability at the click. All 0 where the model sees nothing.

    Parameters
    ----------
    maps : ndarray of float32, shape (K, Y, X)
    info : ModelInfo
    split : bool
        Split touching objects by the model's seeds.
    """
    found = decode.labels(maps, info, min_size=0, split=split)
    if not found[y, x]:
        hit = _beside(found, y, x)
        if hit is not None:
            y, x = hit
        else:
            found = _fainter(maps, info, y, x, found, split=split)
    own = found == found[y, x] if found[y, x] else np.zeros(found.shape, bool)
    if info.task == "instances":
        return own.astype(np.uint32)
    parts, _ = ndimage.label(own)
    return np.where((parts == parts[y, x]) & own, found[y, x], 0).astype(np.uint32)


def _beside(found: Labels, y: int, x: int) -> tuple[int, int] | None:
    """The nearest pixel of an object within `NEAR` of the click."""
    y0, x0 = max(0, y - NEAR), max(0, x - NEAR)
    pixels = np.argwhere(found[y0 : y + NEAR + 1, x0 : x + NEAR + 1]) + np.array((y0, x0))
    if not len(pixels):
        return None
    nearest = pixels[np.abs(pixels - (y, x)).sum(axis=1).argmin()]
    return int(nearest[0]), int(nearest[1])


def _fainter(maps: Maps, info: ModelInfo, y: int, x: int, found: Labels, *, split: bool) -> Labels:
    """Labels with a threshold that lets the click hit, apart from what was found without."""
    whole = decode.foreground(maps, info).sum(axis=0)
    near = whole[max(0, y - NEAR) : y + NEAR + 1, max(0, x - NEAR) : x + NEAR + 1]
    if whole[y, x] < FAINTEST:
        return found
    threshold = min(HALF * float(near.max()), float(whole[y, x]))
    free = np.where(found > 0, np.float32(0), maps)
    parts, _ = ndimage.label((whole >= threshold) & (found == 0))
    lower = replace(info, decode=replace(info.decode, threshold=threshold))
    return decode.labels(free, lower, min_size=0, split=split, within=parts == parts[y, x])


def objects_inside(maps: Maps, info: ModelInfo, inside: NDArray[np.bool_], *, split: bool = True) -> Labels:
    """The objects most of which lies `inside`; of classes, the part inside (Y, X)."""
    found = decode.labels(maps, info, split=split)
    if info.task == "semantic":
        return np.where(inside, found, 0).astype(np.uint32)
    count = int(found.max(initial=0)) + 1
    total = np.bincount(found.ravel(), minlength=count)
    within = np.bincount(found[inside], minlength=count)
    wanted = 2 * within > total
    wanted[0] = False
    return np.where(wanted[found], found, 0).astype(np.uint32)
