"""Errors whose text is meant for the user, and the flag that stops long work."""

from __future__ import annotations

from collections.abc import Callable

ShouldStop = Callable[[], bool]


def never_stop() -> bool:
    """The `should_stop` of work that nobody interrupts."""
    return False


class UnetppError(Exception):
    """An error whose text is meant for the user: what was given, expected, and what to do."""


class UsageError(UnetppError):
    """Options that contradict each other or the model, whatever the image; the command line exits with 2."""
