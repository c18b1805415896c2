"""Planes of a result that is not complete yet, in a folder beside it: what was done is kept.

::

    STEM_labels.partial/
      about.json        of which image, by which model, with which options
      00000.tif ...     the planes that are done
      00007.raw         one that is larger than memory
      probability/      the same of the probabilities, where they are wanted, too

A plane gets its name when all of it is there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.files.results.result_file import UNKNOWN, write_result
from napari_unetpp.files.results.settings import differences
from napari_unetpp.volumes.scratch import ScratchArray

ABOUT = "about.json"


class PlaneStore:
    """The planes of one result.

    Parameters
    ----------
    folder : Path
        Made when missing; the caller removes it with `remove` when the result is complete.
    about : mapping
        What planes of one result must agree in, as JSON knows it.
    shape : tuple of int
        Of a plane: (Y, X), or (C, Y, X).
    dtype : dtype
    count : int
        Planes in all.
    beside : PlaneStore, optional
        Where the probabilities of the same planes are kept.

    Raises
    ------
    UnetppError
        The folder holds planes of another image, model or options, or cannot be written to.
    """

    def __init__(
        self,
        folder: Path,
        about: Mapping[str, Any],
        shape: tuple[int, ...],
        dtype: Any,
        count: int,
        beside: PlaneStore | None = None,
    ) -> None:
        self.beside = beside
        self.folder, self.shape, self.dtype, self.count = folder, shape, np.dtype(dtype), count
        wanted = json.loads(json.dumps({**about, "shape": shape, "dtype": self.dtype.name, "planes": count}))
        found = read_about(folder)
        if found is None or (found != wanted and not self.done):
            text = json.dumps(wanted, indent=2).encode()
            write_atomically(folder / ABOUT, lambda file: file.write(text), overwrite=True)
        elif found != wanted:
            raise UnetppError(
                f"{folder} holds planes of an earlier run that was begun otherwise: "
                f"{differences(found, wanted)}. Give the same image and options to go on, or --overwrite to "
                "begin anew."
            )

    def has(self, number: int) -> bool:
        """Whether a plane is done."""
        return self._tiff(number).exists() or self._raw(number).exists()

    @property
    def done(self) -> int:
        """Planes that are done."""
        return sum(self.has(number) for number in range(self.count))

    def write(self, number: int, plane: NDArray[Any], probability: NDArray[Any] | None = None) -> None:
        """Keep a plane; its probability first, for a plane that is there is not made again."""
        if self.beside is not None and probability is not None:
            self.beside.write(number, probability)
        stored = plane.astype(np.uint8) if plane.dtype == np.bool_ else plane
        write_result(self._tiff(number), stored, UNKNOWN, overwrite=True)

    def begin_large(self, number: int) -> ScratchArray:
        """Where a plane is written that does not fit into memory; `end_large` keeps it."""
        path = self._raw(number).with_suffix(".unfinished")
        path.unlink(missing_ok=True)
        return ScratchArray(path, self.shape, self.dtype)

    def end_large(self, number: int) -> None:
        """Keep what was written."""
        self._raw(number).with_suffix(".unfinished").rename(self._raw(number))

    def read(self, number: int, region: Region | None = None) -> NDArray[Any]:
        """A plane, or a part of it."""
        part = region or Region(0, 0, self.shape[-2], self.shape[-1])
        if self._raw(number).exists():
            return ScratchArray.existing(self._raw(number), self.shape, self.dtype)[part.slices]
        plane = tifffile.imread(self._tiff(number)).reshape(self.shape)
        found: NDArray[Any] = plane[(..., *part.slices)]
        return found

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        remove(self.folder)

    def _tiff(self, number: int) -> Path:
        return self.folder / f"{number:05}.tif"

    def _raw(self, number: int) -> Path:
        return self.folder / f"{number:05}.raw"


def read_about(folder: Path) -> dict[str, Any] | None:
    """What a folder says of its planes; None where there is none."""
    try:
        found: dict[str, Any] = json.loads((folder / ABOUT).read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UnetppError(
            f"{folder / ABOUT} cannot be read: {error}. Give --overwrite to begin anew."
        ) from error
    return found


def remove(folder: Path) -> None:
    """Remove a folder of planes; nothing happens where there is none, or another."""
    if (folder / ABOUT).exists():
        shutil.rmtree(folder)
