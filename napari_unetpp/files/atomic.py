"""Write a file so that nobody ever sees half of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from napari_unetpp._types import UnetppError


def write_atomically(path: Path, write: Callable[[BinaryIO], object], *, overwrite: bool) -> None:
    """Write to a temporary name in the same folder, then rename; an old file survives any failure.

    Parameters
    ----------
    path : Path
        Target. Its folder is made when missing.
    write : callable
        Given an open binary file, writes the content.
    overwrite : bool
        False: an existing target is refused.
    """
    if path.exists() and not overwrite:
        raise UnetppError(f"{path} exists already. Choose another name, or allow overwriting (--overwrite).")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise UnetppError(
            f"{path} could not be written: {error.strerror or error}. What was there before is unchanged. "
            "Check that the folder may be written to and that the disk has room."
        ) from error
    finally:
        _remove(temporary)


def _remove(temporary: Path) -> None:
    try:
        temporary.unlink(missing_ok=True)
    except OSError:  # the folder itself is not ours to write; the first error tells the user
        pass
