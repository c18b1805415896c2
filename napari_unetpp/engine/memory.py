"""Errors of exhausted memory, and return of freed memory to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from napari_unetpp._types import UnetppError

SMALLER = "crop the image, choose a smaller scale, or close other programs"
"""What helps where memory runs out: smaller pieces were tried before."""


def give_back() -> None:
    """Return free memory to the system, where the C library can be asked to (glibc: most of Linux).

    After a run glibc keeps about as much as was used at the peak, in pieces between what is still in use.
    """
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # musl has no such function
            ctypes.CDLL(None).malloc_trim(0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python or torch says that memory is used up; torch has several ways to say so."""
    text = str(error).lower()
    named = "not enough memory" in text or "out of memory" in text or "allocate memory" in text
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and named)


@contextmanager
def enough_memory(doing: str, remedy: str) -> Iterator[None]:
    """Where memory runs out inside, UnetppError says during what, and what helps."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UnetppError(f"Out of memory while {doing}: {remedy}.") from error
