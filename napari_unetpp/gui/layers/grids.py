"""The pixels of an image layer that are worked on, and where they lie: all of a plain image, or one level.

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
from numpy.typing import NDArray

TRANSFORMS = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


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

    def to_world(self, pixel: Sequence[float]) -> NDArray[np.float64]:
        """Where the middle of a pixel is."""
        return np.asarray(self.image.data_to_world(self.factors * pixel + self.origin))

    def from_world(self, point: Sequence[float]) -> NDArray[np.float64]:
        """The pixel at a point, with its fraction."""
        return (np.asarray(self.image.world_to_data(point)) - self.origin) / self.factors

    def place(self, layer: Layer) -> None:
        """Lay a layer of these pixels over the image, which may have moved since it was made."""
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


def _equal(one: Any, other: Any) -> bool:
    """Whether two values of a transform are the same."""
    if isinstance(one, Affine):
        one, other = one.affine_matrix, other.affine_matrix
    return np.array_equal(np.asarray(one), np.asarray(other))
