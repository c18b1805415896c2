"""The landscape of models whose objects are told apart by the shape of their mask, in parts of a plane.

It is the distance to the border of the mask, smoothed, divided by the largest of the connected part (see
`engine.decode.labelling.mask_landscape`). How far the border is may need a wide look; how large the largest
is needs the whole part. So the parts are found first (objects that are not split), with the largest distance
of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import DecodeRule, Region
from napari_unetpp.engine.decode import labelling

Distance = NDArray[np.float64]

FIRST_LOOK = 64
"""Pixels around a piece in which the nearest border is looked for first; then twice as many, and so on."""


def smooth_distance(
    read_mask: Callable[[Region], NDArray[np.bool_]], region: Region, shape: tuple[int, int]
) -> Distance:
    """Smoothed distance to the border of the mask (h, w), equal to that in the whole plane.

    Parameters
    ----------
    read_mask : callable
        Gives the mask of a region of the plane.
    region : Region
    shape : (int, int)
        Of the plane.
    """
    needed = region.grown(labelling.CUT, shape)
    look = FIRST_LOOK
    while True:
        seen = needed.grown(look, shape)
        mask = read_mask(seen)
        distance = ndimage.distance_transform_edt(mask)
        near = distance[needed.relative_to(seen).slices]
        whole = seen.shape == shape
        if whole or (not mask.all() and near.max(initial=0) <= look):
            break
        look *= 2
    smooth = ndimage.gaussian_filter(near, labelling.SMOOTHING, truncate=labelling.CUT)
    found: Distance = smooth[region.relative_to(needed).slices]
    return found


class MaskLandscape:
    """Heights in any region of a plane whose connected parts are known.

    Parameters
    ----------
    read_mask : callable
        Gives the mask of a region of the plane.
    shape : (int, int)
        Of the plane.
    rule : DecodeRule
    numbers : array-like of shape (Y, X)
        Written by `stitch` without splitting. May be overwritten piece by piece, if `renumber` is told
        before.
    part_of : ndarray of int32, shape (N + 1,)
        The connected part of each of these numbers.
    """

    def __init__(
        self,
        read_mask: Callable[[Region], NDArray[np.bool_]],
        shape: tuple[int, int],
        rule: DecodeRule,
        numbers: Any,
        part_of: NDArray[np.int32],
    ) -> None:
        self._read_mask = read_mask
        self._shape = shape
        self._smooth = not rule.prominence == rule.prominence_share == 0
        self._numbers = numbers
        self._part_of = part_of
        self._peak = np.full(int(part_of.max(initial=0)) + 1, 1e-6)

    def measure(self, core: Region) -> None:
        """Look for the largest distance of each part; to be done in all pieces before heights are known."""
        part = self._parts(core)
        found = part > 0
        distance = smooth_distance(self._read_mask, core, self._shape)
        np.maximum.at(self._peak, part[found], distance[found])

    def read(self, region: Region) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Heights and foreground (h, w) of a region."""
        around = region.grown(labelling.CUT, self._shape) if self._smooth else region
        part = self._parts(around)
        distance = smooth_distance(self._read_mask, around, self._shape)
        height = np.where(part > 0, distance / self._peak[part], 0).astype(np.float32)
        if self._smooth:
            height = ndimage.gaussian_filter(height, labelling.SMOOTHING, truncate=labelling.CUT)
        there = region.relative_to(around).slices
        return height[there], part[there] > 0

    def renumber(self, core: Region, numbers: NDArray[np.int32], count: int) -> int:
        """Numbers from 1 to `count` are about to be written in `core`; what is to be added to them."""
        start = len(self._part_of) - 1
        part_of = np.zeros(count + 1, np.int32)
        part_of[numbers] = self._parts(core)
        self._part_of = np.concatenate([self._part_of, part_of[1:]])
        return start

    def _parts(self, region: Region) -> NDArray[np.int32]:
        found: NDArray[np.int32] = self._part_of[np.asarray(self._numbers[region.slices])]
        return found
