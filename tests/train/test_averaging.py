"""Weight average and batch-norm statistics are torch's own, with the decay and the reset that are meant."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from napari_unetpp._types import NetConfig
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.averaging import WeightAverage, batch_norms, measure_batch_norms
from napari_unetpp.train.schedule import average_decay


@pytest.fixture
def net() -> UNetPlusPlus:
    torch.manual_seed(0)
    return UNetPlusPlus(NetConfig(widths=(4, 4, 8)))


def changed(net: UNetPlusPlus, seed: int) -> None:
    """Other weights and statistics, as after a step."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape, generator=generator))


@pytest.mark.parametrize("most", [1.0, 0.5])
def test_the_average_is_exponential_and_begins_with_the_network(net: UNetPlusPlus, most: float) -> None:
    """Weights and batch-norm statistics, step by step, bit for bit."""
    average = WeightAverage(net, most)
    expected = {k: t.clone() for k, t in net.state_dict().items() if t.is_floating_point()}
    for step in range(6):
        changed(net, step)
        average.update_parameters(net)
        for name, tensor in expected.items():
            tensor.lerp_(net.state_dict()[name], 1 - average_decay(step, most))
            assert torch.equal(average.net.state_dict()[name], tensor), (step, name)


def test_an_average_goes_on_from_its_tensors(net: UNetPlusPlus) -> None:
    average = WeightAverage(net)
    for step in range(3):
        changed(net, step)
        average.update_parameters(net)
    resumed = WeightAverage(net)
    resumed.restore({k: t.clone() for k, t in average.net.state_dict().items()}, steps=3)
    changed(net, 3)
    for one in (average, resumed):
        one.update_parameters(net)
    for name, tensor in average.net.state_dict().items():
        assert torch.equal(tensor, resumed.net.state_dict()[name]), name


def test_statistics_are_the_mean_over_batches_that_all_heads_would_measure(net: UNetPlusPlus) -> None:
    """`update_bn` runs the deepest level alone, which holds every node."""
    batches = [torch.rand(2, 3, 32, 32) for _ in range(3)]
    other = deepcopy(net)
    for norm in batch_norms(other):
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
    with torch.no_grad():
        for batch in batches:
            other.train().all_heads(batch)
    measure_batch_norms(net, batches)
    assert not net.training and all(norm.momentum == 0.1 for norm in batch_norms(net))
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name
