"""The pixels of a plane: read where they are needed first, which may mean a download or a decoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.session.values import Plane

Known = tuple[NDArray[Any], tuple[str, ...]]


class Pixels:
    """A plane, checked and read at most once, when it is first asked for."""

    def __init__(self, clean: Callable[[NDArray[Any]], Known], plane: Plane):
        self._clean, self._plane = clean, plane
        self._known: Known | None = None

    def read(self) -> Known:
        """The pixels, and what is to be said of them."""
        if self._known is None:
            self._known = self._clean(np.asarray(self._plane.data))
        return self._known
