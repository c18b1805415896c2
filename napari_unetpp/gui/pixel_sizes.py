"""How large a pixel of the displayed plane is: in what the layer's transforms and units say of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.gui.grids import Grid
from napari_unetpp.session.values import PixelSize

SQUARE = 0.01
"""Sides may differ by this share of the longer one, and a corner be this far from a right angle (cosine)."""


def pixel_size(grid: Grid, displayed: Sequence[int]) -> PixelSize:
    """Area and side of a pixel; why there is none where the axes have no unit of length, or several.

    Everything that stands between pixels and the world counts: scale, rotation, shear, and the affine
    transform. Where those tilt the plane, so do the units of the axes that it is tilted into.
    """
    sides = _sides(grid, displayed)
    axes = [axis for axis in range(grid.image.ndim) if np.abs(sides[axis]).max() > 1e-9 * np.abs(sides).max()]
    units = [str(unit) for unit in getattr(grid.image, "units", ["pixel"] * grid.image.ndim)]
    lengths = [_micrometres(grid, axis) for axis in axes]
    length = lengths[0]
    if len({units[axis] for axis in axes}) > 1:
        listed = ", ".join(units[axis] for axis in axes)
        return PixelSize(missing=f"the axes of the image have different units ({listed})")
    if length is None:
        return PixelSize(missing=f"the unit of the image is {units[axes[0]]}, not a length")
    sides = length * sides
    area = float(np.sqrt(np.linalg.det(sides.T @ sides)))
    side = float(np.linalg.norm(sides[:, 0])) if _is_square(sides, grid, displayed) else None
    return PixelSize(side=side, area=area)


def _sides(grid: Grid, displayed: Sequence[int]) -> NDArray[np.float64]:
    """The sides of a pixel in the world, as columns: of shape (dimensions, 2)."""
    steps = np.eye(grid.image.ndim)[list(displayed)]
    origin = grid.to_world(np.zeros(grid.image.ndim))
    return np.stack([grid.to_world(step) - origin for step in steps], axis=1)


def _micrometres(grid: Grid, axis: int) -> float | None:
    """One unit of an axis in micrometres; None where it is not a length, or this napari has no units."""
    try:
        return float((1.0 * grid.image.units[axis]).to("micrometer").magnitude)
    except Exception:  # pint's own kinds of error; pint comes with napari, and not with every one
        return None


def _is_square(sides: NDArray[np.float64], grid: Grid, displayed: Sequence[int]) -> bool:
    first, second = np.linalg.norm(sides, axis=0)
    # the sides of a level are whole numbers of pixels, which stretches it a little
    rounded = 1 / min(grid.shape[axis] for axis in displayed) if max(grid.factors) > 1 else 0
    equal = abs(first - second) <= (SQUARE + rounded) * max(first, second)
    return bool(equal and abs(sides[:, 0] @ sides[:, 1]) <= SQUARE * first * second)
