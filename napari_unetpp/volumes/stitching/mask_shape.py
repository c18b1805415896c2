"""The landscape of models whose objects are split by the shape of the mask, piece by piece.

It is the smoothed distance to the border of the mask, divided by the largest distance in the connected
component (see `engine.decode.labelling.mask_landscape`). The border may be far from a piece, and the largest
distance needs the whole component. So the components are found first, with the largest distance of each.
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

FIRST_MARGIN = 64
"""Pixels around a piece in which the nearest border is searched first; doubled until it is found."""


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
    margin = FIRST_MARGIN
    while True:
        outer = needed.grown(margin, shape)
        mask = read_mask(outer)
        distance = ndimage.distance_transform_edt(mask)
        near = distance[needed.relative_to(outer).slices]
        whole = outer.shape == shape
        if whole or (not mask.all() and near.max(initial=0) <= margin):
            break
        margin *= 2
    smooth = ndimage.gaussian_filter(near, labelling.SMOOTHING, truncate=labelling.CUT)
    found: Distance = smooth[region.relative_to(needed).slices]
    return found


class MaskLandscape:
    """Heights in any region of a plane whose connected components are known.

    Parameters
    ----------
    read_mask : callable
        Gives the mask of a region of the plane.
    shape : (int, int)
        Of the plane.
    rule : DecodeRule
    numbers : array-like of shape (Y, X)
        Written by `stitch` without splitting. May be overwritten piece by piece, after a call of `renumber`.
    component_of : ndarray of int32, shape (N + 1,)
        The connected component of each of these numbers.
    """

    def __init__(
        self,
        read_mask: Callable[[Region], NDArray[np.bool_]],
        shape: tuple[int, int],
        rule: DecodeRule,
        numbers: Any,
        component_of: NDArray[np.int32],
    ) -> None:
        self._read_mask = read_mask
        self._shape = shape
        self._smooth = not rule.prominence == rule.prominence_share == 0
        self._numbers = numbers
        self._component_of = component_of
        self._peak = np.full(int(component_of.max(initial=0)) + 1, 1e-6)

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
        start = len(self._component_of) - 1
        component_of = np.zeros(count + 1, np.int32)
        component_of[numbers] = self._parts(core)
        self._component_of = np.concatenate([self._component_of, component_of[1:]])
        return start

    def _parts(self, region: Region) -> NDArray[np.int32]:
        found: NDArray[np.int32] = self._component_of[np.asarray(self._numbers[region.slices])]
        return found
