"""The chain of pages of a TIFF: each says where the next one is, and a damaged file may lead back."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from napari_unetpp._types import UnetppError


def check_page_chain(path: Path) -> None:
    """Raise UnetppError where the pages form a circle, in which tifffile would read for hours.

    Other damage is left to the reader. Source: TIFF revision 6.0, section 2; BigTIFF has longer numbers.

    Raises
    ------
    UnetppError, OSError
    """
    with open(path, "rb") as file:
        start = file.read(4)
        order = {b"II": "<", b"MM": ">"}.get(start[:2])
        if order is None or len(start) < 4:
            return
        big = start[2 if order == "<" else 3] == 43
        count, offset, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
        file.seek(8 if big else 4)
        seen: set[int] = set()
        while page := _number(file, order + offset):
            if page in seen:
                raise UnetppError(
                    f"{path} cannot be read: it is damaged, its pages lead back to the first ones."
                )
            seen.add(page)
            file.seek(page)
            entries = _number(file, order + count)
            file.seek(page + struct.calcsize(count) + entry * entries)


def _number(file: BinaryIO, form: str) -> int:
    """The next number; 0 at the end of the file."""
    data = file.read(struct.calcsize(form))
    return int(struct.unpack(form, data)[0]) if len(data) == struct.calcsize(form) else 0
