"""The examples of the documentation run, on parts of the samples and with small budgets."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import ROOT, python_blocks

import napari_unetpp
from napari_unetpp._types import Region

EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
SIDE = 64
CODE = [block for block in python_blocks() if "onnxruntime" not in block[1]]
"""ONNX needs the extra export: tests/exports/test_onnx_export.py does what that page shows."""


@pytest.fixture
def small_images(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `open_image` opens is cut to a corner."""
    whole = napari_unetpp.open_image

    @contextmanager
    def open_corner(path: Path, **options: Any) -> Iterator[Any]:
        with whole(path, **options) as image:
            if image.axes.size("T") > 1:
                yield image
            else:
                corner = image.cropped(Region(100, 100, 100 + SIDE, 100 + SIDE))
                yield replace(corner, array=image.array[100 : 100 + SIDE, 100 : 100 + SIDE])

    monkeypatch.setattr(napari_unetpp, "open_image", open_corner, raising=False)


# that of the dock: tests/gui/test_ways_to_open.py
@pytest.mark.parametrize("path", [p for p in EXAMPLES if p.stem != "dock"], ids=lambda p: p.stem)
@pytest.mark.usefixtures("small_images")
def test_an_example_runs(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [path.name, "1"])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out


def test_every_example_is_on_the_page() -> None:
    page = (ROOT / "docs" / "start" / "python.md").read_text()
    assert [path.name for path in EXAMPLES if f"examples/{path.name}" not in page] == []


@pytest.mark.parametrize(("page", "code"), CODE, ids=[page for page, _ in CODE])
@pytest.mark.usefixtures("inputs")
def test_code_on_a_page_runs(page: str, code: str) -> None:
    image = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), np.uint8)
    labels = np.zeros((3, SIDE, SIDE), np.uint16)
    labels[:, 5:20, 5:20] = 1
    film = np.stack([image] * 3)
    small = code.replace("250", "0").replace("500", "1")  # the video of the tests has three frames
    exec(small, {"image": image, "stack": film, "film": film, "stack_of_labels": labels})
