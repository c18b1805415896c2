"""A model loaded on a device: evaluates nodes and gives activated maps. Batch norms are folded away."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_unetpp._types import (
    DecodeRule,
    ModelInfo,
    Node,
    Region,
    ShouldStop,
    never_stop,
)
from napari_unetpp.engine.auto.packing import Packing
from napari_unetpp.engine.auto.partial_node import PartialNode, channel_count, crop, paste
from napari_unetpp.engine.decode.labelling import activate
from napari_unetpp.engine.device import DeviceChoice
from napari_unetpp.engine.int8.scales import Int8Scales
from napari_unetpp.engine.node_evaluator import choose_format, node_evaluator
from napari_unetpp.files.models.own_models import tensors_of
from napari_unetpp.files.results.result_file import model_facts
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus

Maps = NDArray[np.float32]
Known = MutableMapping[Node, Tensor]


class LoadedModel:
    """One model on one device.

    Parameters
    ----------
    info : ModelInfo
    tensors : mapping from name to Tensor
        State dict of the network, with or without batch norms.
    choice : DeviceChoice
        Device and number format.
    scales : Int8Scales, optional
        For the number format int8, and only for it.

    Attributes
    ----------
    version : str
        Hash of weights, device and number format: nodes of different versions never mix.
    """

    def __init__(
        self,
        info: ModelInfo,
        tensors: Mapping[str, Tensor],
        choice: DeviceChoice,
        scales: Int8Scales | None = None,
    ) -> None:
        self.info = info
        self.choice = choice
        self.scales = scales
        self.version = _version(tensors, choice, scales)
        normed = any(".norm." in name for name in tensors)
        net = UNetPlusPlus(info.net, norm=normed)
        net.load_state_dict(dict(tensors))
        self._net = node_evaluator(net, choice, scales)

    @property
    def compiled(self) -> int:
        """How many graphs were compiled so far, which takes time once for each size (int8)."""
        return int(getattr(self._net, "compiled", 0))

    @classmethod
    def load(cls, info: ModelInfo, device: str = "auto", precision: str = "auto") -> LoadedModel:
        """Read the weights of `info` from its file."""
        assert info.path is not None, f"the model {info.name!r} has no file"
        choice, scales = choose_format(info, device, precision)
        return cls(info, tensors_of(info), choice, scales)

    def with_rule(self, rule: DecodeRule) -> LoadedModel:
        """The same weights with another rule for objects."""
        other = copy.copy(self)
        other.info = replace(self.info, decode=rule)
        return other

    @property
    def itemsize(self) -> int:
        """Bytes of one value of a node."""
        return self.choice.torch_dtype.itemsize

    def tensor(self, image: NDArray[np.float32]) -> Tensor:
        """Bring a normalised image (C, Y, X) to the device: (1, C, Y, X), channels last."""
        return self._ready(torch.from_numpy(image)[None])

    @torch.inference_mode()
    def node(self, node: Node, x: Tensor | None, known: Mapping[Node, Tensor]) -> Tensor:
        """One node from those it reads; X^{0,0} and the first stage of an encoder read `x`."""
        image = torch.empty(0) if x is None else self._ready(x)
        return self._net.evaluate_node(node, image, dict(known))

    @torch.inference_mode()
    def node_parts(
        self, node: Node, packing: Packing, known: Mapping[Node, Tensor | PartialNode]
    ) -> PartialNode:
        """Some parts of one node, evaluated together; not for a node that reads the image."""
        near = {}
        for read in graph.inputs(node, self.info.net.arch):
            down = read[0] - node[0]
            whole = _on_row(Region.whole(packing.shape), down)
            near[read] = self._zeros(whole.shape, channel_count(known[read]))
            for part in packing.parts:
                place, region = _on_row(part.place, down), _on_row(part.read, down)
                paste(known[read], region, near[read][..., *place.slices])
        inside = self._zeros(packing.shape, 1)
        for part in packing.parts:
            inside[..., *part.place.slices] = 1
        found = self._net.evaluate_node(node, torch.empty(0), near, inside)
        pieces = []
        for part in packing.parts:
            middle = part.write.shifted(part.place.y0 - part.read.y0, part.place.x0 - part.read.x0)
            pieces.append((part.write, found[..., *middle.slices]))
        return PartialNode(pieces)

    @torch.inference_mode()
    def join(self, stripes: Sequence[Mapping[Node, Tensor]]) -> dict[Node, Tensor]:
        """Nodes of all rows from those of successive stripes of rows."""
        joined = {}
        for node in stripes[0]:  # as (1, Y, X, C), which is how they lie in memory: whole rows are copied
            parts = [stripe[node].permute(0, 2, 3, 1) for stripe in stripes]
            joined[node] = torch.cat(parts, dim=1).permute(0, 3, 1, 2)
        return joined

    @torch.inference_mode()
    def nodes(
        self,
        x: Tensor | None,
        level: int,
        known: Known,
        should_stop: ShouldStop = never_stop,
    ) -> bool:
        """Add the missing nodes of `level` to `known`.

        Parameters
        ----------
        x : Tensor of shape (1, C, Y, X) or None
            Sides are multiples of ``info.net.multiple``. None is enough where the nodes that read
            the image (`net.graph.reads_image`) are known.
        level : int
        known : mapping
            Only completely evaluated nodes are added.
        should_stop : callable
            Asked before every node.

        Returns
        -------
        bool
            False if it was stopped.
        """
        image = torch.empty(0) if x is None else self._ready(x)
        for node in graph.missing(level, set(known), self.info.net.arch):
            if should_stop():
                return False
            known[node] = self._net.evaluate_node(node, image, known)
        return True

    @torch.inference_mode()
    def maps(
        self, level: int, known: Mapping[Node, Tensor | PartialNode], part: Region | None = None
    ) -> Maps:
        """Activated maps (K, Y, X) of one head, optionally of a part of the tile only."""
        top = known[0, level]
        if part is not None:
            top = crop(top, part)
        assert not isinstance(top, PartialNode), "of a partial node a region must be given"
        logits = self._net.head(level, {(0, level): top})
        probabilities = activate(logits.float(), self.info)[0]
        return probabilities.cpu().contiguous().numpy()

    def image_maps(self, image: NDArray[np.float32], level: int) -> Maps:
        """Maps (K, Y, X) of a normalised image (C, Y, X), evaluated as a whole; its sides as in `nodes`."""
        known: dict[Node, Tensor] = {}
        self.nodes(self.tensor(image), level, known)
        return self.maps(level, known)

    def stream(
        self,
        x: Tensor,
        level: int,
        should_stop: ShouldStop = never_stop,
        part: Region | None = None,
        *,
        all_levels: bool = True,
    ) -> Iterator[tuple[int, Maps]]:
        """Maps of the levels up to `level`, or of it alone; nodes are dropped early to save memory.

        Yields
        ------
        level : int
        maps : ndarray of float32, shape (K, Y, X)
            When stopped, the deeper levels are missing.
        """
        x = self._ready(x)
        arch = self.info.net.arch
        order = graph.lean_order(level, arch)
        known: dict[Node, Tensor] = {}
        for node, released in zip(order, graph.releases(order, arch), strict=True):
            if should_stop():
                return
            with torch.inference_mode():
                known[node] = self._net.evaluate_node(node, x, known)
            for old in released:
                del known[old]
            i, j = node
            if i == 0 and j in self.info.net.levels and (all_levels or j == level):
                yield j, self.maps(j, known, part)

    def _zeros(self, shape: tuple[int, int], channels: int) -> Tensor:
        """Zeros (1, C, Y, X), channels last."""
        zeros = torch.zeros((1, *shape, channels), dtype=self.choice.torch_dtype, device=self.choice.device)
        return zeros.permute(0, 3, 1, 2)

    def _ready(self, x: Tensor) -> Tensor:
        """`x` on the device, in its number format, channels last (itself where it is so already)."""
        return x.to(self.choice.device, self.choice.image_dtype).contiguous(memory_format=torch.channels_last)


def _on_row(region: Region, rows_down: int) -> Region:
    """A region of a node's grid on the grid `rows_down` rows below (-1: one above)."""
    edges = region.y0, region.x0, region.y1, region.x1
    return Region(*(edge >> rows_down if rows_down >= 0 else edge << -rows_down for edge in edges))


def origin(model: LoadedModel) -> dict[str, str]:
    """What a result says of its making: model, its hash, number format, and version of this package."""
    return {**model_facts(model.info), "precision": model.choice.dtype}


def _version(tensors: Mapping[str, Tensor], choice: DeviceChoice, scales: Int8Scales | None) -> str:
    ranges = "" if scales is None else json.dumps(scales.to_json())
    digest = hashlib.sha256(f"{choice.label}{ranges}".encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
