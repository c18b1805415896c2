"""Axes that the user corrects, what can be linked, which plane is displayed, and the sentences: as tables."""

from __future__ import annotations

import numpy as np
import pytest
from stand_ins import model_info

from napari_unetpp.session.messages import stacks as messages
from napari_unetpp.session.stacks import values
from napari_unetpp.session.stacks.request import links
from napari_unetpp.session.state import SessionState
from napari_unetpp.session.values import Plane, Step
from napari_unetpp.volumes.axes import Axes, axes_from_letters
from napari_unetpp.volumes.selection import Position


def axes(letters: str) -> Axes:
    lengths = {"T": 20, "C": 2, "Z": 31, "Y": 64, "X": 96, "S": 3}
    return axes_from_letters(letters, tuple(lengths[one] for one in letters), "test")


def plane(letters: str, **at: int) -> Plane:
    """The displayed plane at these positions."""
    found = axes(letters)
    steps = tuple(
        Step(f"axis{n}", at[name], found.shape[n], n) for n, name in enumerate(letters) if name in at
    )
    return Plane("key", "image", "cells", np.zeros((64, 96)), position=steps, axes=found)


@pytest.mark.parametrize(
    ("before", "number", "letter", "after"),
    [("ZYX", 0, "T", "TYX"), ("TCZYX", 0, "Z", "ZCTYX"), ("CYX", 0, "Z", "ZYX"), ("TZYX", 1, "C", "TCYX")],
)
def test_axes_change_places_so_that_each_letter_is_there_once(
    before: str, number: int, letter: str, after: str
) -> None:
    found = values.corrected(axes(before), number, letter)
    assert found.names == after and "guessed" not in str(found)


@pytest.mark.parametrize(
    ("letters", "stitch", "track", "kind", "expected"),
    [
        ("ZYX", True, True, "labels", (True, None)),
        ("ZYX", False, True, "labels", (False, None)),
        ("TYX", True, True, "labels", (None, True)),
        ("TZYX", True, True, "labels", (True, True)),
        ("TZYX", False, True, "labels", (False, None)),
        ("TZYX", True, True, "mask", (None, None)),
        ("CYX", True, True, "labels", (None, None)),
    ],
)
def test_what_can_be_linked(letters: str, stitch: bool, track: bool, kind: str, expected: object) -> None:
    state = SessionState(stitch=stitch, track=track, kind=kind)
    assert links(state, values.selection_of(axes(letters), 0), model_info()) == expected


def test_which_plane_is_displayed() -> None:
    shown = plane("TCZYX", T=3, C=1, Z=12)
    found = axes("TCZYX")
    assert values.displayed_channel(shown, found) == 1
    assert values.displayed_position(shown, found) == Position(3, 12)
    assert values.position_of(shown, found) == {"frame": 3, "channel": 1, "plane": 12}
    assert values.position_of(shown, None) == {"axis0": 3, "axis1": 1, "axis2": 12}
    alone = values.selection_of(found, 1, at=Position(3, 12))
    assert list(alone.positions()) == [Position(3, 12)] and alone.stack_shape == (64, 96)


@pytest.mark.parametrize(
    ("letters", "at", "sentence"),
    [
        ("TCZYX", {"T": 3, "C": 1, "Z": 12}, "T 20, C 2, Z 31, Y 64, X 96; segmenting C 1; at T 3, Z 12"),
        ("CYX", {"C": 0}, "C 2, Y 64, X 96; segmenting C 0"),
        ("TYXS", {"T": 5}, "T 20, Y 64, X 96, RGB; at T 5"),
    ],
)
def test_how_it_is_read(letters: str, at: dict[str, int], sentence: str) -> None:
    shown = plane(letters, **at)
    selection = values.selection_of(axes(letters), at.get("C", 0))
    assert messages.reading(shown, selection) == sentence


def test_the_need_of_memory_and_disk() -> None:
    selection = values.selection_of(axes("ZYX"), 0)
    labels, plane_under_way = 31 * 64 * 96 * 4, 64 * 96 * 40
    assert messages.memory_bytes(selection) == labels + plane_under_way
    assert messages.need(selection, fits=True) == "31 planes of 64 × 96 px; about 1 MB of memory"
    assert messages.need(selection, fits=False).endswith("about 1 MB of memory, 1 MB of disk")
