"""What a worker process keeps between two jobs: its models, and the open image."""

from __future__ import annotations

import signal
import socket
import threading
from contextlib import ExitStack
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.volumes.cluster.address import PACKAGE, ImageAddress

if TYPE_CHECKING:
    from napari_unetpp.engine.device import DeviceChoice
    from napari_unetpp.engine.loaded_model import LoadedModel
    from napari_unetpp.volumes.inputs.source import ImageSource

_plugins: dict[str, ModelPlugin] = {}
_loaded: dict[str, LoadedModel] = {}
_loading = threading.Lock()
_open = threading.local()  # readers of files are not safe to share between threads


class ModelPlugin(WorkerPlugin):
    """Gives a model to every worker, also to those that start later.

    Parameters
    ----------
    name : str
        Unique for each run, so that no run removes the model of another.
    info : ModelInfo
    tensors : bytes
        State dict of the network as safetensors.
    choice : DeviceChoice
        As decided where the run was started, so that all workers compute the same.
    scales : Int8Scales or None
        For the number format int8.
    own : bool
        The workers belong to the run: they ignore Ctrl-C, which the process that started them handles.
    """

    def __init__(
        self, name: str, info: ModelInfo, tensors: bytes, choice: DeviceChoice, scales: Any, *, own: bool
    ) -> None:
        self.name = name
        self.info, self.tensors, self.own = info, tensors, own
        self.device, self.precision, self.scales = choice.device, choice.dtype, scales
        self.version = version(PACKAGE)

    def setup(self, worker: Any) -> None:
        """Keep the model; it is loaded on first use."""
        if version(PACKAGE) != self.version:
            raise UnetppError(f"this worker has {PACKAGE} {version(PACKAGE)}; {self.version} is needed.")
        if self.own and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        _plugins[self.name] = self

    def teardown(self, worker: Any) -> None:
        """Forget the model."""
        _plugins.pop(self.name, None)
        _loaded.pop(self.name, None)


def model_named(name: str) -> LoadedModel:
    """The model of a plugin, loaded once for the process."""
    with _loading:
        if name not in _loaded:
            _loaded[name] = _load(_plugins[name])
        return _loaded[name]


def _load(given: ModelPlugin) -> LoadedModel:
    from safetensors.torch import load

    from napari_unetpp.engine.device import choose_device
    from napari_unetpp.engine.loaded_model import LoadedModel

    choice = choose_device(given.device, given.precision)
    return LoadedModel(given.info, load(given.tensors), choice, given.scales)


def image_at(address: ImageAddress) -> ImageSource:
    """The image at an address; each thread keeps the last one open."""
    if getattr(_open, "address", None) != address:
        if hasattr(_open, "stack"):
            _open.stack.close()
        _open.address, _open.stack = None, ExitStack()
        _open.image = _opened(address, _open.stack)
        _open.address = address
    image: ImageSource = _open.image
    return image


def _opened(address: ImageAddress, stack: ExitStack) -> ImageSource:
    from napari_unetpp.volumes.inputs.source import open_image

    try:
        image = stack.enter_context(open_image(address.path, series=address.series, axes=address.axes))
    except UnetppError as error:
        raise UnetppError(
            f"{error} That was on the worker {socket.gethostname()}: all workers read the image under the "
            "same path."
        ) from error
    return image if address.region is None else image.cropped(address.region)
