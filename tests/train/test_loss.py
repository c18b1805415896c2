"""The loss of a batch: what each output is asked for, and where."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("monai")

from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.train.data.patches import Batch
from napari_unetpp.train.data.targets import edge_distance, object_border
from napari_unetpp.train.loss import DeepSupervisionLoss

OUTPUTS = ("foreground", "edge_distance", "object_border")
INFO = ModelInfo("", "instances", ("nucleus",), OUTPUTS, NetConfig(outputs=3))


@pytest.fixture
def batch() -> Batch:
    labels = torch.zeros(1, 1, 64, 64)
    labels[..., 10:40, 10:30], labels[..., 10:40, 30:50] = 1, 2
    target = torch.cat([(labels > 0).float(), edge_distance(labels), object_border(labels)], dim=1)
    return Batch(torch.zeros(1, 3, 64, 64), target, torch.ones_like(target))


def logits_of(target: torch.Tensor) -> torch.Tensor:
    return torch.logit(target, eps=1e-6)


def test_the_truth_has_almost_no_loss_and_nothing_else_less(batch: Batch) -> None:
    loss = DeepSupervisionLoss(INFO)
    best = loss([logits_of(batch.target)], batch)
    assert best < 0.01
    for output in range(3):
        wrong = batch.target.clone()
        wrong[:, output] = wrong[:, output].roll(6, dims=-1)
        assert loss([logits_of(wrong)], batch) > best + 0.05, OUTPUTS[output]


def test_every_head_counts_the_same(batch: Batch) -> None:
    loss = DeepSupervisionLoss(INFO)
    good, bad = logits_of(batch.target), torch.zeros_like(batch.target)
    assert loss([good, bad], batch) == pytest.approx(float(loss([bad], batch) + loss([good], batch)) / 2)


def test_pixels_without_weight_teach_nothing(batch: Batch) -> None:
    weight = batch.weight.clone()
    weight[:, 1:] = 0  # labels that tell no objects apart
    weight[..., :20] = 0  # an ignored part
    logits = torch.zeros_like(batch.target, requires_grad=True)
    DeepSupervisionLoss(INFO)([logits], Batch(batch.image, batch.target, weight)).backward()
    assert logits.grad is not None
    assert not logits.grad[:, 1:].any() and not logits.grad[..., :20].any() and logits.grad.any()


def test_a_small_object_teaches_its_distance_as_much_as_a_crowd(batch: Batch) -> None:
    """The mean over objects and the mean over background are taken apart."""
    zero = torch.zeros_like(batch.target)
    one = DeepSupervisionLoss(INFO).separating(
        "edge_distance", *(t[:, 1:2] for t in (zero, batch.target, batch.weight))
    )
    wide = [torch.nn.functional.pad(t[:, 1:2], (0, 200)) for t in (zero, batch.target)]
    padded = DeepSupervisionLoss(INFO).separating("edge_distance", *wide, torch.ones_like(wide[0]))
    assert padded == pytest.approx(float(one), rel=0.02)
