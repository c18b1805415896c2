"""What evaluates the nodes of a network: torch, or OpenVINO for nodes that are bytes."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, MutableMapping
from dataclasses import replace
from typing import Any, Protocol

from torch import Tensor

from napari_unetpp._types import ModelInfo, Node, UnetppError
from napari_unetpp.engine.device import DeviceChoice, choose_device, prepare
from napari_unetpp.engine.int8.scales import Int8Scales
from napari_unetpp.engine.int8.self_test import int8_is_faster
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


def choose_format(
    info: ModelInfo, device: str = "auto", precision: str = "auto"
) -> tuple[DeviceChoice, Int8Scales | None]:
    """Device and number format for a model, and the ranges of its nodes where that is int8.

    "auto" is int8 on a CPU on which it is faster, for a model that was measured to lose nothing by it at any
    level: levels share nodes, so all of them are evaluated in one format.

    Parameters
    ----------
    info : ModelInfo
    device, precision
        As in `engine.device.choose_device`.

    Raises
    ------
    UnetppError
        As `choose_device` does; or int8 was asked for, and no ranges were measured for this model.
    """
    choice = choose_device(device, precision)
    if choice.dtype == "int8":
        return _asked_for(info, choice)
    if precision != "auto" or choice.device != "cpu":
        return choice, None
    measured, scales = _measured(info)
    if scales is None or lossy_levels(measured) or not int8_is_faster(choice.dtype):
        return choice, None
    return replace(choice, dtype="int8"), scales


def lossy_levels(measured: Mapping[str, Any]) -> list[str]:
    """Levels at which int8 lost more than it may (`train.choose.int8`)."""
    return [f"L{level}" for level, scores in measured["levels"].items() if not scores["good"]]


def _asked_for(info: ModelInfo, choice: DeviceChoice) -> tuple[DeviceChoice, Int8Scales]:
    """int8 with the ranges that were measured for a model; a note where it lost more than it should."""
    measured, scales = _measured(info)
    if scales is None:
        raise UnetppError(
            f"for the model {info.name!r} no ranges for int8 were measured. Measure them on labelled images: "
            f"napari-unetpp calibrate FOLDER --model {shlex.quote(info.name)} --int8; or choose another "
            "--precision."
        )
    lossy = lossy_levels(measured)
    note = f"int8 lost more than it should at {', '.join(lossy)} ({measured['data']})" if lossy else ""
    return replace(choice, note=note), scales


def _measured(info: ModelInfo) -> tuple[dict[str, Any], Int8Scales | None]:
    """What was measured for a model; no ranges where nothing was, or the file is damaged."""
    measured = read_int8(info) or {}
    try:
        scales = Int8Scales.from_json(measured["ranges"])
        lossy_levels(measured)
    except (KeyError, TypeError, AttributeError, ValueError):
        return {}, None
    return measured, scales


def node_evaluator(net: UNetPlusPlus, choice: DeviceChoice, scales: Int8Scales | None) -> NodeEvaluator:
    """The network on its device and in its number format."""
    if scales is None:
        return prepare(net, choice.device, choice.torch_dtype)
    from napari_unetpp.engine.int8.network import Int8Network

    return Int8Network(net.folded(), scales)
