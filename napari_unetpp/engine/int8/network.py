"""A network whose nodes are bytes: evaluated by OpenVINO, node by node, like the one of torch."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, MutableMapping
from functools import partial
from typing import Any

import numpy as np
import openvino
import torch
from torch import Tensor

from napari_unetpp._types import Node
from napari_unetpp.engine.int8.graphs import LEVELS, convolution_graph, node_graph
from napari_unetpp.engine.int8.scales import Int8Scales, check_quantisable
from napari_unetpp.engine.memory import physical_memory
from napari_unetpp.net import graph
from napari_unetpp.net.unetpp import UNetPlusPlus

MOST_GRAPHS = 150
"""Compiled graphs that are kept: those of the 15 nodes for ten sizes."""

SCRATCH_BYTES = 10
"""Memory that a graph keeps between two evaluations, for each value of its node (measured)."""

MOST_SCRATCH = min(3_000_000_000, max(1_000_000_000, physical_memory() // 8))
"""Bytes that all graphs together keep. 1 GB holds those of all nodes of 620 x 620 px, 3 GB of 1080 x 1080 px;
in larger planes some are given back after each use, which takes a third longer."""

RECENT = 30
"""Evaluations after which a graph counts as not used for long: twice the nodes of a network."""

HEAD_PIXELS = 16384
"""Pixels of which a head is evaluated at once."""


class Scratch:
    """Which graphs keep the memory that they compute in: having it makes an evaluation faster.

    Graphs that were not used for long give theirs back first; where there is no such graph, the current one.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[int, int, Callable[[], object]]] = OrderedDict()
        self._clock = self.bytes = 0

    def used(self, key: Hashable, size: int, release: Callable[[], object]) -> None:
        """A graph was evaluated."""
        self._clock += 1
        self._forget(key)
        while self.bytes + size > MOST_SCRATCH:
            oldest = next(iter(self._kept), None)
            if oldest is None or self._clock - self._kept[oldest][1] <= RECENT:
                release()
                return
            self._kept[oldest][2]()
            self._forget(oldest)
        self._kept[key] = size, self._clock, release
        self.bytes += size

    def _forget(self, key: Hashable) -> None:
        if key in self._kept:
            self.bytes -= self._kept.pop(key)[0]


class Int8Network:
    """Evaluates nodes and heads as `net.unetpp.UNetPlusPlus` does; its nodes are bytes.

    Parameters
    ----------
    net : UNetPlusPlus
        In float32, on the CPU, its batch norms folded.
    scales : Int8Scales

    Attributes
    ----------
    compiled : int
        Graphs that were compiled so far: one for each node and size.
    """

    def __init__(self, net: UNetPlusPlus, scales: Int8Scales) -> None:
        check_quantisable(net)
        self._net, self._scales = net, scales
        self._heads = {level: self._head(level) for level in net.config.levels}
        self._core = openvino.Core()
        self._compiled: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._scratch = Scratch()
        self._lock = threading.Lock()
        self.compiled = 0

    def evaluate_node(
        self,
        node: Node,
        image: Tensor,
        known: MutableMapping[Node, Tensor],
        inside: Tensor | None = None,
    ) -> Tensor:
        """The bytes (1, C, Y, X) of one node, from those of others or from the image in float32."""
        config = self._net.config
        if graph.reads_image(node, config):
            read = [image]
        else:
            read = [known[other] for other in graph.inputs(node, config.arch)]
        inputs = [_channels_last(x) for x in (*read, *([] if inside is None else [inside]))]
        shape = _shape(node, read, config.arch)
        with self._lock:  # one request at a time for each graph
            key = (node, shape, inside is not None)
            request = self._request(*key)
            out = np.empty((1, *shape, config.widths[node[0]]), np.uint8)
            request.set_output_tensor(openvino.Tensor(out, shared_memory=True))
            request.infer(inputs, share_inputs=True, share_outputs=True)
            self._scratch.used(key, SCRATCH_BYTES * out.size, request.get_compiled_model().release_memory)
        return torch.from_numpy(out).permute(0, 3, 1, 2)

    def head(self, level: int, known: Mapping[Node, Tensor]) -> Tensor:
        """Logits (1, outputs, Y, X) of head `level`, in float32."""
        node = (0, level)
        pixels = known[node][0].permute(1, 2, 0)  # (Y, X, C)
        height, width, channels = pixels.shape
        weight, bias = self._heads[level]
        logits = torch.empty(1, len(bias), height, width)
        rows = max(1, HEAD_PIXELS // width)
        for y in range(0, height, rows):  # blocks that stay in the processor's cache as float32
            block = pixels[y : y + rows].reshape(-1, channels).float()
            found = torch.addmm(bias, block, weight)
            logits[0, :, y : y + rows] = found.T.view(len(bias), -1, width)
        return logits

    def _head(self, level: int) -> tuple[Tensor, Tensor]:
        """Weights (C, outputs) and biases of a head that reads bytes."""
        head = self._net.heads[str(level - 1)]
        assert isinstance(head, torch.nn.Conv2d) and head.bias is not None
        weight = head.weight.detach()[:, :, 0, 0].T * (self._scales.nodes[0, level] / (LEVELS - 1))
        return weight.contiguous(), head.bias.detach()

    def _request(self, node: Node, shape: tuple[int, int], inside: bool) -> Any:
        """A request of the compiled graph; sizes that repeat are compiled once."""
        key = (node, shape, inside)
        if key not in self._compiled:
            model = node_graph(self._net, self._scales, node, shape, inside=inside)
            self._compiled[key] = self._core.compile_model(model, "CPU", _options()).create_infer_request()
            self.compiled += 1
            while len(self._compiled) > MOST_GRAPHS:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(key)
        return self._compiled[key]


def plain_convolution(channels: int, side: int) -> Callable[[], Any]:
    """Runs a plain 3x3 convolution of bytes, side x side px with so many channels in and out."""
    weight = np.random.default_rng(0).random((channels, channels, 3, 3), dtype=np.float32)
    compiled = openvino.Core().compile_model(convolution_graph(weight, side), "CPU", _options())
    request = compiled.create_infer_request()
    pixels = np.zeros((1, side, side, channels), np.uint8)
    return partial(request.infer, [pixels], share_inputs=True)


def _options() -> dict[str, Any]:
    """As many threads as torch uses; what is float stays float32."""
    return {
        "INFERENCE_NUM_THREADS": min(torch.get_num_threads(), os.cpu_count() or 1),
        "PERFORMANCE_HINT": "LATENCY",  # one evaluation at a time, on all threads
        "INFERENCE_PRECISION_HINT": "f32",
    }


def _channels_last(x: Tensor) -> np.ndarray[Any, Any]:
    """The same memory as an array (1, Y, X, C), where channels are last already."""
    array: np.ndarray[Any, Any] = x.permute(0, 2, 3, 1).contiguous().numpy()
    return array


def _shape(node: Node, read: list[Tensor], arch: str) -> tuple[int, int]:
    """Rows and columns of a node, from what it reads."""
    height, width = read[0].shape[-2:]
    if node[1] == 0 and node[0] > 0:
        return height // 2, width // 2
    if node[1] > 0 and not graph.beside(node, arch):
        return 2 * height, 2 * width
    return height, width
