"""What a corrections layer holds for a result, and what the brush paints next: pure functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_unetpp.session.correct.merge import IGNORE_LABEL
from napari_unetpp.session.correct.planes import (
    CorrectedPlane,
    LabelEncoding,
    corrected_plane,
    encoded,
    next_label,
)
from napari_unetpp.session.values import Preprocessing

OBJECTS, CLASSES = LabelEncoding(), LabelEncoding(objects=False)
STROKES = LabelEncoding(strokes=True, background=4)
LABELS = np.array([[3, 3, 0, 1]])
CERTAIN = np.array([[True, False, False, False]])


@pytest.mark.parametrize(
    ("selected", "encoding", "begun", "expected"),
    [
        (0, OBJECTS, False, 4),  # a new object
        (2, OBJECTS, False, 4),  # the number may mean another object of this plane
        (3, OBJECTS, True, 3),  # painted before
        (1, OBJECTS, True, 4),  # now the number of a predicted object
        (0, OBJECTS, True, 0),  # the eraser
        (IGNORE_LABEL, OBJECTS, True, IGNORE_LABEL),
        (0, CLASSES, False, 1),
        (2, CLASSES, False, 2),
        (0, STROKES, False, 5),  # 4 is free, but means background
        (4, STROKES, True, 4),
    ],
)
def test_the_brush_goes_on_unless_its_number_means_another_object(
    selected: int, encoding: LabelEncoding, begun: bool, expected: int
) -> None:
    assert next_label(selected, LABELS, CERTAIN, encoding, begun=begun) == expected


def plane(encoding: LabelEncoding, labels: Any, certain: Any) -> CorrectedPlane:
    return CorrectedPlane(
        "key", "image", "name", None, np.array([labels]), np.array([certain], bool), encoding=encoding
    )


@pytest.mark.parametrize(
    ("corrected", "encoding", "labels", "certain"),
    [
        (None, OBJECTS, [0, 2, 2, 0], [0, 0, 0, 0]),
        (None, STROKES, [0, 0, 0, 0], [0, 0, 0, 0]),
        # the user erased the object and drew another one
        (plane(OBJECTS, [5, 0, 0, 0], [1, 1, 1, 0]), OBJECTS, [5, 0, 0, 0], [1, 1, 1, 0]),
        # decided background becomes a stroke of the background's label
        (plane(OBJECTS, [5, 0, 2, 0], [1, 1, 0, 0]), STROKES, [5, 4, 0, 0], [1, 1, 0, 0]),
        # strokes over the result; the background's label is 0 again
        (plane(STROKES, [5, 4, 4, 0], [1, 1, 1, 0]), OBJECTS, [5, 0, 0, 0], [1, 1, 1, 0]),
    ],
)
def test_the_users_pixels_stay_in_whatever_form(
    corrected: CorrectedPlane | None, encoding: LabelEncoding, labels: Any, certain: Any
) -> None:
    found, decided = encoded(np.array([[0, 2, 2, 0]]), corrected, encoding)
    assert found.tolist() == [labels] and decided.tolist() == [[bool(one) for one in certain]]


@pytest.mark.parametrize("searched", [False, True])
def test_fine_tuning_hears_whether_the_user_gave_the_scale(searched: bool) -> None:
    corrected = replace(
        plane(OBJECTS, [5, 0, 0, 0], [1, 1, 1, 0]), preprocessing=Preprocessing(0.5, None, searched)
    )
    labelled = corrected.labelled("a")
    assert (labelled.scale, labelled.scale_searched) == (0.5, searched)
    assert corrected_plane(labelled, "image", "key").preprocessing == corrected.preprocessing
