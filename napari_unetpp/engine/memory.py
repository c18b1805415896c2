"""Freed memory that the C library keeps for itself, given back to the system."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress


def give_back() -> None:
    """Return what is free to the system, where the C library can be asked to: glibc, so most of Linux.

    After a run it keeps about as much as was used at the peak, in pieces between what is still needed.
    """
    if sys.platform.startswith("linux"):
        with suppress(OSError, AttributeError):  # musl has no such function
            ctypes.CDLL(None).malloc_trim(0)
