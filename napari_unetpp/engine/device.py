"""Which device and which number format evaluate the network, decided by a self-test.

A device is used only if a small network gives the same probabilities on it as on the CPU in
float32. bfloat16 on the CPU must also be faster: with AMX it is several times as fast as float32, with
AVX512-BF16 alone it can be slower. This is timed once for a machine and a version
(`files.machine_cache`), so that the same command always uses the same format.
"""

from __future__ import annotations

import importlib.util
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from napari_unetpp._types import NetConfig, UnetppError, UsageError
from napari_unetpp.files.machine_cache import measured_once, this_machine
from napari_unetpp.net import fused
from napari_unetpp.net.unetpp import UNetPlusPlus

TOLERANCE = {"float32": 1e-3, "bfloat16": 3e-2, "float16": 1e-2}
"""Largest difference of the probabilities that a self-test accepts."""

MIN_GAIN = 1.5
"""bfloat16 on the CPU must be this many times as fast as float32, as it is with matrix units; by a smaller
factor the noise of the timing would decide."""

SIDE = 128
"""Side (px) of the image of the self-test."""

NAMES = ("auto", "cpu", "cuda", "mps")
FLOATS = ("float32", "bfloat16")
"""Number formats of torch on a CPU."""
PRECISIONS = ("auto", "float32", "bfloat16", "float16", "int8")


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A device, a number format, and a note for the user about the choice."""

    device: str
    dtype: str
    note: str = ""

    @property
    def torch_dtype(self) -> torch.dtype:
        """The number format of nodes as torch names it."""
        dtype: torch.dtype = torch.uint8 if self.dtype == "int8" else getattr(torch, self.dtype)
        return dtype

    @property
    def image_dtype(self) -> torch.dtype:
        """The number format of the image that the network reads."""
        return torch.float32 if self.dtype == "int8" else self.torch_dtype

    @property
    def label(self) -> str:
        """Short text for a picker or a report, for example ``"cpu float32"``."""
        return f"{self.device} {self.dtype}"


def choose_device(name: str = "auto", precision: str = "auto") -> DeviceChoice:
    """Choose device and number format; the answer holds for the process.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda", "mps"}
    precision : {"auto", "float32", "bfloat16", "float16", "int8"}
        "auto": the fastest format that passes the self-test of the device. "int8" is for the CPU, and needs
        OpenVINO.

    Raises
    ------
    UnetppError
        Unknown names, a device that is not there, or a format that fails the self-test.
    """
    for what, given, known in (("Device", name, NAMES), ("Precision", precision, PRECISIONS)):
        if given not in known:
            raise UnetppError(f"{what} {given!r} is unknown; choose one of {', '.join(known)}.")
    return _choose(name, precision)


@cache
def _choose(name: str, precision: str) -> DeviceChoice:
    if precision == "int8":
        return _int8(name)
    if name == "cpu":
        return _cpu(precision, "")
    for kind in ("cuda", "mps"):
        if name not in ("auto", kind):
            continue
        reason = why_missing(kind)
        if not reason:
            return _accelerator(kind, precision)
        if name == kind:
            raise UnetppError(f"Device {kind!r} was asked for, but {reason} Use 'auto' or 'cpu'.")
    return _cpu(precision, _unused_gpu())


def _accelerator(kind: str, precision: str) -> DeviceChoice:
    """The best number format that agrees with the CPU on this accelerator, else the CPU."""
    formats = ("float16", "float32") if kind == "cuda" else ("float32",)
    if precision not in ("auto", "float32"):
        return _asked_for(kind, precision, "")
    for dtype in formats if precision == "auto" else (precision,):
        if _agrees(kind, dtype):
            return DeviceChoice(kind, dtype)
    return _cpu(precision, f"{kind} failed its self-test against the CPU and is not used.")


def _cpu(precision: str, note: str) -> DeviceChoice:
    if precision == "auto":
        return DeviceChoice("cpu", measured_once("inference", this_machine(), FLOATS, _faster_on_cpu), note)
    if precision == "float32":
        return DeviceChoice("cpu", precision, note)
    return _asked_for("cpu", precision, note)


def _int8(name: str) -> DeviceChoice:
    """8-bit integers, which OpenVINO computes on the CPU."""
    if name not in ("auto", "cpu"):
        raise UsageError(f"int8 is computed on the CPU, but the device {name} was given. Give cpu or auto.")
    if problem := openvino_problem():
        raise UnetppError(f"int8 needs the package openvino, {problem}.")
    return DeviceChoice("cpu", "int8")


def openvino_problem() -> str:
    """Why OpenVINO, which computes int8, cannot be used; empty where it can."""
    if importlib.util.find_spec("openvino") is None:
        return "which is not installed: pip install 'napari-unetpp[fast]'"
    try:
        importlib.import_module("openvino")
    except (ImportError, OSError) as error:  # a library of it is missing, or is for another system
        return f"which is installed, but cannot be imported ({error}): install it again"
    return ""


def _asked_for(device: str, precision: str, note: str) -> DeviceChoice:
    """A format that the user chose, however fast it is."""
    if not _agrees(device, precision):
        raise UnetppError(
            f"{precision} was asked for, but on {device} it is not supported, or does not give what float32 "
            "gives. Choose another --precision: auto and float32 always work."
        )
    return DeviceChoice(device, precision, note)


def _faster_on_cpu() -> str:
    """The faster of float32 and bfloat16; the latter only if it gives the same."""
    good = cpu_has_bf16() and _agrees("cpu", "bfloat16") and _bf16_gain() >= MIN_GAIN
    return "bfloat16" if good else "float32"


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bfloat16, and torch knows how."""
    supported: Callable[[], bool] | None = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return torch.backends.mkldnn.is_available() and supported is not None and bool(supported())


