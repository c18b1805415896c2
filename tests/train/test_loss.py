"""The loss of a batch: what each output is asked for, and where."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

pytest.importorskip("monai")

from napari_unetpp._types import ModelInfo, NetConfig
from napari_unetpp.train.data.targets import edge_distance, object_border
from napari_unetpp.train.loss import Batch, DeepSupervisionLoss

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
    weight = batch.certain.clone()
    weight[:, 1:] = 0  # labels that tell no objects apart
    weight[..., :20] = 0  # an ignored part
    logits = torch.zeros_like(batch.target, requires_grad=True)
    DeepSupervisionLoss(INFO)([logits], Batch(batch.image, batch.target, weight)).backward()
    assert logits.grad is not None
    assert not logits.grad[:, 1:].any() and not logits.grad[..., :20].any() and logits.grad.any()


def test_a_small_object_teaches_its_distance_as_much_as_a_crowd(batch: Batch) -> None:
    """The mean over objects and the mean over background are taken apart."""
    distance, loss = batch.output(1), DeepSupervisionLoss(INFO)
    one = loss.separating("edge_distance", torch.zeros_like(distance.target), distance)
    target = torch.nn.functional.pad(distance.target, (0, 200))
    wide = Batch(batch.image, target, torch.ones_like(target))
    padded = loss.separating("edge_distance", torch.zeros_like(target), wide)
    assert padded == pytest.approx(float(one), rel=0.02)


@pytest.mark.parametrize("trust", [0.0, 0.5])
def test_pixels_without_a_label_follow_the_parent(batch: Batch, trust: float) -> None:
    """There the loss pulls toward the parent's probability as far as that is trusted, or nowhere."""
    info = replace(INFO, task="semantic", outputs=("nucleus",))
    truth, certain = batch.target[:, :1], torch.ones_like(batch.target[:, :1])
    certain[..., 20:] = 0
    target = torch.where(certain > 0, truth, 0.9)
    logits = torch.zeros_like(target, requires_grad=True)
    DeepSupervisionLoss(info)([logits], Batch(batch.image, target, certain, trust * (1 - certain))).backward()
    assert logits.grad is not None
    rest, labelled = logits.grad[..., 20:], logits.grad[..., :20]
    assert bool((rest < 0).all()) if trust else not bool(rest.any())
    assert bool(((labelled < 0) == (truth[..., :20] > 0)).all())


def test_labels_alone_are_the_loss_of_training(batch: Batch) -> None:
    """A fine-tuning in which the parent counts nowhere has the loss of training from scratch, bit for bit."""
    logits = torch.linspace(-3, 3, 64).expand_as(batch.target)
    alone = Batch(batch.image, batch.target, batch.certain, torch.zeros_like(batch.target))
    loss = DeepSupervisionLoss(INFO)
    assert torch.equal(loss([logits], batch), loss([logits], alone))
