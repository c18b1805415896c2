"""What a run over planes has done so far, so that the next one goes on where it stopped."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unetpp._types import UnetppError
from napari_unetpp.files.results.outputs import PLANES
from napari_unetpp.session.stacks.request import CAN_CHANGE, StackRequest

if TYPE_CHECKING:
    from napari_unetpp.engine.collect import Reading


class Unfinished:
    """Planes of a run, on disk, and how they were read; removed with this, or by `remove`.

    Parameters
    ----------
    request : StackRequest

    Raises
    ------
    UnetppError
        Their folder cannot be made.

    Attributes
    ----------
    folder : Path
    reading : Reading or None
        The range and the scale, once they are decided.
    """

    def __init__(self, request: StackRequest) -> None:
        self.request = request
        beside = Path(tempfile.gettempdir()) if request.target is None else request.target.parent
        try:
            beside.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix="unetpp-", dir=beside))
        except OSError as error:
            raise UnetppError(f"{beside} could not be written: {error.strerror or error}.") from error
        self.reading: Reading | None = None
        self.remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    @property
    def planes(self) -> int:
        """How many are done."""
        return sum(path.suffix in PLANES for path in self.folder.glob("planes/*"))

    def goes_on_as(self, request: StackRequest) -> bool:
        """Whether a request asks for the same planes, segmented in the same way."""
        return self.reading is not None and all(of(self.request) == of(request) for of in SAME)


def _area(request: StackRequest) -> Any:
    area = request.area
    if area is None:
        return None
    return area.region, None if area.inside is None else np.packbits(area.inside).tobytes()


SAME: tuple[Callable[[StackRequest], Any], ...] = (
    lambda one: one.source.image,
    lambda one: one.source.version,
    lambda one: one.selection,
    _area,
    *CAN_CHANGE.values(),
)
"""What must be the same."""
