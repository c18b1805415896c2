"""The loss of fine-tuning: the labels where there are any, the parent's word around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_unetpp._types import Task

if TYPE_CHECKING:
    from napari_unetpp.train.finetune.patches import LessonBatch

CERTAIN = 4.0
"""A labelled pixel counts as much as this many of which the parent is fully trusted to speak."""


class LessonLoss(nn.Module):
    """Mean over the heads of cross-entropy plus soft Dice on the classes.

    Labels and the parent's word are one target with one normalisation: a few labelled
    pixels in a large plane weigh as the few they are. Cross-entropy toward the parent's
    probabilities is distillation (Hinton et al., arXiv 1503.02531).

    Parameters
    ----------
    task : {"instances", "semantic"}
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        from monai.losses import MaskedDiceLoss

        self.task = task
        self.dice = MaskedDiceLoss(batch=True, smooth_nr=1.0, smooth_dr=1.0)

    def forward(self, heads: Sequence[Tensor], batch: LessonBatch) -> Tensor:
        """Loss (scalar) for logits (N, K, Y, X) of every head."""
        return torch.stack([self.one_head(logits.float(), batch) for logits in heads]).mean()

    def one_head(self, logits: Tensor, batch: LessonBatch) -> Tensor:
        """Loss (scalar) of one head."""
        known, open_ = batch.weight, (batch.soft > 0).float()
        target = torch.where(known > 0, batch.target, batch.teacher)
        weight = CERTAIN * known + batch.soft
        total = (CERTAIN * known + open_).sum(dim=(0, 2, 3)).clamp(min=1.0)
        if self.task == "semantic" and logits.shape[1] > 1:
            entropy = F.cross_entropy(logits, target, reduction="none")[:, None]
            loss = (entropy * weight[:, :1]).sum() / total[0]
            found, truth = logits.softmax(1)[:, 1:], target[:, 1:]
        else:
            each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
            loss = ((each * weight).sum(dim=(0, 2, 3)) / total).sum()
            found, truth = logits[:, :1].sigmoid(), target[:, :1]
        return loss + self._dice(found, truth, known[:, :1], batch.soft[:, :1])

    def _dice(self, found: Tensor, truth: Tensor, known: Tensor, soft: Tensor) -> Tensor:
        """Soft Dice on the labelled pixels and, as far as the parent is trusted, on all."""
        loss: Tensor = self.dice(found, truth, mask=known)
        trust = float(soft.max())
        if trust == 0:
            return loss
        everywhere: Tensor = self.dice(found, truth, mask=((known > 0) | (soft > 0)).float())
        return (1 - trust) * loss + trust * everywhere
