"""AP50 by the area of objects: how much of a score is small ones, whose outline a pixel or two decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.train.choose.scores import MATCH_IOU, Matches, common_pixels, sized


def matches_by_area(
    predicted: NDArray[Any],
    truth: NDArray[Any],
    ignore: NDArray[np.bool_] | None = None,
    *,
    edges: Sequence[float],
) -> list[Matches]:
    """Matches at IoU > 0.5 of the objects of each range of areas.

    A true object counts in the range of its own area, found or missed. A found one that matches none counts
    in the range of its own; one that matches counts with its partner. So a range says how things stand with
    objects of that area, whatever the others do (as the area ranges of Lin et al., *Microsoft COCO*, ECCV
    2014). What is ignored counts nowhere.

    Parameters
    ----------
    predicted, truth : integer ndarray of shape (Y, X)
        0 is background.
    edges : sequence of float
        Areas (px), rising: range n holds those of at least ``edges[n]`` and less than ``edges[n + 1]``.
    """
    if ignore is not None:
        predicted, truth = np.where(ignore, 0, predicted), np.where(ignore, 0, truth)
    found, found_size = sized(predicted)
    true, true_size = sized(truth)
    a, b, pixels = common_pixels(found, true)
    good = (a > 0) & (b > 0) & (pixels > MATCH_IOU * (found_size[a] + true_size[b] - pixels))
    alone = np.delete(found_size, [0, *a[good]])
    missed = np.delete(true_size, [0, *b[good]])
    areas = true_size[b[good]], alone[alone > 0], missed[missed > 0]
    hits, surplus, misses = (np.histogram(each, edges)[0] for each in areas)
    return [Matches(*map(int, counts)) for counts in zip(hits, surplus, misses, strict=True)]


def matches_from(
    predicted: NDArray[Any], truth: NDArray[Any], ignore: NDArray[np.bool_] | None = None, *, least: float
) -> Matches:
    """Matches with objects of less than `least` px left out, true and found ones."""
    return matches_by_area(predicted, truth, ignore, edges=(least, np.inf))[0]
