"""The running average of a network's weights while it is trained: what is measured and kept."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train import schedule


class WeightAverage:
    """An exponential average of weights and batch-norm statistics; begins with those of `net`.

    Attributes
    ----------
    net : UNetPlusPlus
        A copy that holds the average.
    """

    def __init__(self, net: UNetPlusPlus) -> None:
        self.net = deepcopy(net)
        pairs = list(zip(_floats(self.net), _floats(net), strict=True))
        # The tensors stay the same ones for the whole run: whoever loads weights copies into them.
        self._averaged, self._current = [a for a, _ in pairs], [c for _, c in pairs]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take the network's weights after a step (counted from 0) in."""
        get_ema_multi_avg_fn(schedule.average_decay(step))(self._averaged, self._current, step)


def _floats(net: UNetPlusPlus) -> list[Tensor]:
    return [tensor for tensor in net.state_dict().values() if tensor.is_floating_point()]
