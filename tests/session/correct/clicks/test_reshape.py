"""Merging and splitting of objects: labels before, labels after."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpp.session.correct.clicks import reshape
from napari_unetpp.session.correct.merge import IGNORE_LABEL
from napari_unetpp.session.messages.common import Advice

OUT = IGNORE_LABEL


def plane(*rows: str) -> np.ndarray:
    """A digit is an object, a dot background, I is ignored."""
    return np.array(
        [[0 if c == "." else OUT if c == "I" else int(c) for c in row] for row in rows], np.uint16
    )


def applied(labels: np.ndarray, change: reshape.Change) -> np.ndarray:
    out = labels.astype(change.values.dtype)
    out[change.region.slices] = change.values
    return out


def decided(labels: np.ndarray, change: reshape.Change) -> np.ndarray:
    out = np.zeros(labels.shape, bool)
    out[change.region.slices] = change.decided
    return out


# ------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (((1, 1),), [(1, 1)]),
        (((0, 0), (0, 3)), [(0, 0), (0, 1), (0, 2), (0, 3)]),
        (((0, 0), (2, 2)), [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)]),
        (((3, 1), (-2, 1)), [(3, 1), (2, 1), (1, 1), (0, 1)]),
        (((-5, -5), (-1, -1)), []),
    ],
    ids=["a click", "along a row", "diagonal", "out of the plane", "outside"],
)
def test_a_path_has_no_gap(points: tuple[tuple[int, int], ...], expected: list[tuple[int, int]]) -> None:
    found = list(dict.fromkeys(map(tuple, reshape.path(points, (4, 4)).tolist())))
    assert found == expected


def test_objects_come_in_the_order_of_the_path() -> None:
    labels = plane("5.33I2", "......")
    along = reshape.path(((0, 5), (0, 0)), labels.shape)
    assert reshape.crossed(labels, along, [OUT, 2]) == [3, 5]


# ------------------------------------------------------------------------------------- merge


@pytest.mark.parametrize(
    ("before", "numbers", "after"),
    [
        (("11223", "11223"), [2, 1], ("22223", "22223")),
        (("11223", "11223"), [1, 2, 3], ("11111", "11111")),
        (("1..", ".2."), [1, 2], ("1..", ".1.")),
        (("11.2I", "1133I"), [1, 2, 3], ("11.1I", "1111I")),
        (("11.1", "11.1", "2222"), [2, 1], ("22.2", "22.2", "2222")),
    ],
    ids=["two", "a row", "by a corner", "in any order, beside what is ignored", "one of two pieces"],
)
def test_objects_that_touch_become_one(
    before: tuple[str, ...], numbers: list[int], after: tuple[str, ...]
) -> None:
    labels = plane(*before)
    change = reshape.merged(labels, numbers)
    assert np.array_equal(applied(labels, change), plane(*after)) and change.count == len(numbers)
    assert np.array_equal(decided(labels, change), np.isin(labels, numbers))
    assert np.array_equal(labels, plane(*before)), "what was handed in is left alone"


@pytest.mark.parametrize(
    ("rows", "numbers"), [(("11.22",), [1, 2]), (("1122.3",), [1, 2, 3]), (("1I2",), [1, 2])]
)
def test_objects_that_do_not_touch_are_not_merged(rows: tuple[str, ...], numbers: list[int]) -> None:
    with pytest.raises(Advice, match="do not touch"):
        reshape.merged(plane(*rows), numbers)


# ------------------------------------------------------------------------------------- split


def discs(*circles: tuple[int, int, int], shape: tuple[int, int] = (40, 80)) -> np.ndarray:
    """One object of number 3."""
    y, x = np.indices(shape)
    inside = np.any([np.hypot(y - cy, x - cx) <= r for cy, cx, r in circles], axis=0)
    return np.where(inside, 3, 0).astype(np.uint16)


@pytest.mark.parametrize(
    ("circles", "first", "second", "boundary"),
    [
        (((20, 20, 14), (20, 42, 12)), (20, 20), (20, 42), 31),
        (((20, 20, 14), (20, 42, 12)), (24, 12), (15, 50), 31),
        (((20, 20, 14), (20, 42, 12)), (20, 50), (20, 27), 31),
        (((20, 30, 15),), (20, 22), (20, 38), 30),
        (((20, 30, 15),), (20, 20), (20, 40), 30),
    ],
    ids=["in the middle", "off the middle", "near the waist", "a disc", "a disc, near its rim"],
)
def test_an_object_is_split_at_its_waist(
    circles: tuple[tuple[int, int, int], ...],
    first: tuple[int, int],
    second: tuple[int, int],
    boundary: float,
) -> None:
    labels = discs(*circles)
    change = reshape.split_between(labels, first, second, [OUT])
    after = applied(labels, change)
    assert set(np.unique(after)) == {0, 3, 4} and change.count == 2
    assert after[first] != after[second]
    assert np.array_equal(after > 0, labels > 0) and np.array_equal(decided(labels, change), labels > 0)
    left = after == after[min(first, second, key=lambda point: point[1])]
    columns = np.broadcast_to(np.arange(labels.shape[1]), labels.shape)
    wrong = (left != (columns < boundary)) & (labels > 0) & (columns != boundary)
    assert wrong.sum() <= 0.02 * (labels > 0).sum(), "up to some pixels beside the boundary"
    sizes = [(after == number).sum() for number in (3, 4)]
    assert sizes[0] >= sizes[1], "the larger piece keeps the number"


def test_a_corner_is_no_object_of_its_own() -> None:
    labels = plane("1111", "1111")
    with pytest.raises(Advice, match="fewer than 5 px"):
        reshape.split_between(labels, (0, 0), (1, 3), [OUT])


LARGE = ("1111111", "1111111", "1111111", "1111111")


@pytest.mark.parametrize(
    ("before", "points", "after"),
    [
        (LARGE, ((-1, 3), (5, 3)), ("1111222",) * 4),
        (LARGE, ((-1, 2), (2, 2), (2, 8)), ("1112222", "1112222", "1111111", "1111111")),
        (("1111111", "1111111", "2222222", "2222222"), ((-1, 3), (4, 3)), None),
        (("1111111", "1111111", "IIIIIII"), ((-1, 3), (4, 3)), None),
    ],
    ids=["across", "bent", "two objects", "beside what is ignored"],
)
def test_a_line_cuts_what_it_crosses(
    before: tuple[str, ...], points: tuple[tuple[int, int], ...], after: tuple[str, ...] | None
) -> None:
    labels = plane(*before)
    change = reshape.split_along(labels, reshape.path(points, labels.shape), [OUT])
    found = applied(labels, change)
    assert np.array_equal(found > 0, labels > 0), "no pixel is lost"
    assert np.array_equal(found == OUT, labels == OUT)
    pieces = {int(n) for n in np.unique(found)} - {0, OUT}
    objects = {int(n) for n in np.unique(labels)} - {0, OUT}
    assert len(pieces) == change.count == 2 * len(objects) and objects < pieces
    assert np.array_equal(decided(labels, change), np.isin(labels, list(objects)))
    if after is not None:
        sides = [np.unique(found[plane(*after) == n]).size for n in (1, 2)]
        assert sum(sides) <= 3, "the line itself may go to either side"


def test_a_line_that_ends_inside_of_one_object_cuts_the_other() -> None:
    labels = plane("1111122222", "1111122222", "1111122222", "1111122222", "11111.....")
    change = reshape.split_along(labels, reshape.path(((1, -1), (1, 7)), labels.shape), [OUT])
    after = applied(labels, change)
    assert change.count == 2 and (after[:, 5:] == labels[:, 5:]).all()
    assert len(np.unique(after[:, :5])) == 2


@pytest.mark.parametrize(
    ("rows", "points", "said"),
    [
        (LARGE, ((-1, 3), (2, 3)), "divides no object"),
        (LARGE, ((1, 2), (1, 5)), "divides no object"),
        (LARGE, ((-1, 2), (2, -1)), "fewer than 5 px"),
        (("111", "1.1", "111"), ((1, 0), (1, 0), (1, 1)), "divides no object"),
        (("11.", "...", "..I"), ((2, 0), (2, 2)), "crosses no object"),
    ],
    ids=["ends inside", "lies inside", "a corner", "a ring on one side", "nothing"],
)
def test_a_line_that_does_not_divide_says_why(
    rows: tuple[str, ...], points: tuple[tuple[int, int], ...], said: str
) -> None:
    labels = plane(*rows)
    with pytest.raises(Advice, match=said):
        reshape.split_along(labels, reshape.path(points, labels.shape), [OUT])


def test_new_numbers_are_those_of_no_object_and_mean_nothing_else() -> None:
    labels = np.full((8, 12), OUT - 1, np.uint16)
    change = reshape.split_along(labels, reshape.path(((-1, 5), (8, 5)), labels.shape), [OUT, OUT + 1])
    assert set(np.unique(change.values)) == {OUT - 1, OUT + 2} and change.values.dtype == np.uint32
