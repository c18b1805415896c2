"""What the heads of an instance model learn, made from label patches by a few pooling steps.

All maps are local: they say nothing that lies more than `EDGE_CAP` px away, so that level 1, which sees 9 px
around a pixel, can know them as well as level 4. They are counted in pixels of the patch, so they are made
after it was warped, in a batch, on the device that trains.

Distance to anything else: the border distance of Bai & Urtasun, *Deep Watershed Transform*, CVPR 2017
(section 3), cut off near the border and not divided by the size of the object.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_unetpp._types import EDGE_CAP

NEAR_TWO = 2
"""Pixels (each way) within which two objects lie close enough to be taken for one."""


def edge_distance(labels: Tensor) -> Tensor:
    """How far each pixel lies from anything else, as a share of `EDGE_CAP`.

    The largest k for which the square of 2k - 1 px around a pixel holds its own number alone, at most
    `EDGE_CAP`, over `EDGE_CAP`: the chessboard distance to the nearest pixel of another object or of the
    background. What lies beyond the patch does not count.

    Parameters
    ----------
    labels : Tensor of shape (N, 1, Y, X)
        Object numbers below 2**24, 0 is background; any real dtype.

    Returns
    -------
    Tensor of float32, shape (N, 1, Y, X), in [0, 1]
        0 on the background, 1 / `EDGE_CAP` at the edge of an object.
    """
    own = labels.float()
    near = ((_pool(own) != own) | (_pool(-own) != -own)).float()  # something else lies within 1 px
    steps = 2 - near
    for _ in range(EDGE_CAP - 2):
        near = _pool(near)  # within one more
        steps = steps + (1 - near)
    return steps * (own > 0) / EDGE_CAP


def object_border(labels: Tensor) -> Tensor:
    """The band between objects that nearly touch: pixels with two objects within `NEAR_TWO` px.

    Parameters
    ----------
    labels : Tensor of shape (N, 1, Y, X)
        Object numbers below 2**24, 0 is background; any real dtype.

    Returns
    -------
    Tensor of float32, shape (N, 1, Y, X), 0 or 1
    """
    own = labels.float()
    largest = _pool(own, NEAR_TWO)
    nothing = torch.full_like(own, -torch.inf)
    smallest = -_pool(torch.where(own > 0, -own, nothing), NEAR_TWO)
    return ((largest > 0) & (smallest < largest)).float()


def _pool(values: Tensor, reach: int = 1) -> Tensor:
    """The largest value within `reach` px, diagonals included."""
    return F.max_pool2d(values, 2 * reach + 1, stride=1, padding=reach)


SEPARATING_MAPS = {"edge_distance": edge_distance, "object_border": object_border}
"""Separating outputs that can be learned, by name.

Those of older models (``boundary``, ``distance``, ``centre``) cannot: their files segment as before, and
fine-tuning leaves these outputs as they are.
"""
