"""One level of a network as a module of its own, made from plain values, for exported models.

A BioImage.IO package names this class and its arguments, so their meaning must not change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from torch import Tensor, nn

from napari_unetpp._types import ModelInfo, NetConfig, Supervision
from napari_unetpp.net.unetpp import UNetPlusPlus

ACTIVATIONS = ("none", "sigmoid", "softmax")


class ExportedNet(nn.Module):
    """The nodes and the head of one level, for inference: batch norms are folded into the convolutions.

    Parameters
    ----------
    level : int
    activation : {"none", "sigmoid", "softmax"}
        Follows the head; "none": the result are logits.
    in_channels, outputs, widths, arch, supervision, encoder
        As in `NetConfig`.
    """

    def __init__(
        self,
        *,
        level: int,
        activation: str = "none",
        in_channels: int = 3,
        outputs: int = 1,
        widths: Sequence[int] = (32, 64, 128, 256, 512),
        arch: str = "unetpp",
        supervision: Supervision = "deep",
        encoder: str = "",
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation {activation!r} was given; expected one of {', '.join(ACTIVATIONS)}")
        config = NetConfig(in_channels, outputs, tuple(widths), arch, supervision, encoder)
        self.level = level
        self.activation = activation
        self.net = _with_one_head(UNetPlusPlus(config, level=level, norm=False))

    def forward(self, image: Tensor) -> Tensor:
        """Maps of the level.

        Parameters
        ----------
        image : Tensor of shape (N, C, Y, X)
            Normalised; Y and X are multiples of ``2 ** (len(widths) - 1)``, 16 by default.

        Returns
        -------
        Tensor of shape (N, outputs, Y, X)
        """
        logits = self.net.head(self.level, self.net.evaluate(image, self.level))
        if self.activation == "softmax":
            return logits.softmax(dim=1)
        return logits.sigmoid() if self.activation == "sigmoid" else logits


def activation_of(info: ModelInfo) -> str:
    """The activation that turns the logits of a model into probabilities."""
    return "softmax" if info.task == "semantic" and len(info.outputs) > 1 else "sigmoid"


def exported_arguments(config: NetConfig, level: int, activation: str) -> dict[str, Any]:
    """The arguments of `ExportedNet`, as values that JSON and YAML can hold."""
    return asdict(config) | {"widths": list(config.widths), "level": level, "activation": activation}


def export_net(config: NetConfig, tensors: Mapping[str, Tensor], level: int, activation: str) -> ExportedNet:
    """One level of the network with these weights (a state dict with or without batch norms)."""
    normed = any(".norm." in name for name in tensors)
    full = UNetPlusPlus(config, norm=normed)
    full.load_state_dict(dict(tensors))
    net = ExportedNet(**exported_arguments(config, level, activation))
    net.net.load_state_dict(_with_one_head(full.folded().prune(level)).state_dict())
    return net.eval().requires_grad_(False)


def _with_one_head(net: UNetPlusPlus) -> UNetPlusPlus:
    """`net` without the heads of the shallower levels."""
    deepest = str(net.level - 1)
    net.heads = nn.ModuleDict({deepest: net.heads[deepest]})
    return net
