"""Maps of one plane, and what was decoded from them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.session.values import Interval, Rule


class Maps(Protocol):
    """A map store of the engine."""

    @property
    def nbytes(self) -> int: ...
    def complete(self, level: int) -> bool: ...
    def maps(self, level: int) -> NDArray[np.float32]: ...
    def depth(self, level: int) -> NDArray[np.uint8]: ...
    def add(self, event: Any) -> None: ...


@dataclass
class Kept:
    """What the worker keeps of one plane.

    Attributes
    ----------
    store : Maps
    shape : (int, int)
        The grid of the image.
    scale : float
        Working grid = grid of the image times `scale`.
    range : (float, float)
        Intensities that were 0 and 1 for the network.
    invalid : ndarray of bool, shape (Y, X), or None
        Pixels without a value.
    peaks : dict
        Highest foreground probability per level.
    share : float or None
        FLOPs executed by Auto, as a share of those of the deepest level.
    shown : integer ndarray of shape (Y, X), or None
        Objects that were shown last; one of `decoded`, as long as that holds them.
    """

    store: Maps
    shape: tuple[int, int]
    scale: float
    range: Interval
    invalid: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    decoded: OrderedDict[tuple[int, Rule], NDArray[Any]] = field(default_factory=OrderedDict)
    peaks: dict[int, float] = field(default_factory=dict)
    share: float | None = None
    shown: NDArray[Any] | None = None

    @property
    def constant(self) -> bool:
        """Whether there is nothing to segment."""
        return self.invalid is not None and bool(self.invalid.all())

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.store.nbytes + sum(array.nbytes for array in self.decoded.values())
