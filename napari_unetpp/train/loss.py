"""The loss of one batch: every head against the same target (deep supervision, TMI 2020, section III-B)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_unetpp._types import Task

if TYPE_CHECKING:
    from napari_unetpp.train.patches import Batch

SEPARATING_WEIGHT = 1.0
"""Weight of the separating outputs beside the foreground."""


class DeepSupervisionLoss(nn.Module):
    """Mean over the heads of cross-entropy plus soft Dice on the classes.

    The weights of a batch count in the cross-entropy; soft Dice asks only where they are 0.
    Separating outputs (instances: every channel after the first) are learned by
    cross-entropy alone, which for soft targets has its minimum at the target.

    Parameters
    ----------
    task : {"instances", "semantic"}
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        from monai.losses import MaskedDiceLoss

        self.task = task
        self.dice = MaskedDiceLoss(batch=True, smooth_nr=1.0, smooth_dr=1.0)

    def forward(self, heads: Sequence[Tensor], batch: Batch) -> Tensor:
        """Loss (scalar) for logits (N, K, Y, X) of every head."""
        losses = [self.one_head(logits.float(), batch) for logits in heads]
        return torch.stack(losses).mean()

    def one_head(self, logits: Tensor, batch: Batch) -> Tensor:
        """Loss (scalar) of one head."""
        weight, target = batch.weight, batch.target
        known = weight[:, :1] > 0
        total = weight.sum(dim=(0, 2, 3)).clamp(min=1.0)
        if self.task == "semantic" and logits.shape[1] > 1:
            weight, total = weight[:, :1], total[0]
            entropy = (F.cross_entropy(logits, target, reduction="none")[:, None] * weight).sum() / total
            semantic: Tensor = entropy + self.dice(logits.softmax(1)[:, 1:], target[:, 1:], mask=known)
            return semantic
        each = F.binary_cross_entropy_with_logits(logits, target, reduction="none") * weight
        per_output = each.sum(dim=(0, 2, 3)) / total
        entropy = per_output[0] + SEPARATING_WEIGHT * per_output[1:].sum()
        loss: Tensor = entropy + self.dice(logits[:, :1].sigmoid(), target[:, :1], mask=known)
        return loss
