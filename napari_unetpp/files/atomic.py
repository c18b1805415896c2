"""Atomic writing: a file appears whole or not at all, and an old file survives any failure."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from napari_unetpp._types import UnetppError


class TargetExists(UnetppError):
    """The target exists, perhaps written by another process just now, and is left alone."""


def write_atomically(path: Path, write: Callable[[BinaryIO], object], *, overwrite: bool) -> None:
    """Write to a temporary name in the same folder, then rename; an old file survives any failure.

    Parameters
    ----------
    path : Path
        Target. Its folder is made when missing.
    write : callable
        Given an open binary file, writes the content.
    overwrite : bool
        False: an existing target is refused, also one that another process writes meanwhile.

    Raises
    ------
    TargetExists
        The target exists and may not be overwritten.
    UnetppError
        It could not be written.
    """
    # Short, so that it is not too long for the disk where the target's name is not; used by this call alone.
    temporary = path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        if not overwrite and path.exists():
            raise _is_there(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            os.replace(temporary, path)
        else:
            _rename_to_free(temporary, path)
    except OSError as error:
        if (wrong := _wrong_kind(path)) is not None:
            raise UnetppError(wrong) from error
        raise UnetppError(
            f"{path} could not be written: {error.strerror or error}. What was there before is unchanged. "
            "Check that the folder may be written to and that the disk has room."
        ) from error
    finally:
        _remove(temporary)


def move_to_free(source: Path, path: Path) -> None:
    """Rename within a disk; TargetExists where the name is taken, also by another process just now."""
    _rename_to_free(source, path)
    source.unlink(missing_ok=True)


def _rename_to_free(temporary: Path, path: Path) -> None:
    """As `move_to_free`, but the old name may be left."""
    try:
        try:
            os.link(temporary, path)  # a rename would replace what is there
        except (FileExistsError, FileNotFoundError):
            raise
        except OSError:  # a disk without hard links, as memory cards are: take the name, then fill it
            os.close(os.open(path, os.O_CREAT | os.O_EXCL))
            os.replace(temporary, path)
    except FileExistsError as error:
        raise _is_there(path) from error


def _wrong_kind(path: Path) -> str | None:
    """An error text where a folder is in the place of the file, or a file in the place of a folder."""
    if os.path.isdir(path):
        return f"{path} is a folder; expected the name of a file."
    file = next((part for part in path.parents if os.path.isfile(part)), None)
    return None if file is None else f"{path} cannot be written: {file} is a file; expected a folder."


def _is_there(path: Path) -> TargetExists:
    return TargetExists(f"{path} exists already. Choose another name, or allow overwriting (--overwrite).")


def _remove(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # the folder itself is not ours to write; the first error tells the user
        pass
