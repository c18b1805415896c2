"""Out-of-memory errors, and the return of free memory to the system."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from napari_unetpp._types import UnetppError

SMALLER = "crop the image, choose a smaller scale, or close other programs"
"""What the user can do where memory runs out although smaller pieces were tried."""


def physical_memory() -> int:
    """Bytes of memory of this machine; 8 GB where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 8_000_000_000


def release_free_memory() -> None:
    """Return free memory to the system, where the C library can be asked to (glibc: most of Linux).

    After a run glibc keeps about as much free memory as was used at the peak.
    """
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # musl has no such function
            ctypes.CDLL(None).malloc_trim(0)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of Python or torch means that memory is used up; torch has several texts for that."""
    text = str(error).lower()
    named = "not enough memory" in text or "out of memory" in text or "allocate memory" in text
    return isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and named)


@contextmanager
def enough_memory(doing: str, remedy: str) -> Iterator[None]:
    """Turn an out-of-memory error inside into an UnetppError that says during what, and what helps."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UnetppError(f"Out of memory while {doing}: {remedy}.") from error