def why_missing(kind: str) -> str:
    """Why this computer has no such device, in a sentence; empty where it has one."""
    if kind == "cpu" or (torch.cuda if kind == "cuda" else torch.backends.mps).is_available():
        return ""
    if kind == "mps":
        return "this computer or this torch has no Metal device."
    return _unused_gpu() or "this computer shows no CUDA device."


def _unused_gpu() -> str:
    """A hint where an NVIDIA card is present that this torch cannot use."""
    if shutil.which("nvidia-smi") is None or torch.version.cuda is not None:
        return ""
    return (
        "an NVIDIA GPU seems present, but this torch has no CUDA; "
        "install it with: pip install torch --index-url https://download.pytorch.org/whl/cu126."
    )


def prepare(net: UNetPlusPlus, device: str, dtype: torch.dtype) -> UNetPlusPlus:
    """A folded copy of a network, ready for inference on a device: channels last, fused on the CPU."""
    moved: UNetPlusPlus = net.folded().to(device=device, dtype=dtype)
    moved = moved.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device == "cpu" and fused.available(dtype):
        fused.fuse(moved)
    return moved


# ------------------------------------------------------------------- self-test


@cache
def self_test_case(side: int = SIDE) -> tuple[UNetPlusPlus, Tensor]:
    """A small seeded network and image (1, 3, side, side); the global random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = UNetPlusPlus(NetConfig(widths=(32, 64, 128)))
        image = torch.rand(1, 3, side, side)
    return net, image.to(memory_format=torch.channels_last)


def self_test_run(device: str, dtype: str, side: int = SIDE) -> Callable[[], Tensor]:
    """Gives the probabilities of the test case on a device and in a number format of torch."""
    net, image = self_test_case(side)
    target = getattr(torch, dtype)
    moved = prepare(net, device, target)
    x = image.to(device, target)

    def forward() -> Tensor:
        with torch.inference_mode():
            logits: Tensor = moved(x)
            return logits.float().sigmoid().cpu()

    return forward


def _agrees(device: str, dtype: str) -> bool:
    """Whether the small network gives the CPU's float32 probabilities there."""
    try:
        found = self_test_run(device, dtype)()
    except (RuntimeError, NotImplementedError, AssertionError):  # a torch without CUDA asserts
        return False
    expected = self_test_run("cpu", "float32")()
    return bool((found - expected).abs().max() <= TOLERANCE[dtype])


def _bf16_gain() -> float:
    """Seconds in float32 over seconds in bfloat16 on this CPU."""
    return gain(self_test_run("cpu", "float32"), self_test_run("cpu", "bfloat16"))


def gain(slow: Callable[[], Tensor], fast: Callable[[], Tensor]) -> float:
    """Seconds of one run over those of another.

    The median of ratios of runs taken in turns: other load hits both sides of a ratio.
    """
    ratios = []
    for _ in range(6):
        seconds = []
        for run in (slow, fast):
            start = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    return statistics.median(ratios[1:])  # the first is a warm-up
