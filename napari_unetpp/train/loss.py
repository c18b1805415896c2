"""A training batch, and its loss: every head against one target (deep supervision, TMI 2020, III-B)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_unetpp._types import ModelInfo

OUTSIDE = 0.25
"""Weight of the background in the loss of `edge_distance`, where it only has to be 0."""

LABEL = 4.0
"""A labelled pixel weighs as much as this many pixels of the prediction of a fully trusted parent."""


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch on its device, for training from scratch or fine-tuning.

    Attributes
    ----------
    image : Tensor of float32, shape (N, C, Y, X)
    target : Tensor of float32, shape (N, K, Y, X), in [0, 1]
        One channel per output: the label where it is certain, elsewhere the parent's prediction.
    certain : Tensor of float32, shape (N, K, Y, X)
        Weight of the label of a pixel, usually 1; 0 where no label decides the output.
    soft : Tensor of float32, shape (N, K, Y, X), in [0, 1], or None
        Trust in the parent's prediction where no label is certain; None: no trust anywhere.
    """

    image: Tensor
    target: Tensor
    certain: Tensor
    soft: Tensor | None = None

    def patches(self, start: int, stop: int) -> Batch:
        """The batch of patches [start, stop)."""
        some = slice(start, stop)
        soft = None if self.soft is None else self.soft[some]
        return Batch(self.image[some], self.target[some], self.certain[some], soft)

    def output(self, n: int) -> Batch:
        """The batch of output `n` alone."""
        one = slice(n, n + 1)
        soft = None if self.soft is None else self.soft[:, one]
        return Batch(self.image, self.target[:, one], self.certain[:, one], soft)


class DeepSupervisionLoss(nn.Module):
    """Mean over the heads of the losses of their outputs.

    Classes: cross-entropy plus soft Dice. ``edge_distance``: cross-entropy, which for soft targets has its
    minimum at the target; means over objects and over background are taken separately, so that a few objects
    teach as much as many. ``object_border``: cross-entropy plus soft Dice, because few pixels are border
    (Sudre et al., *Generalised Dice overlap*, DLMIA 2017). Separating outputs of older models have no certain
    pixels: only cross-entropy towards the parent's prediction.

    Cross-entropy towards the parent's prediction is distillation (Hinton et al., arXiv 1503.02531). Labels
    and predictions are normalised together, so that a few labelled pixels do not outweigh all others.

    Parameters
    ----------
    info : ModelInfo
        Gives the meaning of the outputs.
    """

    def __init__(self, info: ModelInfo) -> None:
        super().__init__()
        from monai.losses import MaskedDiceLoss  # monai takes a second to import

        self.info = info
        self.softmax = info.task == "semantic" and len(info.outputs) > 1
        self.dice = MaskedDiceLoss(batch=True, smooth_nr=1.0, smooth_dr=1.0)

    def forward(self, heads: Sequence[Tensor], batch: Batch) -> Tensor:
        """Loss (scalar) for logits (N, K, Y, X) of every head."""
        return torch.stack([self.one_head(logits.float(), batch) for logits in heads]).mean()

    def one_head(self, logits: Tensor, batch: Batch) -> Tensor:
        """Loss (scalar) of one head."""
        first = batch.output(0)
        if self.softmax:
            entropy = F.cross_entropy(logits, batch.target, reduction="none")[:, None]
            return _mean(entropy, first) + self._class_dice(
                logits.softmax(1)[:, 1:], batch.target[:, 1:], first
            )
        entropy = F.binary_cross_entropy_with_logits(logits[:, :1], first.target, reduction="none")
        loss = _mean(entropy, first) + self._class_dice(logits[:, :1].sigmoid(), first.target, first)
        for n, name in enumerate(self.info.outputs[1:], start=1):
            loss = loss + self.separating(name, logits[:, n : n + 1], batch.output(n))
        return loss

    def separating(self, name: str, logits: Tensor, batch: Batch) -> Tensor:
        """Loss (scalar) of one separating output: logits (N, 1, Y, X) and the batch of this output."""
        if name == "edge_distance":
            return _distance(logits, batch)
        entropy = F.binary_cross_entropy_with_logits(logits, batch.target, reduction="none")
        dice: Tensor = self.dice(logits.sigmoid(), batch.target, mask=batch.certain > 0)
        return _mean(entropy, batch) + dice

    def _class_dice(self, found: Tensor, target: Tensor, batch: Batch) -> Tensor:
        """Soft Dice on labelled pixels; as far as the parent is trusted, also on those that follow it."""
        loss: Tensor = self.dice(found, target, mask=batch.certain > 0)
        if batch.soft is None or (trust := float(batch.soft.max())) == 0:
            return loss
        everywhere: Tensor = self.dice(found, target, mask=(batch.certain > 0) | (batch.soft > 0))
        return (1 - trust) * loss + trust * everywhere


def _distance(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy of a distance map (N, 1, Y, X), minus its least possible value."""
    entropy = F.binary_cross_entropy_with_logits(logits, batch.target, reduction="none")
    least = F.binary_cross_entropy(batch.target, batch.target, reduction="none")
    excess, inside = entropy - least, (batch.target > 0).float()
    return _mean(excess, batch, inside) + OUTSIDE * _mean(excess, batch, 1 - inside)


def _mean(values: Tensor, batch: Batch, where: Tensor | float = 1.0) -> Tensor:
    """Weighted mean over the pixels of one output; 0 if all weights are 0."""
    labels = LABEL * batch.certain * where
    if batch.soft is None:
        return (values * labels).sum() / labels.sum().clamp(min=1.0)
    total = (labels + (batch.soft > 0) * where).sum().clamp(min=1.0)
    return (values * (labels + batch.soft * where)).sum() / total
