"""The networks that UNet++ is compared with; `tests/test_architectures.py` has what all networks do."""

from dataclasses import replace

import pytest
import torch

from napari_unetpp._types import ARCHITECTURES, ModelInfo, NetConfig
from napari_unetpp.files.models.model_card import card_from_json, card_to_json
from napari_unetpp.files.models.model_file import save_model
from napari_unetpp.net import graph
from napari_unetpp.net.baselines import BASELINES
from napari_unetpp.net.unetpp import UNetPlusPlus

SMALL = (4, 6, 8, 10, 12)


def small(arch):
    torch.manual_seed(0)
    return UNetPlusPlus(NetConfig(outputs=2, widths=SMALL, arch=arch))


@pytest.mark.parametrize(
    ("name", "parameters_m"),
    [
        ("unet", 7.76),
        ("wide-unet", 9.28),
        ("heavy-unet", 18.94),
        ("unet-3", 1.93),
        ("unet-2", 0.47),
        ("unet-1", 0.10),
    ],
)
def test_sizes(name, parameters_m):
    config = BASELINES[name]()
    assert graph.parameters(config.depth, config) / 1e6 == pytest.approx(parameters_m, rel=0.01, abs=0.005)


@pytest.mark.parametrize("name", ["heavy-unet", "flat"])
def test_controls_have_the_flops_of_unetpp(name):
    config = BASELINES[name]()
    wanted = graph.flops(4, NetConfig(), 256, 256)
    assert graph.flops(config.depth, config, 256, 256) == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_order_evaluates_inputs_first_and_releases_them_last(arch):
    for order in (graph.nodes(4, arch), graph.lean_order(4, arch)):
        held = set()
        for node, released in zip(order, graph.releases(order, arch), strict=True):
            assert set(graph.inputs(node, arch)) <= held
            held = (held | {node}) - set(released)
        assert (0, 4) in held


def without_gradient(net, heads):
    """Nodes that no gradient of these heads reaches."""
    image = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    sum(logits.square().mean() for logits in net.all_heads(image)[heads]).backward()
    return {name for name, node in net.nodes.items() if node.first.conv.weight.grad is None}


def test_the_last_head_alone_does_not_train_the_inner_decoders_of_an_ensemble():
    """The region marked red in the talk; deep supervision, short or dense skips reach it."""
    inner = {f"x_{i}_{j}" for i, j in graph.nodes(4) if j > 0 and i + j < 4}
    assert without_gradient(small("unet-ensemble"), slice(-1, None)) == inner
    assert without_gradient(small("unet-ensemble"), slice(None)) == set()
    assert without_gradient(small("unet-plus"), slice(-1, None)) == set()
    assert without_gradient(small("unetpp"), slice(-1, None)) == set()


@pytest.mark.parametrize("arch", ["unet", "unet-sum", "flat"])
def test_a_plain_network_has_one_head(arch):
    net = small(arch)
    assert net.levels == net.config.levels == (4,) and len(net.heads) == 1
    with pytest.raises(ValueError, match="no level 2"):
        net.prune(2)


@pytest.mark.parametrize("arch", ["unetpp", "unet-plus", "unet-ensemble"])
def test_without_deep_supervision_there_is_one_head(arch, tmp_path):
    """Everything else of the network is as it was, and older files count as deeply supervised."""
    deep, config = small(arch), replace(small(arch).config, supervision="last")
    net = UNetPlusPlus(config)
    assert net.levels == config.levels == (4,) and len(net.heads) == 1
    assert net.nodes.state_dict().keys() == deep.nodes.state_dict().keys()
    assert graph.parameters(4, deep.config) - graph.parameters(4, config) == 3 * 2 * (SMALL[0] + 1)
    info = ModelInfo("m", "instances", ("cell",), ("foreground", "distance"), config)
    assert save_model(tmp_path / "m.safetensors", net.state_dict(), info).net == config
    card = card_to_json(replace(info, net=deep.config))
    del card["net"]["supervision"]
    assert card_from_json(card).net == deep.config


def test_an_unknown_architecture_is_refused(tmp_path):
    from napari_unetpp._types import UnetppError
    from napari_unetpp.files.models.model_card import card_from_json, card_to_json

    info = ModelInfo("m", "instances", ("cell",), ("foreground",), NetConfig())
    card = card_to_json(replace(info, net=replace(info.net, arch="transformer")))
    with pytest.raises(UnetppError, match="transformer"):
        card_from_json(card)
