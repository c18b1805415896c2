"""The network: names, sizes, levels, gradients; `tests/test_architectures.py` has what all networks do."""

import pytest
import torch

from napari_unetpp._types import NetConfig
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus

SMALL = NetConfig(outputs=2, widths=(8, 16, 24, 32, 40))


def seeded(config=SMALL, *, steps=2):
    """A network with non-trivial batch norm statistics."""
    torch.manual_seed(0)
    net = UNetPlusPlus(config).train()
    for _ in range(steps):
        net.all_heads(torch.rand(2, config.in_channels, 32, 32) * 3)
    return net.eval()


@pytest.fixture(scope="module")
def net():
    return seeded()


def test_pruned_is_smaller_and_keeps_names(net):
    pruned = net.prune(2)
    assert set(pruned.state_dict()) < set(net.state_dict())
    assert len(pruned.heads) == 2
    assert len(pruned.nodes) == 6
    with pytest.raises(ValueError, match="levels 1 to 2"):
        pruned(torch.zeros(1, 3, 16, 16), 3)


@pytest.mark.parametrize("supervision", ["deep", "last head"])
def test_gradients_reach_every_node(supervision):
    net = seeded().train()
    heads = net.all_heads(torch.rand(2, 3, 32, 32))
    used = heads if supervision == "deep" else heads[-1:]
    sum((head**2).mean() for head in used).backward()
    for name, parameter in net.nodes.named_parameters():
        # A bias before a batch norm has no influence, so no gradient worth the name.
        if name.endswith("weight"):
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("size", [(1, 1), (17, 43), (16, 16), (33, 5)])
@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_any_size(net, size, level):
    with torch.inference_mode():
        assert net(torch.rand(2, 3, *size), level).shape == (2, 2, *size)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("outputs", [1, 5])
@pytest.mark.parametrize("channels", [1, 4])
def test_any_depth_widths_outputs(depth, outputs, channels):
    config = NetConfig(in_channels=channels, outputs=outputs, widths=(5, 7, 3, 9, 4)[: depth + 1])
    net = seeded(config, steps=1)
    with torch.inference_mode():
        out = net(torch.rand(1, channels, 19, 21))
    assert out.shape == (1, outputs, 19, 21)
    assert len(net.heads) == depth
    assert len(net.nodes) == len(graph.nodes(depth))


def test_names_of_the_weights_are_the_file_format():
    keys = set(UNetPlusPlus(NetConfig(widths=(4, 8))).state_dict())
    assert {"nodes.x_0_1.up.weight", "nodes.x_0_1.first.conv.weight"} <= keys
    assert "nodes.x_1_0.second.norm.running_var" in keys
    assert {"heads.0.weight", "heads.0.bias"} <= keys


def test_levels_agree_on_padding(net):
    """All levels are padded to a multiple of 16, so a shallow head of a deep run equals a shallow run."""
    image = torch.rand(1, 3, 21, 35)
    with torch.inference_mode():
        for level, head in enumerate(net.all_heads(image), start=1):
            assert torch.equal(head, net(image, level))
