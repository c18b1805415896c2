"""From maps to masks and instances, all on the working grid.

Maps are float32 of shape (K, Y, X) in [0, 1], one channel per entry of ``ModelInfo.outputs``.
`engine.decode.watershed` separates touching objects; `engine.decode.plane_result` brings results back to the
grid of the image.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import DecodeRule, ModelInfo
from napari_unetpp.engine.decode.holes import without_holes
from napari_unetpp.engine.decode.watershed import Basins, find_basins

if TYPE_CHECKING:
    from torch import Tensor

Maps = NDArray[np.float32]

SMOOTHING = 1.0
"""Sigma (px) of the Gaussian that smooths a landscape."""

CUT = 4
"""Pixels at which that Gaussian is cut off."""

REACH = 2 * CUT
"""Distance (px) up to which pixels around an object can change how it is split: `CUT`, for two filters."""


def activate(logits: Tensor, info: ModelInfo) -> Tensor:
    """Logits (N, K, Y, X) to probabilities: softmax over several classes, else a sigmoid per channel.

    In place where that is possible: new memory takes longer than the values.
    """
    if info.task == "semantic" and len(info.outputs) > 1:
        return logits.softmax(dim=1)
    return logits.sigmoid_()


def foreground_channels(info: ModelInfo) -> slice:
    """Channels of the maps that are foreground classes: one for instances."""
    if info.task == "instances":
        return slice(0, 1)
    return slice(0 if len(info.outputs) == 1 else 1, None)


def foreground(maps: Maps, info: ModelInfo) -> Maps:
    """Probabilities of the foreground classes, shape (C, Y, X); C = 1 for instances."""
    return maps[foreground_channels(info)]


def mask(maps: Maps, info: ModelInfo, rule: DecodeRule | None = None) -> NDArray[np.bool_]:
    """Foreground mask (Y, X): the summed foreground probability reaches the threshold."""
    return reaches(foreground(maps, info), rule or info.decode)


def reaches(probability: Maps, rule: DecodeRule) -> NDArray[np.bool_]:
    """Where the probabilities (C, Y, X) of the foreground classes together reach the threshold."""
    found: NDArray[np.bool_] = probability.sum(axis=0) >= rule.threshold
    return found


def labels(maps: Maps, info: ModelInfo, rule: DecodeRule | None = None) -> NDArray[np.uint32]:
    """Labels (Y, X): object numbers from 1 for instances, class numbers from 1 for semantic models.

    Parameters
    ----------
    maps : ndarray of float32, shape (K, Y, X)
    info : ModelInfo
    rule : DecodeRule, optional
        Without it that of the model.
    """
    rule = rule or info.decode
    found = objects(maps, info, rule)
    found = without_holes(found) if rule.fill_holes else found
    sizes = sizes_of_sure(found, sure(maps, info, rule))
    numbers = kept_numbers(sizes, rule, border_numbers(found, rule))[found]
    return class_numbers(numbers, foreground(maps, info)) if info.task == "semantic" else numbers


def objects(
    maps: Maps,
    info: ModelInfo,
    rule: DecodeRule | None = None,
    *,
    within: NDArray[np.bool_] | None = None,
) -> NDArray[np.int32]:
    """Numbers (Y, X) of all objects, however small; of semantic models, of the parts of the foreground.

    Parameters
    ----------
    within : ndarray of bool, shape (Y, X), optional
        Number only the connected parts of the foreground that lie here.
    """
    rule = rule or info.decode
    found = mask(maps, info, rule)
    region = found if within is None else found & within
    if info.task == "semantic" or not rule.split:
        return connected(region)
    basins = basins_of(maps, info, found, region)
    return basins.image(basins.objects(rule))


def basins_of(maps: Maps, info: ModelInfo, found: NDArray[np.bool_], region: NDArray[np.bool_]) -> Basins:
    """The basins of the model's landscape in a `region` (Y, X) made of connected parts of the foreground."""
    return find_basins(landscape(maps, info, found), region)


