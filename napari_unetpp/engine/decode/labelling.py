"""From maps to masks and instances, without the network: all of it on the working grid.

Maps are float32 of shape (K, Y, X) in [0, 1], one channel per entry of ``ModelInfo.outputs``.
`engine.decode.watershed` separates touching objects; `engine.decode.plane_result` brings results back to the
grid of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import DecodeRule, ModelInfo
from napari_unetpp.engine.decode.watershed import Basins, find_basins

if TYPE_CHECKING:
    from torch import Tensor

Maps = NDArray[np.float32]

SMOOTHING = 1.0
"""Gaussian sigma (px) of a landscape whose summits are objects."""

CUT = 4
"""Pixels at which that Gaussian is cut off."""

REACH = 2 * CUT
"""Pixels around an object that can change how it is split: those within `CUT`, and what these depend on."""


def activate(logits: Tensor, info: ModelInfo) -> Tensor:
    """Logits (N, K, Y, X) to probabilities: softmax over several classes, else a sigmoid per channel."""
    if info.task == "semantic" and len(info.outputs) > 1:
        return logits.softmax(dim=1)
    return logits.sigmoid()


def foreground(maps: Maps, info: ModelInfo) -> Maps:
    """Probabilities of the foreground classes, shape (C, Y, X); C = 1 for instances."""
    if info.task == "instances":
        return maps[:1]
    return maps if len(info.outputs) == 1 else maps[1:]


def mask(maps: Maps, info: ModelInfo, *, threshold: float | None = None) -> NDArray[np.bool_]:
    """Foreground mask (Y, X): the summed foreground probability reaches the threshold."""
    return reaches(foreground(maps, info), info, threshold)


def reaches(probability: Maps, info: ModelInfo, threshold: float | None = None) -> NDArray[np.bool_]:
    """Where the probabilities (C, Y, X) of the foreground classes together reach the threshold."""
    threshold = info.decode.threshold if threshold is None else threshold
    found: NDArray[np.bool_] = probability.sum(axis=0) >= threshold
    return found


def labels(
    maps: Maps,
    info: ModelInfo,
    *,
    threshold: float | None = None,
    min_size: int | None = None,
    split: bool = True,
) -> NDArray[np.uint32]:
    """Labels (Y, X): object numbers from 1 for instances, class numbers from 1 for semantic models.

    Parameters
    ----------
    threshold, min_size : optional
        Default: those of the model's decode rule.
    split : bool
        Tell touching objects apart by the model's seeds; False: connected components.
    """
    found = objects(maps, info, threshold=threshold, split=split)
    kept = keep(np.bincount(found.ravel()), info.decode.min_size if min_size is None else min_size)[found]
    return with_classes(kept, foreground(maps, info)) if info.task == "semantic" else kept


def objects(
    maps: Maps,
    info: ModelInfo,
    *,
    threshold: float | None = None,
    split: bool = True,
    within: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Numbers (Y, X) of all objects, however small; of semantic models those of parts of the foreground.

    Parameters
    ----------
    within : ndarray of bool, shape (Y, X), optional
        Only the connected parts of the foreground that lie here are wanted.
    """
    found = mask(maps, info, threshold=threshold)
    region = found if within is None else found & within
    if info.task == "semantic" or not split:
        return connected(region)
    basins = basins_of(maps, info, found, region)
    return basins.image(basins.objects(info.decode))


def basins_of(maps: Maps, info: ModelInfo, found: NDArray[np.bool_], region: NDArray[np.bool_]) -> Basins:
    """The basins of the model's landscape in a `region` (Y, X) made of connected parts of the foreground."""
    return find_basins(landscape(maps, info, found), region)


def landscape(maps: Maps, info: ModelInfo, found: NDArray[np.bool_]) -> Maps:
    """Heights (Y, X) whose summits are objects: the seed map, slightly smoothed where peaks are compared."""
    rule = info.decode
    height = seed_map(maps, info.outputs, rule, found)
    if rule.prominence == rule.prominence_share == 0:
        return height
    smooth: Maps = ndimage.gaussian_filter(np.where(found, height, 0), SMOOTHING, truncate=CUT)
    return smooth


def connected(region: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Numbers (Y, X) of the parts of a mask; those that meet at a corner only are apart."""
    parts: NDArray[np.int32] = ndimage.label(region)[0]
    return parts


def keep(sizes: NDArray[np.intp], min_size: int) -> NDArray[np.uint32]:
    """The new number of every old one, from 1 without gaps: 0 for the background and for what is too small.

    Parameters
    ----------
    sizes : ndarray of int, shape (N,)
        Pixels of each number.
    """
    kept = sizes >= max(min_size, 1)
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.uint32)


def with_classes(kept: NDArray[np.uint32], probability: Maps) -> NDArray[np.uint32]:
    """Class numbers (Y, X) from 1 in what is kept of the foreground; `probability` is that of the classes."""
    return np.where(kept > 0, probability.argmax(axis=0) + 1, 0).astype(np.uint32)


def seed_map(
    maps: Maps, outputs: tuple[str, ...], rule: DecodeRule, region: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """High inside objects, low where they touch: (Y, X)."""
    if rule.seeds == "mask":
        return mask_landscape(region)
    channel: NDArray[np.float32] = maps[outputs.index(rule.seeds)]
    if rule.seeds in ("boundary", "object_border"):
        channel = maps[0] * (1 - channel)
    if rule.seeds == "edge_distance" and "object_border" in outputs:
        channel = channel * (1 - maps[outputs.index("object_border")])
    return channel


def mask_landscape(region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Smoothed distance to the border, divided by the largest of its connected part."""
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(region), SMOOTHING, truncate=CUT)
    parts = connected(region)
    peak = np.full(int(parts.max(initial=0)) + 1, 1e-6)
    np.maximum.at(peak, parts[region], distance[region])
    return (distance / peak[parts]).astype(np.float32)  # type: ignore[no-any-return]
