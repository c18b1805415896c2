"""Specks: a few things so small that they are dust, hot pixels or cosmic rays rather than objects."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SIDE = 5
"""Side (px) of the square into which a speck fits."""

FEW = 16
"""More of them than this in a plane are its objects."""


def without_specks(plane: NDArray[Any], least: float) -> NDArray[Any]:
    """A plane with a few specks replaced by their surroundings; the same plane where there are none or many.

    Parameters
    ----------
    plane : ndarray of shape (Y, X) or (Y, X, C)
        Any real dtype.
    least : float
        Least difference between a speck and its surroundings, brighter or darker.
    """
    out = plane
    for surroundings in (ndimage.grey_opening, ndimage.grey_closing):
        filled = surroundings(out, size=(SIDE, SIDE, 1)[: plane.ndim])
        with np.errstate(invalid="ignore"):  # infinite minus infinite
            apart = np.abs(np.subtract(out, filled, dtype=np.float32)) > least
        specks = _few_small(apart if plane.ndim == 2 else apart.any(axis=-1))
        if specks is not None:
            out = np.where(specks if plane.ndim == 2 else specks[..., None], filled, out)
    return out


def _few_small(apart: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The connected parts (Y, X) that fit into the square, where there are any and they are few."""
    parts, count = ndimage.label(apart, structure=np.ones((3, 3)))
    if not 0 < count <= 10 * FEW:
        return None
    boxes = ndimage.find_objects(parts)
    small = [
        number
        for number, box in enumerate(boxes, start=1)
        if all(side.stop - side.start <= SIDE for side in box)
    ]
    return np.isin(parts, small) if 0 < len(small) <= FEW else None
