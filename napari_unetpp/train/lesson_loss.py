"""The loss of fine-tuning: the labels where they are known, the parent where they are not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_unetpp._types import Task
from napari_unetpp.train.lesson_patches import LessonBatch
from napari_unetpp.train.loss import DeepSupervisionLoss
from napari_unetpp.train.patches import Batch


class LessonLoss(nn.Module):
    """Deep supervision on the known pixels plus distillation (Hinton et al., 2015, arXiv 1503.02531).

    Both parts are means over their own pixels, so that a few strokes count as much as the large rest,
    whose part is scaled by how much the parent is trusted.

    Parameters
    ----------
    task : {"instances", "semantic"}
    """

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.task = task
        self.labels = DeepSupervisionLoss(task)

    def forward(self, heads: Sequence[Tensor], batch: LessonBatch) -> Tensor:
        """Loss (scalar) for logits (N, K, Y, X) of every head."""
        known: Tensor = self.labels(heads, Batch(batch.image, batch.target, batch.weight))
        if not bool(batch.soft.any()):
            return known
        return known + torch.stack([self._distil(logits.float(), batch) for logits in heads]).mean()

    def _distil(self, logits: Tensor, batch: LessonBatch) -> Tensor:
        counted = (batch.soft > 0).sum(dim=(0, 2, 3)).clamp(min=1)
        if self.task == "semantic" and logits.shape[1] > 1:
            each = F.cross_entropy(logits, batch.teacher, reduction="none")[:, None] * batch.soft[:, :1]
            return each.sum() / counted[0]
        each = F.binary_cross_entropy_with_logits(logits, batch.teacher, reduction="none") * batch.soft
        return (each.sum(dim=(0, 2, 3)) / counted).sum()
