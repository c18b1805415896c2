"""The batch norms of a network, and measuring what they hold anew."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from napari_unetpp.net.unetpp import UNetPlusPlus


def norms(net: UNetPlusPlus) -> list[nn.BatchNorm2d]:
    """The batch norms of a network; none where they were folded."""
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]


@torch.no_grad()
def measure_norms(net: UNetPlusPlus, batches: Iterable[Tensor]) -> None:
    """Measure the batch-norm statistics of averaged weights anew, in place.

    The statistics that were averaged along belong to weights that have changed since
    (Izmailov et al., *Averaging Weights Leads to Wider Optima*, UAI 2018, section 3.2).

    Parameters
    ----------
    net : UNetPlusPlus
        Is left ready for evaluation.
    batches : iterable of Tensor, each of shape (N, C, Y, X)
        Images to measure on, one batch in memory at a time; every batch counts the same.
    """
    device = next(net.parameters()).device
    before = [norm.momentum for norm in norms(net)]
    for norm in norms(net):
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    net.train()
    for batch in batches:
        net.all_heads(batch.to(device))
    for norm, momentum in zip(norms(net), before, strict=True):
        norm.momentum = momentum
    net.eval()
