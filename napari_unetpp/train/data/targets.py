"""The targets of all outputs, made from label patches on the training device.

All separating maps are local: they depend on nothing further than `EDGE_CAP` px away, so that level 1, which
sees 9 px around a pixel, can predict them as well as level 4. Distances are in pixels of the patch; therefore
maps are made after the warp.

`edge_distance` is the distance to the border of Bai & Urtasun, *Deep Watershed Transform*, CVPR 2017
(section 3), capped, and not divided by the size of the object.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from napari_unetpp._types import EDGE_CAP, ModelInfo

NEAR_TWO = 2
"""Two objects within this distance (px along each axis) of a pixel may be taken for one."""

BETWEEN = 5.0
"""Weight of a pixel between two objects, where few pixels decide whether they merge; all others have 1.

After the U-Net's weight map (Ronneberger et al., MICCAI 2015, eq. 2).
"""


def edge_distance(labels: Tensor) -> Tensor:
    """Chessboard distance to the nearest pixel of another object or the background, as a share of `EDGE_CAP`.

    It is the largest k, up to `EDGE_CAP`, for which the square of 2k - 1 px around a pixel holds its own
    number alone, over `EDGE_CAP`. The border of the patch does not count.

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
    near = ((_pool(own) != own) | (_pool(-own) != -own)).float()  # another number lies within 1 px
    steps = 2 - near
    for _ in range(EDGE_CAP - 2):
        near = _pool(near)  # within 1 px more
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

Those of older models (``boundary``, ``distance``, ``centre``) cannot: these models segment as before, and
fine-tuning keeps these outputs close to the parent's.
"""


def targets(labels: Tensor, info: ModelInfo) -> Tensor:
    """Targets of the outputs of a model: float32, shape (N, K, Y, X), in [0, 1].

    Parameters
    ----------
    labels : Tensor of shape (N, 1, Y, X)
        Objects (instances) or classes (semantic), 0 is background.
    info : ModelInfo
        Separating outputs that cannot be learned are 0.
    """
    outputs = info.outputs
    if info.task == "semantic" and len(outputs) > 1:
        classes = torch.arange(len(outputs), device=labels.device)[:, None, None]
        return (labels == classes).float()
    maps = [SEPARATING_MAPS.get(name, torch.zeros_like)(labels) for name in outputs[1:]]
    return torch.cat([(labels > 0).float(), *maps], dim=1)


def label_weights(labels: Tensor, info: ModelInfo) -> Tensor:
    """Weights of the pixels of labels (N, 1, Y, X): float32 of the same shape."""
    if info.task == "semantic":
        return torch.ones_like(labels, dtype=torch.float32)
    return 1 + (BETWEEN - 1) * object_border(labels)


def certain_maps(names: Sequence[str], maps: Tensor, certain: Tensor) -> Tensor:
    """Where the separating maps are certain: no label of an uncertain pixel could change them.

    Parameters
    ----------
    names : sequence of str, length K
        Outputs that cannot be learned are certain nowhere.
    maps : Tensor of float32, shape (N, K, Y, X)
        Made from labels that are true where they are certain, and arbitrary elsewhere.
    certain : Tensor of bool, shape (N, 1, Y, X)

    Returns
    -------
    Tensor of bool, shape (N, K, Y, X)
    """
    to_uncertain = edge_distance(certain)
    found = torch.zeros_like(maps, dtype=torch.bool)
    for n, name in enumerate(names):
        if name == "edge_distance":  # another number is nearer than all uncertain pixels, or both are too far
            found[:, n] = ((maps[:, n : n + 1] < to_uncertain) | (to_uncertain == 1))[:, 0]
        elif name == "object_border":
            found[:, n] = (to_uncertain > (NEAR_TWO + 0.5) / EDGE_CAP)[:, 0]
    return found
