"""The rules of correcting, as tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unetpp.session.correct import merge as correcting
from napari_unetpp.session.correct.merge import (
    IGNORE_LABEL,
    count_corrections,
    free_label,
    from_strokes,
    inside_outlines,
    merge,
    to_strokes,
)

I = IGNORE_LABEL  # noqa: E741


def row(*values: int) -> np.ndarray:
    return np.array([values], np.uint16)


# name, new prediction, what the user's layer held, which pixels they decided, what must come out
MERGES: list[tuple[str, Any, Any, Any, Any]] = [
    ("nothing decided", (1, 1, 0, 2), (5, 5, 0, 6), (0, 0, 0, 0), (1, 1, 0, 2)),
    ("erased, predicted again", (1, 1, 1, 0), (0, 0, 0, 0), (1, 1, 1, 0), (0, 0, 0, 0)),
    ("erased, predicted larger: no rim", (1, 1, 1, 1), (0, 0, 0, 0), (1, 1, 1, 0), (0, 0, 0, 0)),
    ("drawn, predicted larger: no rim", (1, 1, 1, 1), (7, 7, 7, 0), (1, 1, 1, 0), (7, 7, 7, 7)),
    ("drawn, predicted elsewhere", (0, 0, 1, 1), (7, 7, 0, 0), (1, 1, 0, 0), (7, 7, 1, 1)),
    ("number taken by the user", (0, 0, 7, 7), (7, 7, 0, 0), (1, 1, 0, 0), (7, 7, 8, 8)),
    ("extended", (0, 3, 3, 3), (5, 5, 5, 5), (1, 0, 0, 0), (5, 5, 5, 5)),
    ("merged by fill", (1, 1, 2, 2), (4, 4, 4, 4), (0, 0, 1, 1), (4, 4, 4, 4)),
    ("split by a new label", (1, 1, 1, 1), (4, 4, 9, 9), (0, 0, 1, 1), (1, 1, 9, 9)),
    ("split by erasing", (1, 1, 1, 1, 1), (4, 4, 0, 4, 4), (0, 0, 1, 0, 0), (1, 1, 0, 2, 2)),
    ("part erased", (1, 1, 1, 1), (4, 4, 4, 0), (0, 0, 0, 1), (1, 1, 1, 0)),
    ("ignored, no rim", (1, 1, 1, 1), (I, I, I, 0), (1, 1, 1, 0), (I, I, I, 0)),
    ("two objects, one decided", (1, 1, 0, 2, 2), (3, 3, 0, 3, 3), (1, 1, 0, 0, 0), (3, 3, 0, 3, 3)),
]


@pytest.mark.parametrize("few", [0, 12])
@pytest.mark.parametrize(("prediction", "corrected", "certain", "wanted"), [c[1:] for c in MERGES])
def test_merge(
    prediction: Any, corrected: Any, certain: Any, wanted: Any, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(correcting, "FEW", few)
    merged = merge(row(*prediction), row(*corrected), row(*certain).astype(bool), objects=True)
    assert merged.tolist() == [list(wanted)]


def test_merge_of_classes_keeps_their_numbers() -> None:
    merged = merge(row(1, 1, 2, 2), row(2, 0, 0, 0), row(1, 1, 0, 0).astype(bool), objects=False)
    assert merged.tolist() == [[2, 0, 2, 2]]


def test_to_strokes_and_back() -> None:
    labels, certain = row(0, 0, 3, 4), row(1, 0, 1, 0).astype(bool)
    strokes, decided = to_strokes(labels, certain, 1)
    assert strokes.tolist() == [[1, 0, 3, 0]] and np.array_equal(decided, certain)
    strokes[0, 2] = 0  # a stroke is erased: nothing is said there any more
    back, decided = from_strokes(strokes, decided, 1)
    assert back.tolist() == [[0, 0, 0, 0]] and decided.tolist() == [[True, False, False, False]]


def test_many_objects_need_wider_numbers_and_leave_ignore_free() -> None:
    prediction = np.arange(1, 66001, dtype=np.uint32)[None]
    corrected, certain = np.zeros_like(prediction), np.zeros(prediction.shape, bool)
    corrected[0, 0], certain[0, 0] = 5, True
    merged = merge(prediction, corrected, certain, objects=True)
    assert merged.dtype == np.uint32
    assert not (merged == IGNORE_LABEL).any()
    assert len(np.unique(merged)) == 66000


def test_user_pixels_always_win() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        prediction, corrected = (rng.integers(0, 6, (12, 12)).astype(np.uint16) for _ in range(2))
        certain = rng.random((12, 12)) < 0.3
        merged = merge(prediction, corrected, certain, objects=True)
        assert np.array_equal(merged[certain], corrected[certain])


@pytest.mark.parametrize(
    ("labels", "certain", "count"),
    [
        ((0, 0, 0, 0), (0, 0, 0, 0), 0),
        ((1, 1, 0, 0), (1, 1, 0, 0), 1),
        ((1, 1, 2, 0), (1, 1, 1, 0), 2),
        ((1, 0, 1, 0), (1, 0, 1, 1), 3),
    ],
)
def test_count(labels: Any, certain: Any, count: int) -> None:
    assert count_corrections(row(*labels), row(*certain).astype(bool)) == count


def test_free_label() -> None:
    assert free_label(row(0, 3, I)) == 4
    assert free_label(row(0, 0)) == 1


def test_outlines() -> None:
    square = ((2.0, 2.0), (2.0, 8.0), (8.0, 8.0), (8.0, 2.0))
    inside = inside_outlines((("rectangle", square),), (12, 12))
    assert inside is not None and inside[5, 5] and not inside[10, 5]
    disc = inside_outlines((("ellipse", square),), (12, 12))
    assert disc is not None and disc[5, 5] and not disc[2, 2]
    assert disc.sum() == pytest.approx(np.pi * 9, rel=0.15)
    assert inside_outlines((("line", square[:2]),), (12, 12)) is None


def test_a_free_label_is_never_the_one_that_means_ignore() -> None:
    assert free_label(np.array([[3, IGNORE_LABEL]])) == 4
    assert free_label(np.array([[IGNORE_LABEL - 1]])) == IGNORE_LABEL + 1


def test_a_reviewed_plane_is_counted_without_sorting_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """After every stroke the window once stood still for 0.9 s at 1024 x 1024 px."""
    sorted_at_once: list[int] = []
    unique = np.unique

    def spy(values: Any, *rest: Any, **options: Any) -> Any:
        sorted_at_once.append(np.size(values))
        return unique(values, *rest, **options)

    monkeypatch.setattr(np, "unique", spy)
    labels = np.kron(np.arange(256).reshape(16, 16), np.ones((64, 64), int)).astype(np.uint16)
    certain = np.ones(labels.shape, bool)
    assert count_corrections(labels, certain) == 256
    certain[504:512] = False  # two parts; no object lies in both
    assert count_corrections(labels, certain) == 256
    assert max(sorted_at_once) < labels.size / 40
