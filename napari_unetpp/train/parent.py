"""The model that training or fine-tuning starts from: its weights, and heads for new classes."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files.models.own_models import tensors_of
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.averaging import batch_norms

RARE = 20.0
"""A new class is this many times less likely than the background at first."""


def load_network(info: ModelInfo) -> UNetPlusPlus:
    """The network of a model with its weights; the file is only read."""
    if info.path is None:
        raise UnetppError(f"the model {info.name!r} has no file; choose one from the list of models.")
    tensors = tensors_of(info)
    net = UNetPlusPlus(info.net, norm=any(".norm." in name for name in tensors))
    net.load_state_dict(tensors)
    return net


def check_target(out: Path, parent: ModelInfo, *, overwrite: bool) -> None:
    """Raise UnetppError if the new model would overwrite its parent, or another file without `overwrite`."""
    check_parent(out, parent)
    if out.exists() and not overwrite:
        raise UnetppError(f"{out} exists already. Choose another --out, or allow overwriting (--overwrite).")


def check_parent(out: Path, parent: ModelInfo) -> None:
    """Raise UnetppError if the new model would overwrite its parent."""
    if parent.path is not None and out.resolve() == parent.path.resolve():
        raise UnetppError(f"{out} is the model to start from and is never written to. Choose another --out.")


@torch.no_grad()
def start_from(net: UNetPlusPlus, info: ModelInfo, parent: ModelInfo) -> None:
    """Give a network of the card `info` the weights of a parent, in place.

    Channels of the heads are copied for outputs of equal name, if both models have the same task; new outputs
    keep the weights they have, other outputs of the parent are dropped. Batch norms whose statistics are not
    finite (a variance too large for float16) are reset.
    """
    assert parent.path is not None, "a model of the list has a file"
    tensors = tensors_of(parent)
    if not any(".norm." in name for name in tensors):
        raise UnetppError(
            f"{parent.name} was folded for use and has no batch norms to train with; start from the model "
            "that it was made of."
        )
    heads = {name: t for name, t in tensors.items() if name.startswith("heads.")}
    net.load_state_dict(tensors | {f"heads.{name}": t for name, t in net.heads.state_dict().items()})
    for norm in batch_norms(net):
        if not all(bool(buffer.isfinite().all()) for buffer in norm.buffers()):
            norm.reset_running_stats()
    if info.task != parent.task:
        return
    for n, output in enumerate(info.outputs):
        if output in parent.outputs:
            before = parent.outputs.index(output)
            for name, tensor in net.heads.named_parameters():
                tensor[n] = heads[f"heads.{name}"][before]


def extend_heads(net: UNetPlusPlus, info: ModelInfo) -> None:
    """Give the heads the channels of `info`, in place; the probabilities of the old classes hardly change.

    One sigmoid with logit z becomes the softmax of -z/2 and z/2. A new class starts with the weights of the
    background, `RARE` times less likely.
    """
    if info.net.outputs == net.config.outputs:
        return
    for name, head in list(net.heads.items()):
        assert isinstance(head, nn.Conv2d) and head.bias is not None
        weight, bias = head.weight.detach(), head.bias.detach()
        if len(weight) == 1:
            weight, bias = torch.cat([-weight / 2, weight / 2]), torch.cat([-bias / 2, bias / 2])
        more = info.net.outputs - len(weight)
        weight = torch.cat([weight, weight[:1].expand(more, -1, -1, -1)])
        bias = torch.cat([bias, (bias[:1] - math.log(RARE)).expand(more)])
        net.heads[name] = _head(weight, bias)
    net.config = info.net


def _head(weight: Tensor, bias: Tensor) -> nn.Conv2d:
    head = nn.utils.skip_init(nn.Conv2d, weight.shape[1], weight.shape[0], 1)
    head.weight.data, head.bias.data = weight.clone(), bias.clone()
    return head  # type: ignore[no-any-return]
