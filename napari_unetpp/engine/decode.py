"""From maps to masks and instances, without the network.

Maps are float32 of shape (K, Y, X) in [0, 1], one channel per entry of ``ModelInfo.outputs``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label as connected_components
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_unetpp._types import DecodeRule, ModelInfo

if TYPE_CHECKING:
    from torch import Tensor

Maps = NDArray[np.float32]

MASK_SMOOTHING = 1.0
"""Gaussian sigma (px) of the distance transform from which ``seeds="mask"`` takes its seeds."""

PEAK_SMOOTHING = 1.0
"""Gaussian sigma (px) of a seed map whose peaks are seeds."""

REACH = 4
"""Pixels around an object that can change how it is split: where the Gaussians are cut off."""

CROSS = ndimage.generate_binary_structure(2, 1)


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
    threshold = info.decode.threshold if threshold is None else threshold
    found: NDArray[np.bool_] = foreground(maps, info).sum(axis=0) >= threshold
    return found


def labels(
    maps: Maps,
    info: ModelInfo,
    *,
    threshold: float | None = None,
    min_size: int | None = None,
    split: bool = True,
    within: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint32]:
    """Labels (Y, X): object numbers from 1 for instances, class numbers from 1 for semantic models.

    Parameters
    ----------
    threshold, min_size : optional
        Default: those of the model's decode rule.
    split : bool
        Split touching objects by the model's seeds; False: connected components.
    within : ndarray of bool, shape (Y, X), optional
        Only the connected components of the foreground that lie here are wanted.
    """
    rule = info.decode
    min_size = rule.min_size if min_size is None else min_size
    found = mask(maps, info, threshold=threshold)
    region = found if within is None else found & within
    if info.task == "semantic":
        classes = foreground(maps, info).argmax(axis=0).astype(np.uint32) + 1
        return np.where(_drop_small(region, min_size), classes, 0).astype(np.uint32)
    objects = _split(maps, info, found, region) if split else connected_components(region, connectivity=1)
    return _renumber(_drop_small(objects, min_size))


def _split(
    maps: Maps, info: ModelInfo, found: NDArray[np.bool_], region: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """Seeded watershed inside `region`; foreground that no seed reaches becomes an object of its own."""
    rule = info.decode
    height = seed_map(maps, info.outputs, rule, found)
    if rule.prominence > 0:
        height = ndimage.gaussian_filter(np.where(found, height, 0), PEAK_SMOOTHING, truncate=REACH)
        candidates = _peaks(np.where(region, height, 0), rule.prominence)
    else:
        candidates = region
    seeds = connected_components(candidates & (height > rule.seed_threshold), connectivity=1)
    objects = watershed(-height, seeds, mask=region)
    rest = connected_components(region & (objects == 0), connectivity=1)
    return np.where(rest > 0, rest + objects.max(), objects)  # type: ignore[no-any-return]


def _peaks(height: NDArray[np.float32], prominence: float) -> NDArray[np.bool_]:
    """Pixels (Y, X) of the maxima that rise `prominence` above the pass to a higher one.

    The h-maxima of Soille, *Morphological Image Analysis*, 2nd ed. 2004, section 6.3.4. Most parts of the
    foreground have a single maximum, and nothing to compare it with; only the others are reconstructed,
    each for itself, since it sorts all pixels that it is given.
    """
    least = 0.999 * prominence
    maxima: NDArray[np.bool_] = local_maxima(height, connectivity=1, indices=False) & (height > least)
    parts, _ = ndimage.label(height > 0, CROSS)
    tops, count = ndimage.label(maxima, CROSS)
    part_of = np.zeros(count + 1, int)
    part_of[tops[maxima]] = parts[maxima]
    boxes = ndimage.find_objects(parts)
    for number in np.flatnonzero(np.bincount(part_of[1:]) > 1):
        box = boxes[number - 1]
        part = parts[box] == number
        own = np.where(part, height[box], 0)
        passes = reconstruction(np.maximum(own - prominence, 0), own, method="dilation", footprint=CROSS)
        maxima[box] = np.where(part, own - passes > least, maxima[box])
    return maxima


def seed_map(
    maps: Maps, outputs: tuple[str, ...], rule: DecodeRule, region: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The landscape (Y, X) whose peaks are objects: high inside, low where objects touch."""
    if rule.seeds == "mask":
        return mask_landscape(region)
    channel: NDArray[np.float32] = maps[outputs.index(rule.seeds)]
    return maps[0] * (1 - channel) if rule.seeds == "boundary" else channel


def mask_landscape(region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Smoothed distance to the border, divided by the largest of its connected component."""
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(region), MASK_SMOOTHING)
    parts, count = ndimage.label(region)
    if count == 0:
        return np.zeros(region.shape, np.float32)
    peak = np.concatenate([[1.0], ndimage.maximum(distance, parts, np.arange(1, count + 1))])
    return (distance / np.maximum(peak[parts], 1e-6)).astype(np.float32)  # type: ignore[no-any-return]


def _drop_small(regions: NDArray[np.generic], min_size: int) -> NDArray[np.generic]:
    if min_size <= 1 or not regions.any():
        return regions
    # Not skimage's remove_small_objects, which warns the user about an image with one object.
    parts = connected_components(regions, connectivity=1) if regions.dtype == np.bool_ else regions
    small = np.bincount(parts.ravel()) < min_size
    small[0] = False
    return np.where(small[parts], regions.dtype.type(0), regions)


def _renumber(objects: NDArray[np.generic]) -> NDArray[np.uint32]:
    """Consecutive numbers from 1, in the order of the old ones."""
    present = np.unique(objects)
    present = present[present > 0]
    table = np.zeros(int(present[-1]) + 1 if present.size else 1, np.uint32)
    table[present] = np.arange(1, present.size + 1, dtype=np.uint32)
    return table[objects]  # type: ignore[no-any-return]
