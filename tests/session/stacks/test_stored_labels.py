"""Labels in memory and on disk look like an array with the axes of the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_unetpp.session.stacks.labels import StoredLabels, blank_labels, labels_at
from napari_unetpp.volumes.axes import axes_from_letters
from napari_unetpp.volumes.selection import Position

LABELS = np.arange(2 * 3 * 4 * 5, dtype=np.uint32).reshape(2, 3, 4, 5)


@pytest.mark.parametrize(
    ("letters", "shape", "expected"),
    [
        ("TZYX", (2, 3, 4, 5), LABELS),
        ("TCZYX", (2, 2, 3, 4, 5), np.stack([LABELS, LABELS], axis=1)),
        ("ZTXYS", (3, 2, 5, 4, 3), LABELS.transpose(1, 0, 3, 2)),
    ],
)
@pytest.mark.parametrize("index", [0, (1, 1), (1, slice(1, 3)), (..., slice(2, 4)), (slice(0, 1), 1)])
def test_parts_are_those_of_the_whole(
    letters: str, shape: tuple[int, ...], expected: Any, index: Any
) -> None:
    stored = StoredLabels(LABELS, "TZYX", axes_from_letters(letters, shape, "test"))
    assert stored.shape == expected.shape and stored.ndim == expected.ndim
    np.testing.assert_array_equal(stored[index], expected[index])
    np.testing.assert_array_equal(np.asarray(stored), expected)


def test_an_axis_of_one_entry_is_not_stored() -> None:
    stored = StoredLabels(LABELS[0], "ZYX", axes_from_letters("TZYX", (1, 3, 4, 5), "test"))
    np.testing.assert_array_equal(stored[0, 2], LABELS[0, 2])
    assert stored[:, 2].shape == (1, 4, 5)


def test_channels_share_one_copy_in_memory() -> None:
    axes = axes_from_letters("TCXY", (2, 3, 5, 4), "test")
    labels = blank_labels(axes)
    labels[1, 2, 0, 3] = 7
    assert labels.shape == (2, 3, 5, 4) and (labels[1, :, 0, 3] == 7).all() and labels[0].max() == 0
    assert labels_at(labels, axes, Position(1, 0)).shape == (4, 5), "rows come first"
    assert labels_at(labels, axes, Position(1, 0))[3, 0] == 7
