"""Encoders as MONAI's registry makes them: where a network on such an encoder starts to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_unetpp.net.encoders import EncoderConv, EncoderStage

if TYPE_CHECKING:
    from napari_unetpp.net.unetpp import UNetPlusPlus


def monai_encoder(name: str, in_channels: int) -> nn.Module:
    """The encoder that MONAI registers under this name, for planes, with random weights.

    Nothing is downloaded: MONAI's own pretrained weights are never asked for.
    """
    from monai.networks.nets.flexible_unet import FLEXUNET_BACKBONE

    entry = FLEXUNET_BACKBONE.register_dict[name]
    options = {"pretrained": False, "in_channels": in_channels, "spatial_dims": 2}
    encoder: nn.Module = entry["type"](**(entry["parameter"] | options))
    return encoder


def start_encoder(net: UNetPlusPlus) -> None:
    """Give the stages of a network the initial weights of MONAI's encoder, in place."""
    if net.config.encoder:
        copy_encoder(monai_encoder(net.config.encoder, net.config.in_channels), net)


@torch.no_grad()
def copy_encoder(encoder: nn.Module, net: UNetPlusPlus) -> None:
    """Copy weights and statistics of MONAI's encoder into the stages of a network, in place.

    Both list their convolutions in the order of evaluation; stages that the network lacks come last.
    """
    stages = [node for node in net.nodes.values() if isinstance(node, EncoderStage)]
    units = [module for stage in stages for module in stage.modules() if isinstance(module, EncoderConv)]
    norms = [unit.norm for unit in units if isinstance(unit.norm, nn.BatchNorm2d)]
    convs = [module for module in encoder.modules() if isinstance(module, nn.Conv2d)]
    for unit, conv in zip(units, convs, strict=False):
        unit.conv.weight.copy_(conv.weight)
        assert unit.conv.bias is not None
        unit.conv.bias.copy_(torch.zeros_like(unit.conv.bias) if conv.bias is None else conv.bias)
    theirs = [module for module in encoder.modules() if isinstance(module, nn.BatchNorm2d)]
    for ours, norm in zip(norms, theirs, strict=False):
        ours.load_state_dict(norm.state_dict())
