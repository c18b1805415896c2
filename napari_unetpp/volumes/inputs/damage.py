"""Errors of damaged files as sentences: readers and decoders raise many kinds of exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_unetpp._types import UnetppError
from napari_unetpp.files.images.image_file import why_unreadable


@contextmanager
def as_sentence(path: Path) -> Iterator[None]:
    """Raise UnetppError instead of what a reader raises; a MemoryError stays one."""
    try:
        yield
    except (UnetppError, MemoryError):
        raise
    except Exception as error:
        raise UnetppError(f"{path} {why_unreadable(error)}") from error
