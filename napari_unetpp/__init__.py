"""UNet++ in napari: segment an image and slide the depth of the network, live.

Public names are loaded on first use: importing the package loads neither torch nor Qt.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_unetpp._types import ModelInfo, Segmentation, UnetppError
    from napari_unetpp.api import evaluate, finetune, list_models, load_model, segment
    from napari_unetpp.files.objects.public import measure_objects, save_objects
    from napari_unetpp.volumes.inputs.source import open_image

try:
    __version__ = version("napari-unetpp")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0.1.0"

__all__ = [
    "ModelInfo",
    "Segmentation",
    "UnetppError",
    "__version__",
    "evaluate",
    "finetune",
    "list_models",
    "load_model",
    "measure_objects",
    "open_image",
    "save_objects",
    "segment",
]

_ELSEWHERE = {
    **dict.fromkeys(("ModelInfo", "Segmentation", "UnetppError"), "napari_unetpp._types"),
    **dict.fromkeys(("measure_objects", "save_objects"), "napari_unetpp.files.objects.public"),
    "open_image": "napari_unetpp.volumes.inputs.source",
}
"""Where names are that are not in `api`."""


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(_ELSEWHERE.get(name, "napari_unetpp.api")), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
