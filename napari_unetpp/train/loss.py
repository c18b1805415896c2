"""The loss of one batch: every head against the same target (deep supervision, TMI 2020, section III-B)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_unetpp._types import ModelInfo

if TYPE_CHECKING:
    from napari_unetpp.train.data.patches import Batch

OUTSIDE = 0.25
"""Weight of the background in the loss of `edge_distance`, where it only has to be 0."""


class DeepSupervisionLoss(nn.Module):
    """Mean over the heads of the losses of their outputs.

    Classes: cross-entropy plus soft Dice, which asks only where weights are not 0. ``edge_distance``:
    cross-entropy, which for soft targets has its minimum at the target; objects and background each as a mean
    of their own, so that a few objects teach as much as many. ``object_border``: cross-entropy plus soft
    Dice, since few pixels are border (Sudre et al., *Generalised Dice overlap*, DLMIA 2017).

    Parameters
    ----------
    info : ModelInfo
        Says what the outputs mean.
    """

    def __init__(self, info: ModelInfo) -> None:
        super().__init__()
        from monai.losses import MaskedDiceLoss

        self.info = info
        self.softmax = info.task == "semantic" and len(info.outputs) > 1
        self.dice = MaskedDiceLoss(batch=True, smooth_nr=1.0, smooth_dr=1.0)

    def forward(self, heads: Sequence[Tensor], batch: Batch) -> Tensor:
        """Loss (scalar) for logits (N, K, Y, X) of every head."""
        losses = [self.one_head(logits.float(), batch) for logits in heads]
        return torch.stack(losses).mean()

    def one_head(self, logits: Tensor, batch: Batch) -> Tensor:
        """Loss (scalar) of one head."""
        target, weight = batch.target, batch.weight
        if self.softmax:
            entropy = F.cross_entropy(logits, target, reduction="none")[:, None]
            known = weight[:, :1] > 0
            dice: Tensor = self.dice(logits.softmax(1)[:, 1:], target[:, 1:], mask=known)
            return _mean(entropy, weight[:, :1]) + dice
        loss = self._region(logits[:, :1], target[:, :1], weight[:, :1])
        for n, name in enumerate(self.info.outputs[1:], start=1):
            one = slice(n, n + 1)
            loss = loss + self.separating(name, logits[:, one], target[:, one], weight[:, one])
        return loss

    def separating(self, name: str, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Loss (scalar) of one separating output (N, 1, Y, X)."""
        if name == "edge_distance":
            return _distance(logits, target, weight)
        return self._region(logits, target, weight)

    def _region(self, logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
        """Cross-entropy plus soft Dice of one output (N, 1, Y, X)."""
        entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        dice: Tensor = self.dice(logits.sigmoid(), target, mask=weight > 0)
        return _mean(entropy, weight) + dice


def _distance(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Cross-entropy of a distance map (N, 1, Y, X), its least possible value taken off."""
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    least = F.binary_cross_entropy(target, target, reduction="none")
    excess, inside = entropy - least, (target > 0).float()
    return _mean(excess, weight * inside) + OUTSIDE * _mean(excess, weight * (1 - inside))


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean over all pixels; 0 where all weights are 0."""
    return (values * weight).sum() / weight.sum().clamp(min=1.0)