def landscape(maps: Maps, info: ModelInfo, found: NDArray[np.bool_]) -> Maps:
    """Heights (Y, X) whose peaks are objects: the seed map, smoothed where the prominence of peaks counts."""
    rule = info.decode
    height = seed_map(maps, info.outputs, rule, found)
    if rule.prominence == rule.prominence_share == 0:
        return height
    smooth: Maps = ndimage.gaussian_filter(np.where(found, height, 0), SMOOTHING, truncate=CUT)
    return smooth


def connected(region: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Numbers (Y, X) of the 4-connected parts of a mask."""
    parts: NDArray[np.int32] = ndimage.label(region)[0]
    return parts


def sure(maps: Maps, info: ModelInfo, rule: DecodeRule) -> NDArray[np.bool_] | None:
    """Where (Y, X) the foreground is certain enough for an object; None by a rule without certainty."""
    if rule.certainty == 0:
        return None
    return reaches(foreground(maps, info), replace(rule, threshold=rule.sure_from))


def sizes_of_sure(numbers: NDArray[np.integer[Any]], certain: NDArray[np.bool_] | None) -> NDArray[np.intp]:
    """The pixels of each number (Y, X); 0 for those that have no pixel where `sure` says so."""
    sizes = np.bincount(numbers.ravel())
    return sizes if certain is None else np.where(sure_pixels(numbers, certain), sizes, 0)


def sure_pixels(numbers: NDArray[np.integer[Any]], certain: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The certain pixels of each number (Y, X)."""
    return np.bincount(numbers[certain], minlength=int(numbers.max(initial=0)) + 1)


def kept_numbers(
    sizes: NDArray[np.intp], rule: DecodeRule, at_border: NDArray[np.integer[Any]]
) -> NDArray[np.uint32]:
    """The new number of every old one; 0 for the background and for objects that the rule drops.

    Parameters
    ----------
    sizes : ndarray of int, shape (N,)
        Pixels of each number.
    at_border : ndarray of int
        Numbers that `border_numbers` gives.
    """
    sizes = sizes.copy()
    if rule.max_size is not None:
        sizes[sizes > rule.max_size] = 0
    if rule.drop_border:
        sizes[at_border] = 0
    return new_numbers(sizes, rule.min_size)


def border_numbers(numbers: Any, rule: DecodeRule) -> NDArray[np.integer[Any]]:
    """The numbers in the outermost rows and columns of a plane (Y, X); none where the rule keeps them."""
    if not rule.drop_border:
        return np.zeros(0, np.intp)
    edges = (numbers[0, :], numbers[-1, :], numbers[:, 0], numbers[:, -1])
    return np.unique(np.concatenate([np.ravel(edge) for edge in edges]))


def new_numbers(sizes: NDArray[np.intp], min_size: int) -> NDArray[np.uint32]:
    """The new number of every old one, from 1 without gaps; 0 for the background and for small objects.

    scikit-image's `relabel_sequential` drops no small objects, and takes 2.5 times as long for a plane of
    4096 x 4096 px.

    Parameters
    ----------
    sizes : ndarray of int, shape (N,)
        Pixels of each number.
    """
    kept = sizes >= max(min_size, 1)
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.uint32)


def class_numbers(found: NDArray[np.uint32], probability: Maps) -> NDArray[np.uint32]:
    """The most probable class (Y, X), from 1, of the pixels that are `found`; 0 elsewhere."""
    return np.where(found > 0, probability.argmax(axis=0) + 1, 0).astype(np.uint32)


def seed_map(
    maps: Maps, outputs: tuple[str, ...], rule: DecodeRule, region: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Heights (Y, X): high inside objects, low where they touch."""
    if rule.seeds == "mask":
        return mask_landscape(region)
    channel: NDArray[np.float32] = maps[outputs.index(rule.seeds)]
    if rule.seeds in ("boundary", "object_border"):
        channel = maps[0] * (1 - channel)
    if rule.seeds == "edge_distance" and "object_border" in outputs:
        channel = channel * (1 - maps[outputs.index("object_border")])
    return channel


def mask_landscape(region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Smoothed distance (Y, X) to the border, as a share of the largest in its connected part."""
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(region), SMOOTHING, truncate=CUT)
    parts = connected(region)
    peak = np.full(int(parts.max(initial=0)) + 1, 1e-6)
    np.maximum.at(peak, parts[region], distance[region])
    return (distance / peak[parts]).astype(np.float32)  # type: ignore[no-any-return]
