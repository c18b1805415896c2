"""A cache of evaluated nodes, so that a deeper level costs only the nodes it adds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, MutableMapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from napari_unetpp._types import Node, Normalisation, Region
from napari_unetpp.engine.input.normalise import NormStats

if TYPE_CHECKING:
    from torch import Tensor

Nodes = MutableMapping[Node, "Tensor"]


@dataclass(frozen=True, slots=True)
class TileKey:
    """What cached nodes depend on: plane, working grid, tile, weights (`version`) and given range."""

    plane: Hashable
    shape: tuple[int, int]
    region: Region
    version: str
    range: tuple[float, float] | None = None


def node_bytes(nodes: Nodes) -> int:
    """Bytes held by `nodes`."""
    return sum(tensor.numel() * tensor.element_size() for tensor in nodes.values())


class NodeCache:
    """Nodes by tile; the least recently used tile is dropped first. Safe to share between threads.

    Parameters
    ----------
    budget_bytes : int
        Never exceeded; a tile that is larger than this is not stored.
    """

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._tiles: OrderedDict[TileKey, dict[Node, Tensor]] = OrderedDict()
        self._sizes: dict[TileKey, int] = {}
        self._stats: dict[tuple[Hashable, Normalisation], NormStats] = {}
        self._lock = Lock()

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(self._sizes.values())

    def __len__(self) -> int:
        return len(self._tiles)

    def get(self, key: TileKey) -> dict[Node, Tensor]:
        """Nodes known for a tile (a copy of the mapping, possibly empty)."""
        with self._lock:
            if key not in self._tiles:
                return {}
            self._tiles.move_to_end(key)
            return dict(self._tiles[key])

    def put(self, key: TileKey, nodes: Nodes) -> None:
        """Store the nodes of a tile; the least recently used tiles make room."""
        with self._lock:
            self._drop(key)
            size = node_bytes(nodes)
            if not nodes or size > self.budget_bytes:
                return
            while self.nbytes + size > self.budget_bytes:
                self._drop(next(iter(self._tiles)))
            self._tiles[key], self._sizes[key] = dict(nodes), size

    def touch(self, keys: Iterable[TileKey]) -> None:
        """Mark tiles as used, the first as the most recent, so that storing one does not drop the next."""
        with self._lock:
            for key in reversed(list(keys)):
                if key in self._tiles:
                    self._tiles.move_to_end(key)

    def stats(self, plane: Hashable, rule: Normalisation, measure: Callable[[], NormStats]) -> NormStats:
        """The intensity range of a plane, measured on the first request; for None on every request."""
        known = self._stats.get((plane, rule))
        if known is None:
            known = measure()
            if plane is not None:
                self._stats[plane, rule] = known
        return known

    def forget(self, plane: Hashable) -> None:
        """Drop everything of one plane."""
        with self._lock:
            for key in [key for key in self._tiles if key.plane == plane]:
                self._drop(key)
            self._stats = {key: stats for key, stats in self._stats.items() if key[0] != plane}

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._tiles.clear()
            self._sizes.clear()
            self._stats.clear()

    def _drop(self, key: TileKey) -> None:
        self._tiles.pop(key, None)
        self._sizes.pop(key, None)
