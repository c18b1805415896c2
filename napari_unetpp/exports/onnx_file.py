"""One level of a model as an ONNX file: normalised image in, maps out, any number and size of images."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp import __version__
from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.files.models.model_card import card_to_json
from napari_unetpp.files.models.model_file import METADATA_KEY, format_version
from napari_unetpp.net.exported import ExportedNet

INPUT, OUTPUT = "image", "maps"
TRACED = 4
"""Side of the image with which the network is traced, as a multiple of the network's; all sizes work."""

TOLERANCE = 1e-3
"""Largest difference between a probability of the exported file and ours."""

Maps = NDArray[np.float32]


def metadata(info: ModelInfo, level: int) -> str:
    """The model card as in a model file, with the level, the hash of that file and our version."""
    card = {"format_version": format_version(info), "model": card_to_json(info)}
    origin = {"level": level, "sha256": info.sha256, "napari_unetpp": __version__}
    return json.dumps(card | origin, allow_nan=False)


def write_onnx(path: Path, net: ExportedNet, info: ModelInfo) -> None:
    """Write `net`, a level of the model `info`.

    Raises
    ------
    ModuleNotFoundError
        The extra ``export`` is not installed.
    """
    import onnxscript  # noqa: F401 (torch needs it, and would name it less clearly)
    import torch

    multiple = info.net.multiple
    image = torch.zeros(2, info.net.in_channels, TRACED * multiple, (TRACED + 1) * multiple)
    dim = torch.export.Dim
    sizes = {0: dim("n"), 2: multiple * dim("h"), 3: multiple * dim("w")}
    with warnings.catch_warnings(), _errors_only("torch.onnx"):
        warnings.simplefilter("ignore")  # deprecations inside torch's exporter
        program = torch.onnx.export(
            net,
            (image,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=(sizes,),
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props[METADATA_KEY] = metadata(info, net.level)
    program.save(path, external_data=False)


def run_onnx(path: Path, image: Maps) -> Maps:
    """Maps (N, K, Y, X) of an ONNX file for a normalised image (N, C, Y, X), on the CPU."""
    return _session(path).run(None, {INPUT: image})[0]  # type: ignore[no-any-return]


def read_metadata(path: Path) -> dict[str, Any]:
    """What `metadata` stored in an ONNX file."""
    found = _session(path).get_modelmeta().custom_metadata_map
    return json.loads(found[METADATA_KEY])  # type: ignore[no-any-return]


def opset(path: Path) -> int:
    """Version of the operators of an ONNX file."""
    import onnx

    return int(onnx.load(path).opset_import[0].version)


def compare(found: Maps, expected: Maps) -> float:
    """The largest difference of two maps; UnetppError where it is more than `TOLERANCE`."""
    difference = float(np.abs(found - expected).max()) if found.shape == expected.shape else np.inf
    if not difference <= TOLERANCE:
        raise UnetppError(
            f"the exported file does not give the same result: shape {found.shape}, expected "
            f"{expected.shape}; largest difference {difference:.2g}, allowed {TOLERANCE:g}. Nothing was "
            "written. Other versions of torch, onnxscript and onnxruntime may help."
        )
    return difference


def _session(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@contextmanager
def _errors_only(name: str) -> Iterator[None]:
    """Let a logger report only errors."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
