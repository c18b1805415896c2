"""What the package keeps on disk for itself: how much it is, and what of it may be deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import UnetppError
from napari_unetpp.files.machine_cache import cache_folder
from napari_unetpp.files.models.int8_file import FOLDER as INT8
from napari_unetpp.files.models.model_list import SUFFIX, models_folder
from napari_unetpp.files.models.own_models import deleted_folder
from napari_unetpp.files.text import counted

MEASURED = ("inference-*.json", "training-*.json", "int8-*.json", "speed-*.json")
"""Names of measurements of this machine; the folder may hold other files, which are left alone."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of files.

    Attributes
    ----------
    name : str
        For the command line.
    what : str
        What they are, and what deleting them costs.
    folder : Path
    files : tuple of Path
    size : int
        Bytes of all of them.
    clearable : bool
        Whether `clear` may delete them: they are made again.
    """

    name: str
    what: str
    folder: Path
    files: tuple[Path, ...]
    size: int
    clearable: bool

    @property
    def amount(self) -> str:
        """How many, and how large together."""
        return f"{counted(len(self.files), 'file')}, {size_text(self.size)}"


def kept_files(sessions: Path) -> list[Kept]:
    """All that the package keeps, each kind once; `sessions` is the folder of unsaved corrections."""
    cache = cache_folder()
    measured = [path for pattern in MEASURED for path in cache.glob(pattern)]
    return [
        _kept("measurements", "speeds and number formats; measured again when needed", cache, measured, True),
        _kept(
            "int8",
            "ranges of own models for int8; 'calibrate --int8' measures them again",
            cache / INT8,
            (cache / INT8).glob("*.json"),
            True,
        ),
        _kept(
            "corrections",
            "unsaved corrections: kept until they are saved or discarded in the dock",
            sessions,
            (path for path in sessions.rglob("*") if path.is_file()),
            False,
        ),
        _kept("models", "your own models", models_folder(), models_folder().glob(f"*{SUFFIX}"), False),
        _kept(
            "deleted",
            "deleted models: delete the files in the folder to be rid of them for good",
            deleted_folder(),
            deleted_folder().glob(f"*{SUFFIX}"),
            False,
        ),
    ]


def clear(kept: Sequence[Kept]) -> int:
    """Delete the files of these kinds; gives how many bytes that freed.

    Raises
    ------
    UnetppError
        A kind that is no cache was given, or a file cannot be deleted.
    """
    for one in kept:
        if not one.clearable:
            raise UnetppError(f"{one.name} cannot be cleared: {one.what}.")
    freed = 0
    for path in (path for one in kept for path in one.files):
        size = _size(path)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise UnetppError(f"{path} could not be deleted: {error.strerror or error}.") from error
        freed += size
    return freed


def size_text(size: int) -> str:
    """Bytes, short: ``3 kB``, ``1.4 MB``."""
    value, unit = float(size), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5 or unit == "GB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 9.95 or unit == "B" else f"{value:.1f} {unit}"


def _kept(name: str, what: str, folder: Path, files: Iterable[Path], clearable: bool) -> Kept:
    found = tuple(sorted(files))
    return Kept(name, what, folder, found, sum(map(_size, found)), clearable)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone meanwhile
        return 0
