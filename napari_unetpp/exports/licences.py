"""The licence of a model card as an SPDX identifier, where it is one."""

from __future__ import annotations

import re

SPDX = (
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC-BY-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-ND-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-ND-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "MIT",
    "Unlicense",
)
"""Identifiers that are recognised; the text of any other licence is kept unchanged."""

ALSO = {"cc0": "CC0-1.0"}


def spdx(licence: str) -> str | None:
    """The identifier with which the text of a card begins; None where that is not one licence of `SPDX`.

    Text in brackets, after a full stop or after a semicolon is an explanation: ``"CC BY-NC 4.0 (weights). Not
    for clinical use"`` is CC-BY-NC-4.0. ``"MIT and CC BY 4.0"`` is not one licence.
    """
    start = re.split(r"[(;]|\.\s", licence, maxsplit=1)[0].strip(" .")
    name = re.sub(r"\s+", "-", start).lower()
    return ALSO.get(name) or next((known for known in SPDX if known.lower() == name), None)
