"""Diagnostics say what helps, and nothing of whose images they are."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from napari_unetpp.session.report.diagnostics import anonymous


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data/ann/x.tif cannot be read", "… cannot be read"),
        ("'/data/my images/x y.tif' cannot", "'…' cannot"),
        ("C:\\Users\\Ann\\x.tif gone", "… gone"),
        ("'C:\\\\Users\\\\Ann B\\\\x.tif'", "'…'"),
        ("~/pictures/x.tif", "…"),
        ('File "/home/a b/venv/lib/python3.11/site-packages/torch/nn.py", line 3', 'File "…/lib/python3.11/'),
        (
            'File "C:\\Users\\A\\site-packages\\numpy\\x.py", line 3',
            'File "…/site-packages/numpy/x.py", line 3',
        ),
        ("level 2, 7.1 s/MPx, 1/2, and/or", "level 2, 7.1 s/MPx, 1/2, and/or"),
        ("patient 17 is empty", "… is empty"),
        ("patient 170 is empty", "patient 170 is empty"),
    ],
)
def test_what_is_left_of_a_text(text: str, expected: str) -> None:
    assert anonymous(text, ["patient 17", "", "it"]).startswith(expected)


def test_who_somebody_is() -> None:
    user, home = getpass.getuser(), Path.home()
    said = anonymous(f"{home}/x of {user}: {home / 'a.tif'}", [user, str(home)])
    assert str(home) not in said and user not in said.split()
