"""A small model with probabilities all over (0, 1), and no way out to the network."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from napari_unetpp._types import ModelInfo, UnetppError


@pytest.fixture(scope="module")
def write_model(tmp_path_factory: pytest.TempPathFactory, tiny_info: ModelInfo) -> Callable[..., ModelInfo]:
    """Write an untrained model; arguments change its card."""
    import torch

    from napari_unetpp.files.models.model_file import save_model
    from napari_unetpp.net.unetpp import UNetPlusPlus
    from napari_unetpp.train.averaging import batch_norms

    def write_model(file: str = "tiny", **changes: Any) -> ModelInfo:
        info = replace(tiny_info, **changes)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            net = UNetPlusPlus(info.net).train()
            for norm in batch_norms(net):
                norm.momentum = None  # true statistics
            for _ in range(3):
                heads = net.all_heads(torch.rand(2, info.net.in_channels, 64, 64) * 2)
            with torch.no_grad():  # so that a difference shows
                for head, logits in zip(net.heads.values(), heads, strict=True):
                    spread = 2.0 / logits.std()
                    head.weight.mul_(spread)
                    head.bias.copy_((head.bias - logits.mean((0, 2, 3))) * spread)
        path = tmp_path_factory.mktemp("models") / f"{file}.safetensors"
        return save_model(path, net.state_dict(), info)

    return write_model


@pytest.fixture(scope="module")
def model(write_model: Callable[..., ModelInfo]) -> ModelInfo:
    """The small model for instances."""
    return write_model()


@pytest.fixture(scope="module")
def offline() -> Any:
    """Sockets that reach nobody but this machine."""
    patch = pytest.MonkeyPatch()
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1"):
            raise AssertionError(f"something tried to reach {address}")
        real(self, address)

    def look_up(host: Any, *_: Any, **__: Any) -> Any:
        raise AssertionError(f"something tried to look up {host}")

    patch.setattr(socket.socket, "connect", connect)
    patch.setattr(socket, "getaddrinfo", look_up)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def onnx_libraries() -> None:
    """Skip where the extra is not installed."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason="the extra export is not installed")


@pytest.fixture(scope="session")
def bioimageio_libraries(onnx_libraries: None) -> None:
    """Skip where the extra is not installed, or in versions that do not go together."""
    from napari_unetpp.exports.package import check_versions

    pytest.importorskip("bioimageio.core", reason="the extra export is not installed")
    try:
        check_versions()
    except UnetppError as error:
        pytest.skip(str(error))


@pytest.fixture
def photo() -> Path:
    """A real image that comes with the package."""
    from napari_unetpp.exports.sample import FOLDER

    return FOLDER / "sparse_fluorescence.png"
