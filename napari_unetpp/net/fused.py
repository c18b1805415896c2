"""Convolution units for inference on the CPU, by oneDNN's fused convolution where torch has it.

They save memory traffic in three ways: bias and ReLU are applied while the result is still in
registers; the dense skips are not concatenated (a copy of 160 channels for X^{0,4}), but each part
is convolved with its slice of the weights and added in place; the weights are brought to oneDNN's
layout once. tests/benchmarks/bench_levels.py measures whole levels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from napari_unetpp.net.blocks import ConvUnit, NodeBlock

ONES = [1, 1]


TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 3e-2}


def available(dtype: torch.dtype) -> bool:
    """Whether this torch has the fused operators, and this processor runs them in a number format.

    They came with torch 2.0 and are not documented. In bfloat16 they need AVX-512 or a newer unit; the plain
    operators do not.
    """
    if dtype not in TOLERANCE or not torch.backends.mkldnn.is_available():
        return False
    try:
        return _matches_plain(dtype)
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False


def fuse(module: nn.Module) -> None:
    """Replace the folded convolution units of a network, in place."""
    for block in module.modules():
        if isinstance(block, NodeBlock):
            for name in ("first", "second"):
                unit = getattr(block, name)
                if isinstance(unit, ConvUnit):
                    setattr(block, name, FusedUnit(unit, block.parts if name == "first" else None))


class FusedUnit(nn.Module):
    """3x3 convolution and ReLU of the concatenation of `parts`, without making it.

    Parameters
    ----------
    unit : ConvUnit
        Folded: without its batch norm.
    parts : tuple of int or None
        Channels of each tensor that `forward` will be given; None: one tensor.
    """

    def __init__(self, unit: ConvUnit, parts: tuple[int, ...] | None) -> None:
        super().__init__()
        conv = unit.conv
        assert conv.bias is not None
        self.bias = conv.bias.detach()
        self.weights = [
            _pack(weight) for weight in conv.weight.detach().split(parts or (conv.in_channels,), dim=1)
        ]

    def forward(self, *parts: Tensor) -> Tensor:
        last = len(parts) - 1
        y = _convolve(parts[0], self.weights[0], self.bias, "none" if last else "relu")
        for index in range(1, last + 1):
            _convolve_add(y, parts[index], self.weights[index], "relu" if index == last else None)
        return y


def _pack(weight: Tensor) -> Tensor:
    """Weights (out, in, 3, 3) in oneDNN's own layout."""
    weight = weight.contiguous(memory_format=torch.channels_last)
    packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(weight, ONES, ONES, ONES, 1)
    return packed


def _convolve(x: Tensor, weight: Tensor, bias: Tensor, activation: str) -> Tensor:
    y: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, weight, bias, ONES, ONES, ONES, 1, activation, [], ""
    )
    return y


def _convolve_add(y: Tensor, x: Tensor, weight: Tensor, activation: str | None) -> None:
    """``y += conv(x)``, then the activation, in place."""
    torch.ops.mkldnn._convolution_pointwise_.binary(
        y, x, weight, None, ONES, ONES, ONES, 1, "add", 1.0, activation, [], None
    )


def _matches_plain(dtype: torch.dtype) -> bool:
    """A self-test of the undocumented operators against the plain ones."""
    with torch.inference_mode(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        unit = ConvUnit(16, 8, norm=False).to(dtype)
        parts = [torch.rand(1, 8, 16, 24, dtype=dtype) for _ in range(2)]
        parts = [part.contiguous(memory_format=torch.channels_last) for part in parts]
        return torch.allclose(FusedUnit(unit, (8, 8))(*parts), unit(*parts), atol=TOLERANCE[dtype])
