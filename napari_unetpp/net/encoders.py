"""Encoder stages in place of the nodes X^{i,0}, i > 0: the integers of `net.encoder_plan` as modules.

They give the same as the published encoders from which weights are taken (tests compare them), in plain
torch: using a model needs no other package. Training differs in two ways: the shortcuts of the ResNet let
gradients through (MONAI detaches them), and EfficientNet's random dropping of blocks is left out.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from napari_unetpp.net.blocks import NormedConv
from napari_unetpp.net.encoder_plan import Conv, ConvBlock, Encoder


class EncoderStage(nn.Module):
    """Stage `row` of an encoder, which halves the resolution.

    Parameters
    ----------
    encoder : Encoder
    row : int
        From 1 on.
    norm : bool
        Batch norms; False where they were folded into the convolutions.
    """

    def __init__(self, encoder: Encoder, row: int, *, norm: bool = True) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _BLOCKS[block.kind](block, encoder, norm=norm) for block in encoder.stages[row - 1]
        )

    def forward(self, parts: list[Tensor]) -> Tensor:
        """Evaluate the stage on the one tensor in `parts`: (N, C, Y, X) to (N, C', Y / 2, X / 2)."""
        (x,) = parts
        for block in self.blocks:
            x = block(x)
        return x


class EncoderConv(NormedConv):
    """A convolution of the plan, with zeros around its input: `Conv.before`."""

    def __init__(self, conv: Conv, eps: float, *, norm: bool) -> None:
        after = conv.kernel - conv.stride - conv.before
        # Zeros after the end that no step of the convolution reaches do no harm.
        even = conv.before >= after
        super().__init__(
            nn.Conv2d(
                conv.inputs,
                conv.outputs,
                conv.kernel,
                stride=conv.stride,
                padding=conv.before if even else 0,
                groups=conv.groups,
            ),
            nn.BatchNorm2d(conv.outputs, eps=eps) if norm else nn.Identity(),
        )
        self.zeros = (0, 0, 0, 0) if even else (conv.before, after, conv.before, after)

    def forward(self, x: Tensor) -> Tensor:
        """Convolution and batch norm, without activation."""
        x = F.pad(x, self.zeros) if any(self.zeros) else x
        return self.norm(self.conv(x))  # type: ignore[no-any-return]


class _Block(nn.Module):
    """The convolutions of a block by their names."""

    def __init__(self, block: ConvBlock, encoder: Encoder, *, norm: bool) -> None:
        super().__init__()
        self.plan = block
        self.activate = F.relu if encoder.activation == "relu" else F.relu6
        for conv in block.convs:
            self.add_module(conv.name, EncoderConv(conv, encoder.eps, norm=norm))


class _Plain(_Block):
    stem: EncoderConv

    def forward(self, x: Tensor) -> Tensor:
        return self.activate(self.stem(x))


class _Residual(_Block):
    """Two 3x3 convolutions; the shortcut takes every second pixel and fills new channels with zeros."""

    first: EncoderConv
    second: EncoderConv

    def forward(self, x: Tensor) -> Tensor:
        if self.plan.pool:
            x = F.max_pool2d(x, 3, stride=2, padding=1)
        stride, more = self.plan.convs[0].stride, self.plan.outputs - self.plan.inputs
        shortcut = F.pad(x[..., ::stride, ::stride], (0, 0, 0, 0, 0, more)) if more else x
        return self.activate(self.second(self.activate(self.first(x))) + shortcut)


class _Inverted(_Block):
    """Widen, convolve every channel by itself, narrow without an activation."""

    expand: EncoderConv
    depthwise: EncoderConv
    project: EncoderConv

    def forward(self, x: Tensor) -> Tensor:
        wide = self.activate(self.expand(x)) if hasattr(self, "expand") else x
        y: Tensor = self.project(self.activate(self.depthwise(wide)))
        return x + y if y.shape == x.shape else y


_BLOCKS = {"plain": _Plain, "residual": _Residual, "inverted": _Inverted}
