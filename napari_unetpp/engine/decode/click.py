"""The object at a clicked pixel, and the objects in a drawn rectangle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import DecodeRule, ModelInfo
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.decode.holes import without_holes
from napari_unetpp.engine.decode.window import Window

Maps = NDArray[np.float32]
Labels = NDArray[np.uint32]

NEAR = 3
"""A click may miss an object by this many pixels in each direction."""

FAINTEST = 0.05
"""Below this probability a click finds nothing."""

HALF = 0.5
"""An object below the threshold ends at this share of the highest probability around the click."""


def object_at(window: Window, info: ModelInfo, rule: DecodeRule, y: int, x: int) -> Labels:
    """The object at a pixel of a window: its class number (1 for instances), 0 elsewhere (Y, X).

    A click up to `NEAR` px beside an object that was found means that object. Else the threshold is lowered
    to half the highest probability around the click. All 0 where the probability there is below `FAINTEST`.

    Parameters
    ----------
    window : Window
    info : ModelInfo
    rule : DecodeRule
        Neither sizes, certainty nor the border count: the click says what is meant.
    y, x : int
        Counted from the corner of the window's region.
    """
    click = window.at(y, x)
    rule = replace(rule, min_size=0, certainty=0.0, max_size=None, drop_border=False)
    clear = labelling.labels(window.maps, info, rule)
    hit = click if clear[click] else _beside(clear, *click)
    if hit:
        found = clear
    else:
        threshold = _lower_threshold(window.maps, info, *click)
        if threshold is None:
            return np.zeros(window.region.shape, np.uint32)
        rule = replace(rule, threshold=threshold)
        found = _fainter(window.maps, info, rule, click, clear)
    value = found[hit or click]
    if not value:
        return np.zeros(window.region.shape, np.uint32)
    own = found == value
    if info.task == "semantic":
        parts = labelling.connected(own)
        own = parts == parts[hit or click]
    numbers = np.where(own, 1, np.where((clear > 0) | (found > 0), 2, 0)).astype(np.int32)
    on_image = window.objects(numbers, info, rule)
    on_image = without_holes(on_image) if rule.fill_holes else on_image
    return np.where(on_image == 1, value if info.task == "semantic" else 1, 0).astype(np.uint32)


def _beside(found: Labels, y: int, x: int) -> tuple[int, int] | None:
    """The nearest pixel of an object within `NEAR` of the click."""
    y0, x0 = max(0, y - NEAR), max(0, x - NEAR)
    pixels = np.argwhere(found[y0 : y + NEAR + 1, x0 : x + NEAR + 1]) + np.array((y0, x0))
    if not len(pixels):
        return None
    nearest = pixels[np.abs(pixels - (y, x)).sum(axis=1).argmin()]
    return int(nearest[0]), int(nearest[1])


def _lower_threshold(maps: Maps, info: ModelInfo, y: int, x: int) -> float | None:
    """The threshold at which an object is found at the click; None where nothing is."""
    whole = labelling.foreground(maps, info).sum(axis=0)
    near = whole[max(0, y - NEAR) : y + NEAR + 1, max(0, x - NEAR) : x + NEAR + 1]
    return None if whole[y, x] < FAINTEST else min(HALF * float(near.max()), float(whole[y, x]))


def _fainter(maps: Maps, info: ModelInfo, rule: DecodeRule, click: tuple[int, int], clear: Labels) -> Labels:
    """Labels of what the lower threshold of `rule` finds at the click beside the `clear` objects."""
    free = np.where(clear > 0, np.float32(0), maps)
    parts = labelling.connected(labelling.mask(free, info, rule))
    here = parts == parts[click]
    found = labelling.objects(free, info, rule, within=here).astype(np.uint32)
    if info.task == "semantic":
        return labelling.class_numbers(found, labelling.foreground(maps, info))
    return found


def objects_inside(window: Window, info: ModelInfo, rule: DecodeRule, inside: NDArray[np.bool_]) -> Labels:
    """The objects most of which lie `inside` (Y, X) the window; of classes, the part inside."""
    found = window.labels(info, rule)
    if info.task == "semantic":
        return np.where(inside, found, 0).astype(np.uint32)
    count = int(found.max(initial=0)) + 1
    total = np.bincount(found.ravel(), minlength=count)
    within = np.bincount(found[inside], minlength=count)
    wanted = 2 * within > total
    wanted[0] = False
    return np.where(wanted[found], found, 0).astype(np.uint32)
