"""Sentences of the message line, costs of the levels, and the rectangles in which results are painted."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from stand_ins import model_info

from napari_unetpp._types import Region, SamplingRule, ScaleChoice, never_stop
from napari_unetpp.engine.input.normalise import NormStats, clean_plane
from napari_unetpp.session.display import costs
from napari_unetpp.session.events import Outcome
from napari_unetpp.session.messages import common, results
from napari_unetpp.session.messages import image as image_messages
from napari_unetpp.session.messages import models as model_messages
from napari_unetpp.session.segment import engine, objects, work
from napari_unetpp.session.segment.prediction import to_image_grid
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Rule


def outcome(**changes: object) -> Outcome:
    """An unremarkable outcome."""
    values: dict[str, object] = {
        "generation": 1,
        "level": 3,
        "kind": "labels",
        "levels": (1, 2, 3),
        "seconds": 0.42,
        "objects": 137,
        "diameter": 14.2,
        "coverage": 0.2,
        "peak": 0.98,
        "choice": ScaleChoice(1.0, "objects of about 20 px"),
        "range": (0.0, 255.0),
    }
    return Outcome(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "text", "tone", "offers"),
    [
        ({}, "137 objects, median diameter 14 px, L3, 0.4 s", "info", 0),
        ({"objects": 1}, "1 object, median diameter 14 px, L3, 0.4 s", "info", 0),
        ({"kind": "mask"}, "20.0 % foreground, L3, 0.4 s", "info", 0),
        ({"coverage": 0, "peak": 0.3}, "No objects: the highest probability is 0.30", "warning", 2),
        ({"coverage": 0, "peak": 0.9}, "No objects of 15 px or more", "warning", 1),
        ({"coverage": 0, "constant": True}, "No objects: every pixel", "warning", 0),
        ({"coverage": 0.99}, "99 % of the image is foreground", "warning", 2),
        (
            {"choice": ScaleChoice(1.0, "", weak=True)},
            "137 objects, median diameter 14 px, L3, 0.4 s\nNo clear object size",
            "info",
            1,
        ),
        ({"diameter": 2.0}, "137 objects, median diameter 2 px, L3, 0.4 s. They are tiny", "warning", 1),
    ],
)
def test_result_line(changes: dict[str, object], text: str, tone: str, offers: int) -> None:
    line, found_tone, found_offers = results.result(outcome(**changes), Rule(min_size=15))
    assert line.startswith(text)
    assert (found_tone, len(found_offers)) == (tone, offers)


@pytest.mark.parametrize(
    ("rule", "text", "offers"),
    [
        (Rule(min_size=15), "of 15 px or more (L3, 0.4 s). Lower the minimum size.", ["min_size:0"]),
        (
            Rule(min_size=15, max_size=90),
            "of 15 to 90 px (L3, 0.4 s). Lower the minimum size, or raise the maximum.",
            ["min_size:0", "max_size:"],
        ),
        (
            Rule(min_size=15, drop_border=True),
            "of 15 px or more off the border (L3, 0.4 s). Lower the minimum size, or keep objects at the"
            " border.",
            ["min_size:0", "drop_border:"],
        ),
    ],
)
def test_all_objects_were_dropped(rule: Rule, text: str, offers: list[str]) -> None:
    line, tone, found = results.result(outcome(coverage=0, peak=0.9), rule)
    assert (line, tone) == (f"No objects {text}", "warning")
    assert [action for _, action in found] == offers


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.01, "< 0.1 s"), (0.42, "0.4 s"), (12.3, "12 s"), (185, "3 min 5 s")]
)
def test_seconds(seconds: float, text: str) -> None:
    assert common.seconds_text(seconds) == text


def test_progress_tells_the_time_left_only_when_it_knows() -> None:
    assert results.progress(0, 96, 0.01, 0.2) == "tile 1 of 96"
    assert results.progress(40, 96, 0.5, 3.0) == "tile 41 of 96, 3.0 s left"


def test_estimates_are_marked_and_follow_the_flops() -> None:
    model = model_info()
    points = costs.points(model, {})
    assert not any(point.measured for point in points)
    assert [point.level for point in points if point.recommended] == [3]
    assert "about" in model_messages.readout(model, points[3])[0]
    known = costs.points(model, {4: 1.0})
    assert known[3].measured and known[3].seconds == 1.0
    assert known[0].seconds == pytest.approx(7.0 / 59.6, rel=0.02)


def test_state_announces_changes_only() -> None:
    state, heard = SessionState(), []
    state.events.level.connect(heard.append)
    state.level = 2
    state.level = 2
    assert heard == [2]


def test_areas_skip_unused_numbers() -> None:
    labels = np.zeros((700, 3), np.uint16)
    labels[::2, 0], labels[5, 1] = 9, 2
    assert list(objects.areas(labels)) == [1, 350]
    assert objects.median_diameter(objects.areas(np.zeros((3, 3), np.uint16))) is None


@pytest.mark.parametrize("shape", [(1, 1), (17, 2050), (1024, 1024), (3000, 5)])
def test_blocks_cover_once(shape: tuple[int, int]) -> None:
    seen = np.zeros(shape, int)
    for region in work.blocks(shape):
        seen[region.slices] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("working", "shape"), [((40, 60), (80, 120)), ((40, 60), (17, 31)), ((33, 7), (50, 90))]
)
def test_tiles_cover_the_image_grid_once(working: tuple[int, int], shape: tuple[int, int]) -> None:
    seen = np.zeros(shape, int)
    for y in range(0, working[0], 16):
        for x in range(0, working[1], 16):
            region = Region(y, x, min(y + 16, working[0]), min(x + 16, working[1]))
            mask = np.ones(region.shape, bool)
            where, values = to_image_grid(mask, region, working, shape)
            assert values.shape == where.shape
            seen[where.slices] += values
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("licence", "told"),
    [
        ("CC0 1.0", False),
        ("MIT", False),
        ("CC BY-NC 4.0", True),
        ("X. Not for clinical use", True),
        ("", False),
    ],
)
def test_a_licence_that_forbids_something_is_shown(licence: str, told: bool) -> None:
    assert model_messages.restriction(replace(model_info(), licence=licence)) == (licence if told else "")


@pytest.mark.parametrize("channels", [None, 3, 4])
def test_the_border_of_a_frame_does_not_count_in_the_dock_either(channels: int | None) -> None:
    """The same scale as in Python and on the command line; alpha lights nothing."""
    frame = np.zeros((90, 200), np.uint8)
    frame[10:80, 90:190] = 120
    data = frame if channels is None else np.stack([frame] * channels, axis=-1)
    if channels == 4:
        data[..., 3] = 255
    model = replace(model_info(), sampling=SamplingRule("frame", 50.0))
    loaded: Any = SimpleNamespace(info=model)
    choice = engine.decide_scale(loaded, clean_plane(data)[0], NormStats(0, 255), None, never_stop)
    assert choice.scale == 0.5
    assert image_messages.scale_shown(False, None, model).hint == "auto: as the model has it"


@pytest.mark.parametrize(
    ("diameters", "fits", "said"),
    [
        ([6, 6, 6, 55, 60], 58, "less than 6 px"),
        ([40, 50, 60], 58, None),
        ([], 58, None),
        ([6], 20, "than 6 px"),
    ],
)
def test_objects_far_smaller_than_the_scale_fits_are_named(
    diameters: list[float], fits: float, said: str | None
) -> None:
    areas = np.rint(np.pi / 4 * np.square(diameters)).astype(np.int64)
    note = objects.size_note(areas, fits, None)
    assert note is None if said is None else note is not None and said in note and f"about {fits} px" in note
