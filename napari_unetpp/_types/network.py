"""What defines a network: the wiring of its nodes, their channels, its heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Node = tuple[int, int]
"""Grid position (i, j) of node X^{i,j}: row i (resolution 1/2^i), column j."""

LEVELS = (1, 2, 3, 4)

AUTO = 5
"""Where a level is asked for: every square as deep as it needs (see `engine.auto.stopping`)."""

DEFAULT_WIDTHS = (32, 64, 128, 256, 512)
NESTED = ("unetpp", "unet-plus", "unet-ensemble")
PLAIN = ("unet", "unet-sum", "flat")

ARCHITECTURES = NESTED + PLAIN
"""Wirings of the grid; the plain ones have one head."""

ENCODERS = ("resnet18", "efficientnet-lite0")
"""Encoders that can take the place of the nodes X^{i,0}, i > 0 (see `net.encoder_plan`)."""

Supervision = Literal["deep", "last"]
SUPERVISIONS: tuple[Supervision, ...] = ("deep", "last")


@dataclass(frozen=True, slots=True)
class NetConfig:
    """What is needed to build a network.

    Attributes
    ----------
    in_channels : int
        Channels of the input (grey images are replicated to 3).
    outputs : int
        Channels of every head.
    widths : tuple of int
        Channels per row i; ``len(widths) - 1`` is the depth of the full network. With an `encoder` its
        stages have channels of their own, and these are the widths of the other nodes.
    arch : str
        How the nodes of the grid are wired (see `net.graph`); ``"unetpp"`` is the nested U-Net.
    supervision : {"deep", "last"}
        ``deep``: a nested network has a head for every level. ``last``: for the deepest one alone, as
        in training without deep supervision, after which shallow heads would mean nothing.
    encoder : str
        One of `ENCODERS`, whose stages are the nodes X^{i,0}, i > 0; empty: our own nodes.
    """

    in_channels: int = 3
    outputs: int = 1
    widths: tuple[int, ...] = DEFAULT_WIDTHS
    arch: str = "unetpp"
    supervision: Supervision = "deep"
    encoder: str = ""

    @property
    def depth(self) -> int:
        """Deepest level of the full network."""
        return len(self.widths) - 1

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels that have a head: all of them under deep supervision, else only the deepest."""
        one = self.arch in PLAIN or self.supervision == "last"
        return (self.depth,) if one else tuple(range(1, self.depth + 1))

    @property
    def multiple(self) -> int:
        """Images are edge-replicated to a multiple of this, whatever the level."""
        return 1 << self.depth
