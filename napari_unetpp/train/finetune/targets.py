"""What a patch of a lesson says of the separating outputs, and where that is certain."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_unetpp._types import EDGE_CAP
from napari_unetpp.train.data.targets import NEAR_TWO, SEPARATING_MAPS, edge_distance


def separating_targets(names: Sequence[str], labels: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of the separating outputs, and where nothing that is unknown could change them.

    Made from the patch as the network sees it, so after it was turned and magnified. Outputs that cannot be
    learned (those of older models) are certain nowhere.

    Parameters
    ----------
    names : sequence of str
    labels : Tensor of shape (N, 1, Y, X)
        Object numbers below 2**24, 0 is background. What stands at unknown pixels does not matter.
    known : Tensor of shape (N, 1, Y, X)
        1 where the labels are true, else 0.

    Returns
    -------
    maps : Tensor of float32, shape (N, K, Y, X), in [0, 1]
    certain : Tensor of float32, shape (N, K, Y, X), 0 or 1
    """
    to_unknown = edge_distance(known)
    pairs = [_separating(name, labels, to_unknown) for name in names]
    nothing = labels.new_zeros((len(labels), 0, *labels.shape[2:]))
    maps, certain = zip(*pairs, strict=True) if pairs else ((nothing,), (nothing,))
    return torch.cat(maps, dim=1), torch.cat(certain, dim=1).float()


def _separating(name: str, labels: Tensor, to_unknown: Tensor) -> tuple[Tensor, Tensor]:
    """One map, and where it is certain, from the distance to what is unknown (see `edge_distance`)."""
    if name not in SEPARATING_MAPS:
        nothing = torch.zeros_like(to_unknown)
        return nothing, nothing > 0
    found = SEPARATING_MAPS[name](labels)
    if name == "edge_distance":  # something else lies nearer than all that is unknown, or both lie too far
        return found, (found < to_unknown) | (to_unknown == 1)
    return found, to_unknown > (NEAR_TWO + 0.5) / EDGE_CAP
