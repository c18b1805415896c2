"""What the dock hands to the command that segments a folder: all that is set, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from stand_ins import model_info

from napari_unetpp import cli
from napari_unetpp._types import AUTO, ModelInfo
from napari_unetpp.cli import build_parser
from napari_unetpp.files.results.result_file import read_facts
from napari_unetpp.session.batch import BatchRequest, arguments
from napari_unetpp.session.segment.facts import common_facts
from napari_unetpp.session.state import SessionState

REQUEST = BatchRequest((Path("images"),), Path("out"))


def words(state: SessionState, **changes: Any) -> list[str]:
    """The arguments after those that are always there."""
    found = arguments(BatchRequest(REQUEST.inputs, REQUEST.out, **changes), state, model_info(), Path("r"))
    return found[found.index("--skip-existing") + 1 :]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"threshold": 0.7}, ["--threshold", "0.7"]),
        ({"min_size": 0}, ["--min-size", "0"]),
        ({"min_size": 40, "max_size": 900_000}, ["--min-size", "40", "--max-size", "900000"]),
        ({"fill_holes": True, "drop_border": True}, ["--fill-holes", "--drop-border"]),
        ({"split": False}, ["--no-split"]),
        ({"kind": "mask", "min_size": 9, "split": False, "fill_holes": True}, ["--fill-holes"]),
        ({"scale": 0.5, "contrast": "given", "range": (1, 9)}, ["--scale", "0.5", "--range", "1", "9"]),
    ],
)
def test_settings_of_the_dock(changes: dict[str, Any], expected: list[str]) -> None:
    assert words(SessionState(**changes), table=False) == expected


def test_best_is_the_mean_of_orientations() -> None:
    assert words(SessionState(), table=False, best=True) == ["--augment"]


def test_as_displayed_is_the_range_of_the_shown_image() -> None:
    """The command got no range and measured one in each image."""
    state = SessionState(contrast="displayed", range=(0, 1))
    limits = (0.1234567891, 1234567.5)
    found = arguments(REQUEST, state, model_info(), Path("r"), limits)
    at = found.index("--range")
    assert tuple(map(float, found[at + 1 : at + 3])) == limits
    assert "--range" not in arguments(REQUEST, state, model_info(), Path("r"), None)  # colour


@pytest.mark.parametrize("kind", ["labels", "mask"])
def test_the_command_takes_them(kind: Any) -> None:
    state = SessionState(
        level=AUTO, kind=kind, threshold=0.7, min_size=4, max_size=90, fill_holes=True, drop_border=True
    )
    parsed = build_parser().parse_args(arguments(REQUEST, state, model_info(), Path("report.json")))
    assert (parsed.level, parsed.kind, parsed.threshold, parsed.fill_holes) == ("auto", kind, 0.7, True)
    assert (parsed.max_size, parsed.drop_border) == ((90, True) if kind == "labels" else (None, False))


def test_files_say_the_same_as_those_that_the_dock_saves(tmp_path: Path, tiny_model: ModelInfo) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.eye(32, dtype=np.uint8))
    state = SessionState(level=1, threshold=0.7, min_size=4, max_size=90, drop_border=True, split=False)
    request = BatchRequest((tmp_path / "a.tif",), tmp_path)
    assert cli.main(arguments(request, state, tiny_model, tmp_path / "report.json")) == 0
    (entry,) = json.loads((tmp_path / "report.json").read_text())
    facts = read_facts(Path(entry["outputs"][0]))
    expected = common_facts(tiny_model, 1, state.rule)
    assert {name: facts[name] for name in expected} == expected
