"""The folder in which a session keeps its corrections, so that a crash loses none.

A session holds the lock of its folder as long as its process lives; the system releases it however the
process ends. So a folder with corrections and a free lock was left by a crash.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import platformdirs

NAME = "napari-unetpp corrections"
"""Folder of the sessions in a folder that the user chose, which may hold anything else."""

LOCK = "lock"
SAVE = "save-"


def sessions_folder() -> Path:
    """Where sessions keep their corrections (environment variable UNETPP_SITTINGS overrides)."""
    own = os.environ.get("UNETPP_SITTINGS")
    return Path(own) if own else Path(platformdirs.user_data_dir("napari-unetpp", False)) / "sittings"


def problem_of(folder: Path) -> str:
    """Why nothing can be kept in a folder; empty where it can. Nothing is left in it."""
    if not folder.is_dir():
        return "there is no such folder"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"it cannot be written to ({error.strerror or error})"


@dataclass(frozen=True, slots=True)
class Left:
    """What a crashed session left. `time` is when it was last saved, in local time."""

    folder: Path
    save: Path
    time: str


class SessionFolder:
    """The folder of this session; made by the first write.

    Parameters
    ----------
    root : Path
        Folder of all sessions.
    """

    def __init__(self, root: Path) -> None:
        self.path: Path | None = None
        self._root = root
        self._lock: IO[bytes] | None = None
        self._count = 0
        self._closed = False

    def write(self, fill: Callable[[Path], None]) -> None:
        """Have `fill` write a folder; the one before survives until the new one is complete."""
        if self._closed:
            return
        path = self.path or self._make()
        self._count += 1
        part = path / f"part-{self._count:04d}"
        try:
            fill(part)
            part.rename(path / f"{SAVE}{self._count:04d}")
            for old in _saves(path)[:-1]:
                shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            if self._closed:  # meanwhile: nothing is to stay
                self._remove()

    @property
    def made(self) -> bool:
        """Whether anything was written."""
        return self.path is not None

    def clear(self) -> None:
        """Delete what was written: nothing of it is wanted any more."""
        if self.path is not None:
            for old in _saves(self.path):
                shutil.rmtree(old, ignore_errors=True)

    def close(self) -> None:
        """The session ends properly: delete the folder."""
        self._closed = True
        self._remove()

    def _make(self) -> Path:
        path = _new_folder(self._root, f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
        self._lock = (path / LOCK).open("wb")
        _try_lock(self._lock)
        self.path = path  # only now: a folder without a lock looks like one that a crash left
        return path

    def _remove(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        if self.path is not None:
            shutil.rmtree(self.path, ignore_errors=True)


def left_behind(root: Path) -> list[Left]:
    """Corrections of crashed sessions, the latest first."""
    found = []
    for folder in sorted(root.glob("*"), reverse=True):
        saves = _saves(folder)
        if saves and not _is_held(folder / LOCK):
            when = time.localtime(saves[-1].stat().st_mtime)
            found.append(Left(folder, saves[-1], time.strftime("%d %b %H:%M", when)))
    return found


def _saves(folder: Path) -> list[Path]:
    """Complete saves of a session, the latest last."""
    return sorted(folder.glob(f"{SAVE}*"), key=lambda path: (len(path.name), path.name))


def remove(folder: Path) -> None:
    """Delete what a crashed session left."""
    shutil.rmtree(folder, ignore_errors=True)


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("r+b") as file:
            return not _try_lock(file)
    except FileNotFoundError:
        return False
    except OSError:  # not ours to look at
        return True


def _try_lock(file: IO[bytes]) -> bool:
    """Lock until the file is closed; False if another one holds it."""
    with suppress(OSError):
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _new_folder(root: Path, name: str) -> Path:
    """Make a folder; a name that is taken, perhaps just now by another dock, gets a number."""
    root.mkdir(parents=True, exist_ok=True)
    for path in (root / name, *(root / f"{name}-{number}" for number in range(2, 1000))):
        with suppress(FileExistsError):
            path.mkdir()
            return path
    raise FileExistsError(f"all names like {name} are taken in {root}")
