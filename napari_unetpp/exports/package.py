"""One level of a model as a BioImage.IO package (specification 0.5): weights, ONNX, tests, cover, texts."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unetpp import __version__
from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.exports import licences, package_text
from napari_unetpp.exports.description import describe
from napari_unetpp.exports.onnx_file import write_onnx
from napari_unetpp.exports.sample import ExportSample, cover_png
from napari_unetpp.files.models.model_list import SUFFIX
from napari_unetpp.net.exported import ExportedNet, export_net

if TYPE_CHECKING:
    from torch import Tensor

ENVIRONMENT = f"""channels: [conda-forge, nodefaults]
dependencies:
  - python>=3.11
  - pip
  - pip:
      - napari-unetpp>={__version__}
"""
"""The environment that runs the weights: the architecture is imported from this package."""


def write_package(
    path: Path,
    info: ModelInfo,
    tensors: dict[str, Tensor],
    level: int,
    sample: ExportSample,
    maps: np.ndarray[Any, np.dtype[np.float32]],
    *,
    authors: Sequence[str],
) -> None:
    """Write the package, a zip file.

    Parameters
    ----------
    path : Path
        In a temporary folder, in which the parts are written, too.
    info, tensors, level
        The model, its weights, and the level that is exported.
    sample : ExportSample
    maps : ndarray of shape (K, Y, X)
        Our own maps of the sample.
    authors : sequence of str
        At least one name.

    Raises
    ------
    UnetppError
        The specification does not allow a text of the card or the name of an author.
    """
    check_versions()
    from bioimageio.spec import ValidationContext, save_bioimageio_package

    folder = path.parent / "parts"
    folder.mkdir()
    model_file = f"{package_text.package_stem(info)}{SUFFIX}"
    _write_texts(folder, info, level, model_file)
    (folder / "cover.png").write_bytes(cover_png(sample, maps, info))
    np.save(folder / "test_input.npy", sample.pixels[None])
    np.save(folder / "test_output.npy", maps[None])
    net = export_net(info.net, tensors, level, "none")
    _write_weights(folder, net, info)
    with ValidationContext(root=folder, log_warnings=False), quiet():
        try:
            save_bioimageio_package(describe(folder, info, net, authors, model_file), output_path=path)
        except ValueError as error:  # of pydantic, for example: a slash in the name of an author
            raise UnetppError(f"BioImage.IO's specification does not allow this package: {error}") from error


def check_versions() -> None:
    """Raise UnetppError if installed versions do not work together, ModuleNotFoundError if one is missing.

    Before 0.5.14.3 bioimageio.spec handed pydantic an argument that pydantic refuses from 2.14 on.
    """
    import bioimageio.core  # noqa: F401
    from packaging.version import Version

    spec, pydantic = (version(name) for name in ("bioimageio.spec", "pydantic"))
    if Version(spec) < Version("0.5.14.3") and Version(pydantic) >= Version("2.14"):
        raise UnetppError(
            f"bioimageio.spec {spec} does not work with pydantic {pydantic}. Install versions that go "
            "together: pip install 'napari-unetpp[export]'."
        )


def check_package(path: Path) -> None:
    """Run the checks of ``bioimageio test``; raise UnetppError with their report if one fails."""
    from bioimageio.core import test_description

    with quiet():
        summary = test_description(path, determinism="seed_only")
    if summary.status != "passed":
        raise UnetppError(
            f"the package does not pass 'bioimageio test' and was not written:\n{summary.format(width=100)}"
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the warnings and the log of BioImage.IO's libraries."""
    from loguru import logger

    logger.disable("bioimageio")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.enable("bioimageio")


def _write_texts(folder: Path, info: ModelInfo, level: int, model_file: str) -> None:
    """Write the texts, and a copy of the model file."""
    assert info.path is not None
    shutil.copyfile(info.path, folder / model_file)
    texts = {"README.md": package_text.readme(info, level), "environment.yaml": ENVIRONMENT}
    if info.licence and licences.spdx(info.licence) is None:
        texts["LICENSE.txt"] = f"{info.licence}\n"
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _write_weights(folder: Path, net: ExportedNet, info: ModelInfo) -> None:
    import torch

    torch.save(net.state_dict(), folder / "weights.pt")
    write_onnx(folder / "weights.onnx", net, info)
