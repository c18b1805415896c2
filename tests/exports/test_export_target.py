"""Where an export may be written, and which licence a card states: tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_unetpp._types import ModelInfo, UnetppError
from napari_unetpp.exports.licences import spdx
from napari_unetpp.exports.target import check_export_target
from napari_unetpp.files.models.model_file import read_info
from napari_unetpp.files.models.model_list import SHIPPED

LICENCES = {
    "MIT (weights and training data, Usiigaci)": "MIT",
    "CC BY-NC 4.0 (weights; data: Kvasir-SEG, Jha et al. 2020). Not for clinical use": "CC-BY-NC-4.0",
    "CC BY 4.0": "CC-BY-4.0",
    "CC0 1.0 (weights)": "CC0-1.0",
    "CC0": "CC0-1.0",
    "BSD-3-Clause; data CC BY 4.0": "BSD-3-Clause",
    "apache-2.0.": "Apache-2.0",
    "BSD-3-Clause AND CC-BY-NC-4.0": None,
    "ask Anna": None,
    "": None,
}


@pytest.mark.parametrize("text", LICENCES)
def test_licence(text: str) -> None:
    assert spdx(text) == LICENCES[text]


def test_the_shipped_polyps_stay_non_commercial() -> None:
    assert spdx(read_info(SHIPPED / "polyps.safetensors").licence) == "CC-BY-NC-4.0"


REFUSED = {
    "another suffix": ("a.zip", "ending in .onnx"),
    "no suffix": ("a", "ending in .onnx"),
    "hidden": (".a.onnx", "file name"),
    "an option": ("-a.onnx", "file name"),
    "a device": ("CON.onnx", "file name"),
    "a device with more": ("lpt1.tar.onnx", "file name"),
    "two lines": ("a\nb.onnx", "file name"),
    "a stream": ("a:b.onnx", "file name"),
    "a backslash": ("..\\a.onnx", "file name"),
    "right to left": ("a\u202exnno.onnx", "file name"),
    "a folder": ("folder.onnx", "is a folder"),
    "something else": ("there.onnx", "exists already"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_targets(case: str, tmp_path: Path, tiny_info: ModelInfo) -> None:
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "there.onnx").touch()
    name, message = REFUSED[case]
    with pytest.raises(UnetppError, match=message):
        check_export_target(tmp_path / name, "onnx", tiny_info, overwrite=False)


@pytest.mark.parametrize("name", ["a.onnx", "Zellkerne ä 2.1.ONNX", "there.onnx"])
def test_allowed_targets(name: str, tmp_path: Path, tiny_info: ModelInfo) -> None:
    (tmp_path / "there.onnx").touch()
    check_export_target(tmp_path / name, "onnx", tiny_info, overwrite=True)


def test_the_model_itself_is_never_a_target(tmp_path: Path, tiny_model: ModelInfo) -> None:
    assert tiny_model.path is not None
    link = tmp_path / "link.zip"
    link.symlink_to(tiny_model.path)
    with pytest.raises(UnetppError, match="is the model itself"):
        check_export_target(link, "bioimageio", tiny_model, overwrite=True)
