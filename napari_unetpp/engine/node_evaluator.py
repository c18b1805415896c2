"""What evaluates the nodes of a network: torch, or OpenVINO for nodes that are bytes."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Protocol

from torch import Tensor

from napari_unetpp._types import ModelInfo, Node, UnetppError
from napari_unetpp.engine.device import DeviceChoice, prepare
from napari_unetpp.engine.int8.scales import Int8Scales
from napari_unetpp.files.models.int8_file import read_int8
from napari_unetpp.net.unetpp import UNetPlusPlus


class NodeEvaluator(Protocol):
    """A network in one number format: `net.unetpp.UNetPlusPlus`, or `engine.int8.network.Int8Network`."""

    def evaluate_node(
        self,
        node: Node,
        image: Tensor,
        known: MutableMapping[Node, Tensor],
        inside: Tensor | None = None,
    ) -> Tensor:
        """One node from those that it reads, or from the image."""
        ...

    def head(self, level: int, known: MutableMapping[Node, Tensor]) -> Tensor:
        """Logits of a head from X^{0,level}."""
        ...


def known_scales(info: ModelInfo) -> tuple[Int8Scales, str]:
    """The ranges that were measured for a model, and a note where int8 lost more than it should."""
    measured = read_int8(info)
    if measured is None:
        raise UnetppError(
            f"for the model {info.name!r} no ranges for int8 were measured. Measure them on labelled images: "
            f"napari-unetpp calibrate FOLDER --model {info.name} --int8; or choose another --precision."
        )
    bad = [f"L{level}" for level, scores in measured["levels"].items() if not scores["good"]]
    note = f"int8 lost more than it should at {', '.join(bad)} ({measured['data']})" if bad else ""
    return Int8Scales.from_json(measured["ranges"]), note


def node_evaluator(net: UNetPlusPlus, choice: DeviceChoice, scales: Int8Scales | None) -> NodeEvaluator:
    """The network on its device and in its number format."""
    if scales is None:
        return prepare(net, choice.device, choice.torch_dtype)
    from napari_unetpp.engine.int8.network import Int8Network

    return Int8Network(net.folded(), scales)
