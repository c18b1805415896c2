"""Models that are given by name, by file, or loaded already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_unetpp._types import ModelInfo
from napari_unetpp.files.models.model_list import find_model

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel


def load_model(name_or_path: str | Path, *, device: str = "auto", precision: str = "auto") -> LoadedModel:
    """Load a model, by its name in the list or from a file, on a device.

    Parameters
    ----------
    name_or_path : str or Path
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"auto", "float32", "bfloat16", "float16"}
        Number format of the network; "auto": the fastest that agrees with float32 on this machine.

    Raises
    ------
    UnetppError
        There is no such model, its file is not valid, or the device cannot be used.

    Examples
    --------
    >>> model = load_model("nuclei")  # doctest: +SKIP
    """
    from napari_unetpp.engine.loaded_model import LoadedModel

    return LoadedModel.load(find_model(name_or_path), device=device, precision=precision)


def loaded_model(model: str | Path | LoadedModel, device: str, precision: str) -> LoadedModel:
    """The model itself, or loaded by its name or from its file."""
    if isinstance(model, (str, Path)):
        return load_model(model, device=device, precision=precision)
    return model


def model_card(model: str | Path | ModelInfo | LoadedModel) -> ModelInfo:
    """The card of a model that is given by name, file or itself."""
    if isinstance(model, ModelInfo):
        return model
    return find_model(model) if isinstance(model, (str, Path)) else model.info
