"""What the heads learn from instance labels: foreground and three separating maps.

The maps are relative to the size of their object, so they may be resampled with the image.
Border distance: as in the StarDist/DIST line of work (Naylor et al., IEEE TMI 2019), divided by the
largest of its object; centre: a Gaussian of the distance to the object's centre, as in
Panoptic-DeepLab (Cheng et al., CVPR 2020); boundary: Caicedo et al., Nature Methods 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops
from skimage.segmentation import find_boundaries

INSTANCE_OUTPUTS = ("foreground", "boundary", "distance", "centre")

CENTRE_WIDTH = 0.25
"""Sigma of the centre map as a share of the object's equivalent diameter."""

NEAR_TWO = 2
"""Pixels (each way) within which two objects lie close enough to be taken for one."""


def object_maps(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Border distance and centre map of every object.

    Parameters
    ----------
    labels : ndarray of int32, shape (Y, X)

    Returns
    -------
    ndarray of float32, shape (2, Y, X), in [0, 1]
    """
    out = np.zeros((2, *labels.shape), np.float32)
    for region in regionprops(labels):
        y0, x0, y1, x1 = region.bbox
        distance = ndimage.distance_transform_edt(np.pad(region.image, 1))[1:-1, 1:-1]
        peak = np.argwhere(distance == distance.max()).mean(axis=0)  # lies inside, also for crescents
        grid = np.indices(region.image.shape, dtype=np.float32)
        squared = ((grid - peak[:, None, None]) ** 2).sum(axis=0)
        sigma = max(CENTRE_WIDTH * region.equivalent_diameter_area, 1.0)
        window = out[:, y0:y1, x0:x1]
        window[0][region.image] = (distance / distance.max())[region.image]
        window[1][region.image] = np.exp(-squared / (2 * sigma**2))[region.image]
    return out


def boundary_map(labels: NDArray[np.int32]) -> NDArray[np.float32]:
    """Pixels (Y, X) of objects that touch another object or the background: 1, else 0."""
    return find_boundaries(labels, mode="inner", connectivity=1).astype(np.float32)  # type: ignore[no-any-return]


def between_objects(labels: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Pixels (Y, X) with two objects within `NEAR_TWO` px, where few pixels decide whether they merge.

    Such pixels count more in the loss, as in the U-Net's weight map (Ronneberger et al., MICCAI 2015, eq. 2).
    """
    window = 2 * NEAR_TWO + 1
    largest = ndimage.maximum_filter(labels, window)
    nothing = np.iinfo(labels.dtype).max
    smallest = ndimage.minimum_filter(np.where(labels > 0, labels, nothing), window)
    return (largest > 0) & (smallest != largest)  # type: ignore[no-any-return]
