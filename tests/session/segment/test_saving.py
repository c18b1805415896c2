"""What Save writes: names of files, numbers of the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_unetpp._types import AUTO, Kind, ModelInfo, ScaleChoice, UnetppError, never_stop
from napari_unetpp.files.images.pixel_size import read_pixel_size
from napari_unetpp.files.results.result_file import read_facts
from napari_unetpp.session.messages import saving
from napari_unetpp.session.segment.facts import facts_of
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.segment.save import SaveRequest, save
from napari_unetpp.session.values import DeviceRequest, PixelSize, Plane, Rule, Step


@pytest.mark.parametrize(
    ("position", "name"),
    [
        ((), "a film_labels.tif"),
        ((Step("t", 3, 9),), "a film_t003_labels.tif"),
        ((Step("t", 3, 9), Step("z", 0, 2)), "a film_t003_z000_labels.tif"),
        ((Step("axis0", 12, 20), Step("time (s)", 1, 2)), "a film_axis0_012_time _s_001_labels.tif"),
    ],
)
def test_each_plane_is_saved_under_a_name_of_its_own(position: tuple[Step, ...], name: str) -> None:
    plane = Plane("key", "image", "a film", np.zeros((2, 2)), position=position)
    assert saving.file_suggestion(plane, "labels").name == name


@pytest.mark.parametrize("name", ["x" * 400, "ß" * 300, "細胞" * 200, "a" * 300 + "_007"])
def test_the_file_name_made_from_a_long_layer_name_fits(name: str, tmp_path: Path) -> None:
    stem = saving.file_stem(name)
    assert len(stem.encode()) <= 130 and stem.endswith(name[-1])
    (tmp_path / f"{stem}_t003_z012_labels_2.tif").touch()


def test_a_file_name_that_is_too_long_is_refused_in_words(tmp_path: Path) -> None:
    """It was a raw OSError with a traceback."""
    plane = Plane("key", "image", "cells", np.zeros((4, 4)))
    path = tmp_path / f"{'x' * 300}.tif"
    with pytest.raises(UnetppError, match=r"too long.*choose a shorter one"):
        list(save(SaveRequest(path, np.ones((4, 4), np.uint16), "labels", plane), never_stop))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["labels", "mask"])
def test_both_sides_of_a_pixel_go_into_the_file(kind: Kind, tmp_path: Path) -> None:
    plane = Plane("key", "image", "cells", np.zeros((4, 4)), pixel=PixelSize(sides=(0.25, 0.5)))
    list(save(SaveRequest(tmp_path / "a.tif", np.ones((4, 4), np.uint16), kind, plane), never_stop))
    size = read_pixel_size(tmp_path / "a.tif")
    assert size is not None and (size.y, size.x) == (0.25, 0.5)


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        (Rule(), {}),
        (Rule(threshold=0.7, max_size=90, split=False), {"threshold": 0.7, "max_size": 90, "split": False}),
        (Rule(min_size=0, fill_holes=True, drop_border=True), ["min_size", "fill_holes", "drop_border"]),
        (Rule("mask", 0.7, 5, False, 90, True, True), {"threshold": 0.7, "fill_holes": True}),
    ],
)
def test_what_differs_from_the_models_own_rule_is_said(rule: Rule, given: Any, tiny_info: ModelInfo) -> None:
    found = rule.given(tiny_info.decode)
    assert found == given if isinstance(given, dict) else list(found) == given


def test_files_of_the_dock_say_how_they_were_made(tmp_path: Path, tiny_info: ModelInfo) -> None:
    plane = Plane("key", "image", "cells", np.zeros((4, 4)))
    rule = Rule(threshold=0.7, min_size=3)
    request = SegmentRequest(
        plane, tiny_info, DeviceRequest("cpu"), AUTO, rule, ScaleChoice(0.5, "given"), None
    )
    facts = facts_of(request, (0, 9), "float32", corrected=True)
    labels = np.ones((4, 4), np.uint16)
    for name in ("a.tif", "a.geojson"):
        list(save(SaveRequest(tmp_path / name, labels, "labels", plane, facts=facts), never_stop))
    expected = {
        "model": "tiny",
        "level": "auto",
        "scale": 0.5,
        "range": [0, 9],
        "precision": "float32",
        "given": {"threshold": 0.7, "min_size": 3},
        "corrected": True,
    }
    found = read_facts(tmp_path / "a.tif")
    assert {name: found[name] for name in expected} == expected and found["version"]
    assert json.loads((tmp_path / "a.geojson").read_text())["napari_unetpp"] == found
