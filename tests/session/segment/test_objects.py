"""Objects keep their numbers from result to result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unetpp._types import never_stop
from napari_unetpp.files.models.model_list import SHIPPED, list_models
from napari_unetpp.session.events import Outcome
from napari_unetpp.session.segment import objects, work
from napari_unetpp.session.segment.cache import WorkerCache
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.values import DeviceRequest, Plane, Rule


def row(text: str) -> np.ndarray:
    """A result of one row: a digit is an object, a dot is background."""
    return np.array([[0 if letter == "." else int(letter) for letter in text]], np.uint16)


@pytest.mark.parametrize(
    ("before", "new", "expected"),
    [
        ("11.22.33", "33.11.22", "11.22.33"),  # the same objects, numbered another way
        ("77.22.99", "11..2233", "77..2299"),
        ("1111....", "1122....", "1122...."),  # split: the larger part, or the first of equal ones
        ("1111....", "1222....", "2111...."),
        ("11.22...", "11111...", "11111..."),  # merged
        ("11.22...", "11.22.33", "11.22.33"),  # a new one gets a number that is free ...
        ("11.33...", "11.....2", "11.....2"),
        ("22......", "11....33", "22....11"),  # ... the lowest
        ("........", "11.22...", "11.22..."),
        ("11.22...", "........", "........"),
        ("11111122", "11222222", "33111111"),  # the highest IoU goes first; a number just gone is not used
    ],
)
def test_numbers_follow_overlap(before: str, new: str, expected: str) -> None:
    followed = objects.follow(row(new), row(before))
    assert "".join("." if n == 0 else str(n) for n in followed[0]) == expected


def test_following_changes_no_object() -> None:
    rng = np.random.default_rng(3)
    before, labels = (np.kron(rng.integers(0, 90, (60, 60)), np.ones((9, 7), int)) for _ in range(2))
    followed = objects.follow(labels, before)
    pairs = np.unique(np.stack([labels.ravel(), followed.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(labels)) == len(np.unique(followed))
    assert ((labels == 0) == (followed == 0)).all()
    assert (objects.follow(followed, followed) == followed).all()


def unchanged(one: np.ndarray, other: np.ndarray) -> list[tuple[int, int]]:
    """Numbers of objects that cover the same pixels but for a tenth."""
    pairs = []
    for number in np.setdiff1d(np.unique(other), [0]):
        own = other == number
        values, counts = np.unique(one[own], return_counts=True)
        best = values[counts.argmax()]
        if best and counts.max() >= 0.9 * np.count_nonzero(own | (one == best)):
            pairs.append((int(best), int(number)))
    return pairs


@pytest.mark.skipif(not (SHIPPED / "nuclei.safetensors").exists(), reason="no model is shipped")
def test_unchanged_objects_keep_their_colour_over_the_slider_and_the_threshold() -> None:
    """At least 0.95 of them, with the shipped model on a shipped sample; a colour is a number."""
    from napari_unetpp.files.images.image_file import read_image
    from napari_unetpp.gui.samples import FOLDER

    model = next(one for one in list_models() if one.name == "nuclei")
    data = np.asarray(read_image(FOLDER / "dense_fluorescence.png"))[:256, :320]
    cache, plane = WorkerCache(), Plane("plane", "image", "cells", data)
    choice = None

    def shown(level: int, threshold: float) -> np.ndarray:
        nonlocal choice
        request: Any = SegmentRequest(
            plane, model, DeviceRequest("cpu"), level, Rule(threshold=threshold), choice, None
        )
        result = np.zeros(plane.shape, np.uint32)
        for event in work.show(cache, request, never_stop):
            if getattr(event, "final", False):
                result[event.region.slices] = event.values
            if isinstance(event, Outcome):
                choice = event.choice
        return result

    same = total = 0
    before = first = shown(1, 0.5)
    for level, threshold in ((2, 0.5), (3, 0.5), (3, 0.7), (3, 0.3), (4, 0.3), (1, 0.5)):
        now = shown(level, threshold)
        pairs = unchanged(before, now)
        same, total, before = same + sum(a == b for a, b in pairs), total + len(pairs), now
    assert total > 60 and same >= 0.95 * total, (same, total)
    assert (before == first).all(), "going back brings back the numbers"


def test_another_model_continues_the_numbers_also_where_memory_holds_one_result_only(
    sitting: Any, view: Any
) -> None:
    """Keep gives another model; on a large plane the maps of the former one make room for its maps."""
    cache = sitting.controller.context.cache
    cache._budget = 1
    view.signals.segment_pressed.emit()
    before = sitting.layers.result(sitting.layers.read("cells")).copy()
    numbers = np.array([0, 9, 7, 5, 3], before.dtype)
    cache.keep_objects(sitting.layers.read("cells"), numbers[before])
    view.signals.model_chosen.emit("other")
    view.signals.segment_pressed.emit()
    assert len(cache._planes) == 1
    assert np.array_equal(sitting.layers.result(sitting.layers.read("cells")), numbers[before])
