"""The building blocks of a node: two convolutions, and the upsampling of the node below."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NormedConv(nn.Module):
    """A convolution with bias and its batch norm, which can be folded into it."""

    def __init__(self, conv: nn.Conv2d, norm: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.norm = norm

    def fold(self) -> None:
        """Move the batch norm (evaluation statistics) into the convolution's weight and bias."""
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d):
            return
        assert norm.running_mean is not None and norm.running_var is not None
        assert self.conv.bias is not None
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        with torch.no_grad():
            self.conv.weight.mul_(factor[:, None, None, None])
            self.conv.bias.copy_((self.conv.bias - norm.running_mean) * factor + norm.bias)
        self.norm = nn.Identity()


class ConvUnit(NormedConv):
    """3x3 convolution, batch norm, ReLU."""

    def __init__(self, in_channels: int, out_channels: int, *, norm: bool = True) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.BatchNorm2d(out_channels) if norm else nn.Identity(),
        )

    def forward(self, *parts: Tensor) -> Tensor:
        """Evaluate the unit on the concatenation of `parts` along the channels."""
        x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return torch.relu_(self.norm(self.conv(x)))


class NodeBlock(nn.Module):
    """H of the paper: two convolution units. One above another node has the 2x2 transposed convolution.

    Inputs are concatenated, or summed where the node is `additive` (as in FCN).

    Parameters
    ----------
    parts : tuple of int
        Channels of each input, that from below last.
    out_channels : int
    below : int or None
        Channels of the node below.
    """

    def __init__(
        self,
        parts: tuple[int, ...],
        out_channels: int,
        *,
        below: int | None = None,
        additive: bool = False,
        norm: bool = True,
    ) -> None:
        super().__init__()
        self.additive = additive
        self.parts = parts
        self.up = nn.ConvTranspose2d(below, out_channels, 2, stride=2) if below else None
        self.first = ConvUnit(sum(parts), out_channels, norm=norm)
        self.second = ConvUnit(out_channels, out_channels, norm=norm)

    def forward(
        self, beside: list[Tensor], below: Tensor | None = None, inside: Tensor | None = None
    ) -> Tensor:
        """Evaluate the node from the nodes `beside` it (same row) and the one `below` (row i + 1).

        `inside` (1, 1, Y, X) is 0 where both convolutions read zeros, as they do beyond a border.
        """
        parts = beside
        if self.up is not None:
            assert below is not None
            up = self.up(below)
            parts = [*beside, up if inside is None else up * inside]
        if self.additive:
            parts = [torch.stack(parts).sum(dim=0)] if len(parts) > 1 else parts
        middle = self.first(*parts)
        return self.second(middle if inside is None else middle * inside)  # type: ignore[no-any-return]
