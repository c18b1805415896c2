"""What the worker keeps between jobs: models, cached nodes, maps and decoded results.

Touched by the worker thread only, but for `Gaze` and `Scales`, so nothing here is locked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo, Region
from napari_unetpp.session.ports import Engine
from napari_unetpp.session.segment.plane_result import Kept
from napari_unetpp.session.segment.scales import Scales
from napari_unetpp.session.segment.speeds import Speeds
from napari_unetpp.session.values import Held, Interval, Plane, model_key

GIGABYTE = 1 << 30
MAPS_SHARE = 0.25
"""Part of the memory budget for maps and decoded results; the nodes get the rest."""


class Gaze:
    """Set on the GUI thread, read by the worker between two nodes: one assignment, so nothing is locked."""

    def __init__(self) -> None:
        self._seen: tuple[Hashable, Region | None] = (None, None)

    def turn_to(self, plane: Plane) -> None:
        """Remember what is displayed now."""
        self._seen = (plane.key, plane.viewport)

    def on(self, plane: Hashable) -> Region | None:
        """The visible part of the plane with this key; None where it is not known."""
        seen, region = self._seen
        return region if seen == plane else None


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


@dataclass(frozen=True, slots=True)
class MapsKey:
    """What makes maps valid: the plane, the weights, the working scale, the range of intensities."""

    plane: Hashable
    version: str
    scale: float
    range: Interval | None


class Workshop:
    """Models, caches and results of a sitting.

    Parameters
    ----------
    engine : Engine
    budget_gb : float
        Memory for cached nodes, maps and results together.

    Attributes
    ----------
    gaze : Gaze
        What the user looks at while a plane is predicted.
    scales : Scales
        The scale of each image.
    """

    def __init__(self, engine: Engine, *, budget_gb: float = 2.0) -> None:
        self.engine = engine
        self.gaze = Gaze()
        self.scales = Scales()
        self._budget = int(budget_gb * GIGABYTE)
        self._nodes: Any = None
        self._evaluators: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._kept: OrderedDict[MapsKey, Kept] = OrderedDict()
        self._pixels: tuple[Hashable, Pixels | None] = (None, None)
        self._speeds: dict[tuple[str, str], Speeds] = {}

    @property
    def nodes(self) -> Any:
        """The node cache; made on first use because its module may import torch."""
        if self._nodes is None:
            self._nodes = self.engine.cache(int(self._budget * (1 - MAPS_SHARE)))
        return self._nodes

    def evaluator(self, model: ModelInfo, device: str) -> Any:
        """The loaded model; two are kept, so that going back to the last one costs nothing."""
        key = (model_key(model), device)
        if key not in self._evaluators:
            self._evaluators[key] = self.engine.load(model, device)
            while len(self._evaluators) > 2:
                self._evaluators.popitem(last=False)
        self._evaluators.move_to_end(key)
        return self._evaluators[key]

    def speeds(self, model: ModelInfo, device: str) -> Speeds:
        """What runs of a model on a device took."""
        key = (model_key(model), device)
        if key not in self._speeds:
            self._speeds[key] = Speeds(self.engine.machine(self.evaluator(model, device)))
        return self._speeds[key]

    def pixels(self, plane: Plane) -> Pixels:
        """The pixels of a plane; those of the last one are kept, for another depth or the next click."""
        key, pixels = self._pixels
        if pixels is None or key != plane.key:
            pixels = Pixels(self.engine.clean, plane)
            self._pixels = plane.key, pixels
        return pixels

    def find(self, key: MapsKey) -> Kept | None:
        """Maps kept for `key`."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: MapsKey, kept: Kept) -> None:
        """Keep maps, at the price of those used longest ago."""
        self._kept[key] = kept
        self._kept.move_to_end(key)
        self.trim()

    def shown(self, plane: Hashable) -> NDArray[Any] | None:
        """Objects of a plane that were shown last, by whichever model; None where none are kept."""
        found = (kept.shown for key, kept in reversed(self._kept.items()) if key.plane == plane)
        return next((labels for labels in found if labels is not None), None)

    def trim(self) -> None:
        """Drop what was used longest ago until the budget holds; the newest plane always stays."""
        limit = self._budget * MAPS_SHARE
        total = sum(kept.nbytes for kept in self._kept.values())
        while total > limit and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            total -= dropped.nbytes
        newest = next(reversed(self._kept.values()), None)
        while newest and total > limit and len(newest.decoded) > 1:
            total -= newest.decoded.popitem(last=False)[1].nbytes

    @property
    def held(self) -> Held:
        """What is held at the moment."""
        maps = sum(kept.nbytes for kept in self._kept.values())
        return Held(0 if self._nodes is None else self._nodes.nbytes, maps)

    def clear(self) -> None:
        """Let go of everything."""
        self._evaluators.clear()
        self._kept.clear()
        self._pixels = (None, None)
        self._nodes = None
