"""Models for other programs: one level as ONNX or as a BioImage.IO package, checked by running it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.engine.device import DeviceChoice
from napari_unetpp.engine.level import resolve_level
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.exports import onnx_file
from napari_unetpp.exports.package import check_package, write_package
from napari_unetpp.exports.package_text import DEVELOPERS
from napari_unetpp.exports.sample import ExportSample, read_sample, sample_file
from napari_unetpp.exports.target import SUFFIXES, ExportFormat, check_export_target
from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.files.models.own_models import is_shipped, tensors_of
from napari_unetpp.net.exported import activation_of, export_net

UNKNOWN = "unknown"

STEPS = READING, WRITING, CHECKING = (
    "reading the model and a sample",
    "writing the file",
    "running the written file, to compare it with the model",
)
"""What is done, in this order."""

EXACT = DeviceChoice("cpu", "float32")
"""The device and number format in which our own result for the comparison is computed."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A written export.

    Attributes
    ----------
    path : Path
    level : int
    checked : str
        The result of the check, as a part of a sentence.
    notes : tuple of str
        Notes for the user.
    """

    path: Path
    level: int
    checked: str
    notes: tuple[str, ...] = ()


def export_model(
    info: ModelInfo,
    kind: ExportFormat,
    out: Path,
    *,
    level: int | None = None,
    authors: Sequence[str] = (),
    sample: Path | None = None,
    overwrite: bool = False,
    on_step: Callable[[str], None] = lambda _text: None,
) -> Exported:
    """Write one level of a model for other programs.

    The file is made in a temporary folder, run on a real image and compared with our own result; only then it
    is written to `out`.

    Parameters
    ----------
    info : ModelInfo
        Its file is only read.
    kind : {"onnx", "bioimageio"}
    out : Path
        A name ending in .onnx or .zip.
    level : int, optional
        None: the recommended one.
    authors : sequence of str
        Authors of the model, for a package; empty: the developers for shipped models, else unknown.
    sample : Path, optional
        The image of the check, which a package shows on its cover; None: one of ours.
    overwrite : bool
        False: an existing file is refused.
    on_step : callable
        Called with what is done next.

    Raises
    ------
    UnetppError
        A level or a name that is not possible, or an exported file that does not give the same result.
    ModuleNotFoundError
        The extra ``export`` is not installed.
    """
    if kind not in SUFFIXES:
        raise UnetppError(f"format {kind!r} was given; expected one of {', '.join(SUFFIXES)}.")
    depth = resolve_level(info, info.recommended_level if level is None else level)
    check_export_target(out, kind, info, overwrite=overwrite)
    assert info.path is not None, f"the model {info.name!r} has no file"
    on_step(READING)
    model = LoadedModel(info, tensors_of(info), EXACT)
    test_sample = read_sample(model, sample or sample_file(info))
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"made{SUFFIXES[kind]}"
        on_step(WRITING)
        if kind == "onnx":
            checked = _make_onnx(made, model, depth, test_sample, on_step)
        else:
            checked = _make_package(made, model, depth, test_sample, authors or _authors(info), on_step)
        with open(made, "rb") as file:
            write_atomically(out, lambda target: shutil.copyfileobj(file, target), overwrite=overwrite)
    notes = _notes(info, authors) if kind == "bioimageio" else ()
    return Exported(out, depth, checked, notes)


def _make_onnx(
    made: Path, model: LoadedModel, level: int, sample: ExportSample, on_step: Callable[[str], None]
) -> str:
    info = model.info
    assert info.path is not None
    net = export_net(info.net, tensors_of(info), level, activation_of(info))
    onnx_file.write_onnx(made, net, info)
    on_step(CHECKING)
    difference = max(
        onnx_file.compare(onnx_file.run_onnx(made, x[None])[0], model.image_maps(x, level))
        for x in _two_sizes(sample, info.net.multiple)
    )
    return f"ONNX Runtime gives the same on two sizes, largest difference {difference:.1g}"


def _two_sizes(sample: ExportSample, multiple: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The sample, and about its upper half; the whole sample where half is too small."""
    x = sample.normalised
    half = max(x.shape[1] // 2 // multiple, 1) * multiple
    return x, np.ascontiguousarray(x[:, :half])


def _make_package(
    made: Path,
    model: LoadedModel,
    level: int,
    sample: ExportSample,
    authors: Sequence[str],
    on_step: Callable[[str], None],
) -> str:
    info = model.info
    assert info.path is not None
    maps = model.image_maps(sample.normalised, level)
    write_package(made, info, tensors_of(info), level, sample, maps, authors=authors)
    on_step(CHECKING)
    check_package(made)
    return f"passes the test of bioimageio.core {version('bioimageio.core')}"


def _authors(info: ModelInfo) -> tuple[str, ...]:
    return (DEVELOPERS,) if is_shipped(info) else (UNKNOWN,)


def _notes(info: ModelInfo, authors: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if not (authors or is_shipped(info)):
        notes.append(f"the package names its author {UNKNOWN!r}; --author NAME says who made the model")
    if not info.licence:
        notes.append(
            f"the card of {info.name!r} states no licence, so the package has none, and nobody may use it"
        )
    return tuple(notes)
