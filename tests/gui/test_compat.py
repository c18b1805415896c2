"""What differs between versions of napari."""

from __future__ import annotations

import pytest

from napari_unetpp.gui.compat import is_given_label


@pytest.mark.parametrize(
    ("label", "given"),
    [
        ("", False),
        ("-3", False),
        ("0", False),
        ("axis -3", False),  # napari 0.6
        ("z", True),
        ("axis", True),
        ("axis of time", True),
        ("z2", True),
    ],
)
def test_labels_that_somebody_gave_an_axis(label: str, given: bool) -> None:
    assert is_given_label(label) == given
