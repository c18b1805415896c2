"""One node in 8-bit integers, as a graph for OpenVINO.

Nodes are tensors of bytes, channels last: 0 stands for 0, 255 for the upper end of the node's range
(`engine.int8.scales`). The ranges of the nodes that a convolution reads are multiplied into its weights, so
nodes of different ranges are read side by side without a conversion. Weights are rounded to steps, per output
channel; sums, biases and ReLU are exact or in float32. X^{0,0} reads the image, and its
first convolution is float32, as are the heads.

Source: Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference, CVPR 2018 (arXiv 1712.05877), sections 2 and 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from openvino import Model
from openvino import opset13 as ops

from napari_unetpp._types import Node
from napari_unetpp.engine.int8.scales import Int8Scales
from napari_unetpp.net import graph
from napari_unetpp.net.blocks import NodeBlock
from napari_unetpp.net.unetpp import UNetPlusPlus

WEIGHT_LEVELS = 255
"""Steps of a weight, from -127 to 127."""

HEADROOM = 2
"""The range of weights is this many times as wide as they are, so that they lie within -64 to 64: processors
without VNNI add pairs of products in 16 bits, which hold 2 * 255 * 64 but not 2 * 255 * 127."""

LEVELS = 256
"""Steps of a value."""

STEP = 1 / 64
"""What a byte is multiplied by before a convolution, and its weights divided by; any number will do."""

ONE = [1, 1]
Array = NDArray[np.float32]


def node_graph(
    net: UNetPlusPlus, scales: Int8Scales, node: Node, shape: tuple[int, int], *, inside: bool
) -> Model:
    """The graph of a node.

    Parameters
    ----------
    net : UNetPlusPlus
        In float32, its batch norms folded.
    scales : Int8Scales
    node : Node
    shape : (int, int)
        Rows and columns of the node.
    inside : bool
        With an input that is 0 where the convolutions read zeros, as they do beyond a border.

    Returns
    -------
    Model
        Inputs, channels last: the image as float32, or the bytes of the nodes beside and of the one below
        or above; then, if asked for, `inside` as bytes. Output: the bytes of the node.
    """
    return _NodeGraph(net, scales, node, shape, inside).model()


def convolution_graph(weight: Array, side: int) -> Model:
    """A plain 3x3 convolution of bytes (1, side, side, C), with its result in bytes: for measuring speed."""
    read = ops.parameter([1, side, side, weight.shape[1]], np.uint8)
    values = _values(read)
    return Model([_bytes(ops.relu(_convolution(values, weight)), 1.0)], [read], "convolution")


class _NodeGraph:
    def __init__(
        self, net: UNetPlusPlus, scales: Int8Scales, node: Node, shape: tuple[int, int], inside: bool
    ) -> None:
        self.config, self.scales, self.node, self.shape = net.config, scales, node, shape
        block = net.nodes[f"x_{node[0]}_{node[1]}"]
        assert isinstance(block, NodeBlock)
        self.block = block
        self.inputs: list[Any] = []
        self.inside: Any = None
        self.masked = inside

    def model(self) -> Model:
        node, first = self.node, self.block.first.conv
        weight, bias = _array(first.weight), _array(first.bias)
        if graph.reads_image(node, self.config):
            image = self._input(0, self.config.in_channels, np.float32)
            sums = [_float_convolution(_channels_first(image), weight)]
        elif node[1] == 0:
            above = (node[0] - 1, 0)
            whole = _values(self._input(-1, self.config.widths[above[0]]))
            half = ops.max_pool(whole, [2, 2], ONE, [0, 0], [0, 0], [2, 2]).output(0)
            sums = [_convolution(half, weight * self._unit(above))]
        else:
            sums = self._dense(weight)
        middle = self._masked(ops.relu(ops.add(_sum(sums), _per_channel(bias))))
        middle = _quantised(middle, self.scales.middles[node])
        second = self.block.second.conv
        out = ops.relu(
            ops.add(_convolution(middle, _array(second.weight)), _per_channel(_array(second.bias)))
        )
        result = _bytes(out, self.scales.nodes[node])
        return Model([result], [*self.inputs, *([self.inside] if self.masked else [])], f"X{node}")

    def _dense(self, weight: Array) -> list[Any]:
        """Convolutions of the nodes beside, and of what is upsampled from below."""
        i, _ = self.node
        beside = graph.beside(self.node, self.config.arch)
        under = graph.below(self.node, self.config.arch)
        width = self.config.widths[i]
        sums, start = [], 0
        if beside:
            read = [self._input(0, width) for _ in beside]
            units = np.repeat([self._unit(other) for other in beside], width).astype(np.float32)
            start = width * len(beside)
            together = read[0] if len(read) == 1 else ops.concat(read, 3)
            sums.append(_convolution(_values(together), weight[:, :start] * units[:, None, None]))
        if under:
            assert self.block.up is not None and self.block.up.bias is not None
            below = _values(self._input(1, self.config.widths[under[0]]))
            up = _transposed(below, _array(self.block.up.weight) * self._unit(under))
            up = self._masked(ops.add(up, _per_channel(_array(self.block.up.bias))))
            largest = self.scales.ups[self.node]
            sums.append(_convolution(_quantised(up, largest, signed=True), weight[:, start:]))
        return sums

    def _input(self, rows_down: int, channels: int, dtype: Any = np.uint8) -> Any:
        """An input on the grid so many rows below (-1: above)."""
        height, width = (side >> rows_down if rows_down >= 0 else side << 1 for side in self.shape)
        self.inputs.append(ops.parameter([1, height, width, channels], dtype))
        return self.inputs[-1]

    def _masked(self, values: Any) -> Any:
        """Values that are 0 outside, where that is asked for."""
        if not self.masked:
            return values
        if self.inside is None:
            self.inside = ops.parameter([1, *self.shape, 1], np.uint8)
        return ops.multiply(values, ops.convert(_channels_first(self.inside), "f32"))

    def _unit(self, node: Node) -> np.float32:
        """What the weights that read a node are multiplied by."""
        return np.float32(self.scales.nodes[node] / (LEVELS - 1) / STEP)


def _array(tensor: Any) -> Array:
    found: Array = tensor.detach().numpy()
    return found


def _number(value: float) -> Any:
    return ops.constant(np.float32(value))


def _per_channel(values: Array) -> Any:
    return ops.constant(values.reshape(1, -1, 1, 1))


def _channels_first(read: Any) -> Any:
    return ops.transpose(read, ops.constant(np.array([0, 3, 1, 2])))


def _sum(sums: list[Any]) -> Any:
    return sums[0] if len(sums) == 1 else ops.add(*sums)


def _values(read: Any) -> Any:
    """The bytes of a node as numbers, channels first."""
    first = _number(0)
    steps = ops.convert(_channels_first(read), "f32")
    return ops.fake_quantize(steps, first, _number(LEVELS - 1), first, _number((LEVELS - 1) * STEP), LEVELS)


def _bytes(values: Any, largest: float) -> Any:
    """Values from 0 to `largest` as bytes, channels last."""
    steps = ops.fake_quantize(values, _number(0), _number(largest), _number(0), _number(LEVELS - 1), LEVELS)
    return ops.transpose(ops.convert(steps, "u8"), ops.constant(np.array([0, 2, 3, 1])))


def _quantised(values: Any, largest: float, *, signed: bool = False) -> Any:
    """Values rounded to `LEVELS` steps; signed ones from ``-largest``."""
    low, high = (-largest, largest * 127 / 128) if signed else (0, largest)
    ends = _number(low), _number(high)
    return ops.fake_quantize(values, *ends, *ends, LEVELS)


def _weights(weight: Array, axis: int) -> Any:
    """Weights rounded to steps, with a range for each output channel (which lies along `axis`)."""
    others = tuple(d for d in range(4) if d != axis)
    ends = HEADROOM * np.maximum(np.abs(weight).max(axis=others, keepdims=True), np.float32(1e-12))
    low, high = ops.constant(-ends), ops.constant(ends)
    return ops.fake_quantize(ops.constant(weight), low, high, low, high, WEIGHT_LEVELS)


def _convolution(values: Any, weight: Array) -> Any:
    return ops.convolution(values, _weights(weight, 0), ONE, ONE, ONE, ONE)


def _float_convolution(values: Any, weight: Array) -> Any:
    return ops.convolution(values, ops.constant(weight), ONE, ONE, ONE, ONE)


def _transposed(values: Any, weight: Array) -> Any:
    none = [0, 0]
    return ops.convolution_backprop_data(
        values, _weights(weight, 1), [2, 2], pads_begin=none, pads_end=none, dilations=ONE
    )
