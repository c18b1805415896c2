"""Whether int8 is faster than floating point on this machine, by the test case of `engine.device`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version

import torch
from torch import Tensor

from napari_unetpp.engine.device import gain, openvino_problem, self_test_case, self_test_run
from napari_unetpp.engine.int8.scales import measure_scales
from napari_unetpp.files.machine_cache import measured_once, this_machine

SIDE = 256
"""Side (px) of the image: on a smaller one the time is that of the calls."""

TOLERANCE = 5e-2
"""Largest difference to the probabilities in float32 that the self-test accepts."""

MIN_GAIN = 1.2
"""int8 must be this many times as fast as the fastest format of torch; by less it is not worth its loss."""


ANSWERS = ("faster", "slower", "disagrees", "not available")


@cache
def int8_is_faster(dtype: str) -> bool:
    """Whether int8 agrees with float32 here and is faster than `dtype`; timed once for a machine."""
    if openvino_problem():
        return False
    machine = {**this_machine(), "openvino": version("openvino"), "against": dtype}
    return measured_once("int8", machine, ANSWERS, partial(_answer, dtype)) == "faster"


def _answer(dtype: str) -> str:
    """What is stored for a machine."""
    try:
        run = _int8_run()
        difference = (run() - self_test_run("cpu", "float32", SIDE)()).abs().max()
    except (RuntimeError, ImportError):  # a processor or a system that OpenVINO does not know
        return "not available"
    if difference > TOLERANCE:
        return "disagrees"
    return "faster" if gain(self_test_run("cpu", dtype, SIDE), run) >= MIN_GAIN else "slower"


def _int8_run() -> Callable[[], Tensor]:
    """Gives the probabilities of the test case in int8."""
    from napari_unetpp.engine.int8.network import Int8Network
    from napari_unetpp.net import graph

    net, image = self_test_case(SIDE)
    folded = net.folded()
    quick = Int8Network(folded, measure_scales(folded, [image]))

    def forward() -> Tensor:
        known: dict[tuple[int, int], Tensor] = {}
        with torch.inference_mode():
            for node in graph.nodes(net.level, net.config.arch):
                known[node] = quick.evaluate_node(node, image, known)
            return quick.head(net.level, known).sigmoid()

    return forward
