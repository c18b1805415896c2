"""Exports from the dock: the command ``export`` with what the form says. Pure functions."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import ModelInfo
from napari_unetpp.exports.target import SUFFIXES, ExportFormat

FORMATS: dict[ExportFormat, str] = {"onnx": "ONNX", "bioimageio": "BioImage.IO package"}
"""What formats are called."""

NEEDS: dict[ExportFormat, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "bioimageio": ("onnx", "onnxruntime", "onnxscript", "bioimageio.core"),
}
"""Packages of the extra ``export``, by what they are imported as."""

PIP = "pip install 'napari-unetpp[export]'"
STOPPED = "Stopped. Nothing was written."


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Write a level of a model into a file."""

    model: ModelInfo
    format: ExportFormat
    level: int
    out: Path
    author: str = ""
    overwrite: bool = False


def arguments(request: ExportRequest) -> list[str]:
    """Arguments of the command."""
    options = ["--format", request.format, "--level", str(request.level), "--out", str(request.out)]
    if request.author and request.format == "bioimageio":
        options += ["--author", request.author]
    options += ["--overwrite"] if request.overwrite else []
    return ["export", request.model.name, *options]


def missing(kind: ExportFormat, find: Callable[[str], object] = importlib.util.find_spec) -> str:
    """What has to be installed first, and how; empty where nothing has."""
    absent = [name for name in NEEDS[kind] if not _found(name, find)]
    return f"{FORMATS[kind]} needs {', '.join(absent)}: {PIP}" if absent else ""


def suggestion(model: ModelInfo, kind: ExportFormat, level: int, folder: Path) -> Path:
    """A file name, with the suffix of the format."""
    stem = re.sub(r"[^\w.-]+", "-", model.name).strip("-.") or "model"
    return folder / f"{stem}-L{level}{SUFFIXES[kind]}"


def with_suffix(path: Path, kind: ExportFormat) -> Path:
    """The name with the suffix of the format; that of another format is replaced."""
    if path.suffix.lower() == SUFFIXES[kind]:
        return path
    if path.suffix.lower() in SUFFIXES.values():
        return path.with_suffix(SUFFIXES[kind])
    return path.with_name(path.name + SUFFIXES[kind])


def step_of(line: str) -> tuple[int, int, str] | None:
    """The number of a step, how many there are, and what it does, of a line that the command says."""
    found = re.match(r"(\d+)/(\d+) (.+)", line)
    return None if found is None else (int(found[1]), int(found[2]), found[3])


def _found(name: str, find: Callable[[str], object]) -> bool:
    try:
        return find(name) is not None
    except ModuleNotFoundError:  # of a module in a package that is not there
        return False
