"""AP50 with small objects judged apart."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpp.train.choose.scores import Matches, match_objects, matches_by_area, matches_from


@pytest.fixture
def truth() -> np.ndarray:
    """A small, a middling and a large object."""
    labels = np.zeros((60, 80), np.int32)
    labels[2:7, 2:7] = 5
    labels[10:20, 10:20] = 7
    labels[25:55, 30:60] = 9
    return labels


EDGES = (0, 50, 200, np.inf)


def test_all_found(truth: np.ndarray) -> None:
    assert matches_by_area(truth, truth, edges=EDGES) == [Matches(1, 0, 0)] * 3


def test_every_object_counts_in_its_own_range(truth: np.ndarray) -> None:
    found = np.zeros_like(truth)
    found[10:20, 12:20] = 1  # matches the middling one
    found[25:55, 60:75] = 2  # large, beside the large one
    found[2:4, 2:7] = 3  # small, less than half of the small one
    found[40:44, 2:6] = 4  # small, nowhere near one
    assert matches_by_area(found, truth, edges=EDGES) == [
        Matches(0, 2, 1),
        Matches(1, 0, 0),
        Matches(0, 1, 1),
    ]


def test_a_match_counts_with_the_true_area(truth: np.ndarray) -> None:
    """Found with 45 px what measures 64: no false positive among the small ones."""
    truth[truth == 5] = 0
    truth[2:10, 2:10] = 5
    found = np.where((truth == 5) & (np.arange(60)[:, None] < 8), 1, 0)
    assert matches_by_area(found, truth, edges=EDGES)[:2] == [Matches(), Matches(1, 0, 1)]


def test_small_ones_left_out_on_both_sides(truth: np.ndarray) -> None:
    found = np.where(truth == 5, 0, truth)
    found[50:53, 2:5] = 1
    assert match_objects(found, truth) == Matches(2, 1, 1)
    assert matches_from(found, truth, least=40) == Matches(2, 0, 0)
    assert matches_from(found, truth, least=0) == match_objects(found, truth)


def test_what_is_ignored_counts_nowhere(truth: np.ndarray) -> None:
    ignore = truth == 9
    ignore[:10] = True
    assert matches_by_area(truth, truth, ignore, edges=EDGES) == [Matches(), Matches(1, 0, 0), Matches()]
