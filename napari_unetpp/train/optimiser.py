"""AdamW (Loshchilov & Hutter, ICLR 2019), fused into one call for all tensors where torch can do so."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.optim import AdamW


def adamw(net: nn.Module, rate: float, weight_decay: float = 1e-3) -> AdamW:
    """The optimiser of a network; weight decay for convolution weights only, not for biases and norms."""
    try:
        return AdamW(_groups(net, weight_decay), lr=rate, fused=True)
    except RuntimeError:  # not fused on this device, or in this torch
        return AdamW(_groups(net, weight_decay), lr=rate)


def _groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    weights = [p for p in net.parameters() if p.ndim > 1]
    others = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": weights, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
