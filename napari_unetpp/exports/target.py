"""The check of the file name of an export."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from napari_unetpp._types import ModelInfo, UnetppError, UsageError
from napari_unetpp.files.models.own_models import DEVICES

ExportFormat = Literal["onnx", "bioimageio"]
SUFFIXES: dict[ExportFormat, str] = {"onnx": ".onnx", "bioimageio": ".zip"}

REFUSED = '<>:"|?*\\'
"""Characters that file names cannot have on some systems."""


def check_export_target(path: Path, kind: ExportFormat, info: ModelInfo, *, overwrite: bool) -> None:
    """Raise UnetppError unless a file of this name can be written, here and on other systems."""
    suffix = SUFFIXES[kind]
    if path.suffix.lower() != suffix:
        raise UsageError(
            f"{str(path)!r} was given for an export as {kind}; expected a name ending in {suffix}."
        )
    name = path.name
    odd = [c for c in name if c in REFUSED or not c.isprintable()]
    if odd or name.startswith((".", "-", " ")) or name.split(".")[0].strip().lower() in DEVICES:
        raise UsageError(
            f"the file name {name!r} was given, which other systems cannot have or hide. Use letters, "
            "digits, spaces, dots, - and _, and begin with a letter or a digit."
        )
    if path.is_dir():
        raise UnetppError(f"{path} is a folder; expected the name of a file.")
    if info.path is not None and path.exists() and path.samefile(info.path):
        raise UnetppError(f"{path} is the model itself. Choose another name.")
    if path.exists() and not overwrite:
        raise UnetppError(f"{path} exists already. Choose another name, or allow overwriting (--overwrite).")
