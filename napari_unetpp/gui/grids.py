"""The pixels of an image layer that are worked on, where they lie and how large they are.

They are all pixels of a plain image, or those of one level of a multiscale image.

napari draws a pixel of a level as the block of pixels of the full image that it stands for. So along the
displayed axes its middle lies in the middle of the block. Along the axes of the sliders napari divides the
position by the factor of the level and rounds, as if the middle of the pixel were that of its first plane.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image, Layer
from napari.utils.transforms import Affine
from numpy.typing import ArrayLike, NDArray

from napari_unetpp.session.values import PixelSize

TRANSFORMS = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


SQUARE = 0.01
"""Sides may differ by this share of the longer one, and a corner be this far from a right angle (cosine)."""


@dataclass(frozen=True, eq=False)
class Grid:
    """One level of an image; a plain image has just one.

    Attributes
    ----------
    image : Image
    data : array of shape `shape`, colours behind it
        Possibly lazy.
    shape : tuple of int
    factors : ndarray of float
        How many pixels of the full image a pixel spans along each axis.
    origin : ndarray of float
        Where in the full image the middle of the first pixel lies.
    """

    image: Image
    data: Any
    shape: tuple[int, ...]
    factors: NDArray[np.float64]
    origin: NDArray[np.float64]

    @property
    def transforms(self) -> dict[str, Any]:
        """What a layer of these pixels needs to lie over the image."""
        own = {name: getattr(self.image, name) for name in TRANSFORMS}
        if (self.factors != 1).any():
            placed = Affine(**{name: own[name] for name in ("scale", "translate", "rotate", "shear")})
            own |= {"scale": own["scale"] * self.factors, "translate": np.asarray(placed(self.origin))}
        return own

    def to_world(self, pixel: ArrayLike) -> NDArray[np.float64]:
        """Where the middle of a pixel is."""
        return np.asarray(self.image.data_to_world(self.factors * np.asarray(pixel) + self.origin))

    def from_world(self, point: ArrayLike) -> NDArray[np.float64]:
        """The pixel at a point, with its fraction."""
        return (np.asarray(self.image.world_to_data(point)) - self.origin) / self.factors

    def place(self, layer: Layer) -> None:
        """Give a layer of these pixels the transforms of the image, which may have changed since."""
        for name, wanted in self.transforms.items():
            if not _equal(wanted, getattr(layer, name)):
                setattr(layer, name, wanted)


def grid_of(image: Image, level: int, displayed: Sequence[int]) -> Grid:
    """The pixels of a level, 0 for a plain image; `displayed` are the axes of the image that are shown."""
    factors = np.array(image.downsample_factors[level], float)
    origin = np.zeros(image.ndim)
    for axis in displayed:
        origin[axis] = (factors[axis] - 1) / 2
    shape = tuple(int(size) for size in image.level_shapes[level])
    return Grid(image, level_data(image, level), shape, factors, origin)


def level_data(image: Image, level: int) -> Any:
    """The array of a level, None where there is no such level."""
    if not image.multiscale:
        return image.data
    return image.data[level] if level < len(image.data) else None


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
    height, width = (float(length) for length in np.linalg.norm(sides, axis=0))
    upright = abs(sides[:, 0] @ sides[:, 1]) <= SQUARE * height * width
    square = upright and _are_equal(height, width, grid, displayed)
    return PixelSize(side=height if square else None, sides=(height, width) if upright else None, area=area)


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


def _are_equal(height: float, width: float, grid: Grid, displayed: Sequence[int]) -> bool:
    # the sides of a level are whole numbers of pixels, which stretches it a little
    rounded = 1 / min(grid.shape[axis] for axis in displayed) if max(grid.factors) > 1 else 0
    return abs(height - width) <= (SQUARE + rounded) * max(height, width)


def _equal(one: Any, other: Any) -> bool:
    """Whether two values of a transform are the same."""
    if isinstance(one, Affine):
        one, other = one.affine_matrix, other.affine_matrix
    return np.array_equal(np.asarray(one), np.asarray(other))
