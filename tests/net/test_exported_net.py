"""The module that exported models are built from: the same results, from plain values."""

import json

import pytest
import torch

from napari_unetpp._types import NetConfig
from napari_unetpp.net import encoder_plan
from napari_unetpp.net.exported import ExportedNet, export_net, exported_arguments
from napari_unetpp.net.unetpp import UNetPlusPlus

CONFIGS = {
    "unetpp": NetConfig(outputs=2, widths=(4, 6, 8, 10, 12)),
    "last head": NetConfig(outputs=1, widths=(4, 6, 8), supervision="last"),
    "summed": NetConfig(outputs=1, widths=(4, 6, 8), arch="unet-sum", in_channels=1),
    "encoder": NetConfig(
        outputs=2,
        widths=(4, 6, 8, encoder_plan.stage_channels("efficientnet-lite0", 3)),
        encoder="efficientnet-lite0",
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_level_gives_what_the_network_gives(name):
    config = CONFIGS[name]
    torch.manual_seed(0)
    full = UNetPlusPlus(config).train()
    full.all_heads(torch.rand(2, config.in_channels, 32, 48))  # statistics that are not 0 and 1
    image = torch.rand(2, config.in_channels, 32, 48)
    folded = full.folded()
    for level in config.levels:
        net = export_net(config, full.state_dict(), level, "none")
        with torch.inference_mode():
            assert torch.equal(net(image), folded(image, level))


def test_it_is_made_again_from_values_that_a_file_can_hold():
    config = CONFIGS["unetpp"]
    torch.manual_seed(0)
    net = export_net(config, UNetPlusPlus(config).state_dict(), 2, "sigmoid")
    arguments = json.loads(json.dumps(exported_arguments(config, 2, "sigmoid")))
    again = ExportedNet(**arguments)
    again.load_state_dict(net.state_dict())
    image = torch.rand(1, 3, 16, 32)
    with torch.inference_mode():
        assert torch.equal(again(image), net(image))
    assert not any("x_2_1" in name or "heads.0" in name for name in net.state_dict())


@pytest.mark.parametrize(("activation", "total"), [("softmax", 1.0), ("sigmoid", None)])
def test_activations_give_probabilities(activation, total):
    config = CONFIGS["unetpp"]
    net = export_net(config, UNetPlusPlus(config).state_dict(), 1, activation)
    maps = net(torch.rand(1, 3, 16, 16))
    assert 0 <= float(maps.min()) and float(maps.max()) <= 1
    if total:
        assert torch.allclose(maps.sum(dim=1), torch.ones(()))


def test_an_unknown_activation_is_named():
    with pytest.raises(ValueError, match="'tanh' was given; expected one of none, sigmoid, softmax"):
        ExportedNet(level=1, activation="tanh")
