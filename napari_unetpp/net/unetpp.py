"""UNet++ with a head per level, evaluated node by node, so that each level can be evaluated on its own.

The same class evaluates the other wirings of the grid (`net.graph`, `net.baselines`).

Source: Zhou et al., UNet++, DLMIA 2018 (arXiv 1807.10165), sections 2-3 and IEEE TMI 2020
(arXiv 1912.05074), sections III-A (grid), III-B (deep supervision), III-C (pruning).
"""

from __future__ import annotations

import copy
from collections.abc import MutableMapping

import torch.nn.functional as F
from torch import Tensor, nn

from napari_unetpp._types import NetConfig, Node
from napari_unetpp.net import encoder_plan, graph
from napari_unetpp.net.blocks import NodeBlock, NormedConv
from napari_unetpp.net.encoders import EncoderStage


def _key(node: Node) -> str:
    return f"x_{node[0]}_{node[1]}"


def _make_node(node: Node, config: NetConfig, *, norm: bool) -> nn.Module:
    if graph.encoder_stage(node, config):
        encoder = encoder_plan.encoder(config.encoder, config.in_channels)
        return EncoderStage(encoder, node[0], norm=norm)
    return NodeBlock(
        graph.part_channels(node, config),
        config.widths[node[0]],
        below=graph.up_channels(node, config),
        additive=config.arch == "unet-sum",
        norm=norm,
    )


class UNetPlusPlus(nn.Module):
    """Nested U-Net: a grid of nodes X^{i,j} and a 1x1 head for every level.

    Parameters
    ----------
    config : NetConfig
        Channels in, channels of the heads, widths per row.
    level : int or None
        Build only the nodes of this level (a pruned network); None: all of them.
    norm : bool
        Batch norm in every convolution unit; False for a network whose norms were folded.
    """

    def __init__(self, config: NetConfig, *, level: int | None = None, norm: bool = True) -> None:
        super().__init__()
        self.config = config
        self.level = config.depth if level is None else level
        graph.check_level(self.level, config.depth)
        self.nodes = nn.ModuleDict(
            {_key(node): _make_node(node, config, norm=norm) for node in graph.nodes(self.level, config.arch)}
        )
        self.heads = nn.ModuleDict(
            {str(d - 1): nn.Conv2d(config.widths[0], config.outputs, 1) for d in self.levels}
        )

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels of this network that have a head, shallow first."""
        return tuple(d for d in self.config.levels if d <= self.level)

    def evaluate_node(
        self,
        node: Node,
        image: Tensor,
        known: MutableMapping[Node, Tensor],
        inside: Tensor | None = None,
    ) -> Tensor:
        """Evaluate one node from its inputs in `known`, or from the image (`graph.reads_image`).

        `inside` (1, 1, Y, X) is 0 where the convolutions of the node read zeros, as they do beyond a border.
        Stages of an encoder do not use it.
        """
        i, j = node
        block = self.nodes[_key(node)]
        if j == 0:
            if graph.reads_image(node, self.config):
                return block([image])  # type: ignore[no-any-return]
            above = known[i - 1, 0]
            if self.config.encoder:  # its stages halve the resolution themselves
                return block([above])  # type: ignore[no-any-return]
            return block([F.max_pool2d(above, 2)], None, inside)  # type: ignore[no-any-return]
        beside = [known[other] for other in graph.beside(node, self.config.arch)]
        under = graph.below(node, self.config.arch)
        return block(beside, known[under] if under else None, inside)  # type: ignore[no-any-return]

    def evaluate(
        self, image: Tensor, level: int, known: MutableMapping[Node, Tensor] | None = None
    ) -> MutableMapping[Node, Tensor]:
        """Add the missing nodes of `level` to `known` and return it.

        Parameters
        ----------
        image : Tensor of shape (N, C, Y, X)
            Y and X are multiples of ``config.multiple``.
        level : int
        known : mapping from node to Tensor of shape (N, widths[i], Y / 2^i, X / 2^i), optional
            Nodes evaluated before on the same image; they are used as they are.
        """
        graph.check_level(level, self.level)
        known = {} if known is None else known
        for node in graph.missing(level, set(known), self.config.arch):
            known[node] = self.evaluate_node(node, image, known)
        return known

    def head(self, level: int, known: MutableMapping[Node, Tensor]) -> Tensor:
        """Logits (N, outputs, Y, X) of head `level`, which reads X^{0,level}."""
        return self.heads[str(level - 1)](known[0, level])  # type: ignore[no-any-return]

    def forward(self, image: Tensor, level: int | None = None) -> Tensor:
        """Logits of one level for an image of any size.

        Parameters
        ----------
        image : Tensor of shape (N, C, Y, X)
        level : int or None
            None: the deepest this network has.

        Returns
        -------
        Tensor of shape (N, outputs, Y, X)
        """
        level = self.level if level is None else level
        height, width = image.shape[-2:]
        known = self.evaluate(self.pad(image), level)
        return self.head(level, known)[..., :height, :width]

    def all_heads(self, image: Tensor, level: int | None = None) -> list[Tensor]:
        """Logits of the heads up to `level`, shallow first (deep supervision); None: all heads there are."""
        level = self.level if level is None else level
        height, width = image.shape[-2:]
        known = self.evaluate(self.pad(image), level)
        return [self.head(d, known)[..., :height, :width] for d in self.levels if d <= level]

    def pad(self, image: Tensor) -> Tensor:
        """Replicate the edges up to a multiple of ``config.multiple``: one size for all levels."""
        multiple = self.config.multiple
        bottom, right = (-image.shape[-2] % multiple, -image.shape[-1] % multiple)
        return F.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image

    def prune(self, level: int) -> UNetPlusPlus:
        """A smaller network: copies of the nodes and heads of `level` (TMI 2020, III-C)."""
        graph.check_level(level, self.level)
        if level not in self.levels:
            raise ValueError(f"a {self.config.arch} of depth {self.level} has no level {level} to prune to")
        pruned = copy.deepcopy(self)
        keep = {_key(node) for node in graph.nodes(level, self.config.arch)}
        pruned.nodes = nn.ModuleDict({k: m for k, m in pruned.nodes.items() if k in keep})
        pruned.level = level
        pruned.heads = nn.ModuleDict({str(d - 1): pruned.heads[str(d - 1)] for d in pruned.levels})
        return pruned

    def folded(self) -> UNetPlusPlus:
        """A copy for inference with every batch norm folded into its convolution."""
        net = copy.deepcopy(self).eval()
        for module in net.modules():
            if isinstance(module, NormedConv):
                module.fold()
        return net.requires_grad_(False)
