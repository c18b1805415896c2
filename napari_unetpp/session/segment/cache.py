"""What the worker keeps between jobs: models, nodes, maps, decoded results, the pixels of the last plane.

Used by the worker only, but for `VisiblePart`, `Scales` and `pixels`, so nothing here is locked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo, Region, UnetppError
from napari_unetpp.engine.input.normalise import clean_plane
from napari_unetpp.session.events import MemoryUse
from napari_unetpp.session.segment.resolve import SegmentRequest
from napari_unetpp.session.segment.scales import Scales
from napari_unetpp.session.segment.speeds import Speeds, machine
from napari_unetpp.session.values import DeviceRequest, Interval, Plane, Rule, levels_of, model_key

if TYPE_CHECKING:
    from napari_unetpp.engine.decode.plane_result import PlaneResult
    from napari_unetpp.engine.loaded_model import LoadedModel
    from napari_unetpp.engine.node_cache import NodeCache

GIGABYTE = 1 << 30
MAPS_SHARE = 0.25
"""Part of the memory budget for maps and decoded results; the nodes get the rest."""


class DeviceRefused(UnetppError):
    """The device or the number format cannot be used on this machine."""


@dataclass(frozen=True, slots=True)
class _Key:
    """What makes maps valid: the plane, the weights, the working scale, the range of intensities."""

    plane: Hashable
    version: str
    scale: float
    range: Interval | None


@dataclass
class CachedPlane:
    """The maps of one plane, and what was decoded from them.

    Attributes
    ----------
    maps : PlaneResult
        Of all levels that were computed.
    peaks : dict
        Highest foreground probability per level.
    share : float or None
        FLOPs executed by Auto, as a share of those of the deepest level.
    noted : bool
        Whether `maps` says what is unusual about the image.
    """

    maps: PlaneResult
    decoded: OrderedDict[tuple[int, Rule], NDArray[Any]] = field(default_factory=OrderedDict)
    peaks: dict[int, float] = field(default_factory=dict)
    share: float | None = None
    noted: bool = False

    def levels(self) -> tuple[int, ...]:
        """Levels whose maps are complete."""
        return tuple(level for level in levels_of(self.maps.info) if self.maps.store.complete(level))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.maps.store.nbytes + sum(array.nbytes for array in self.decoded.values())


class PlanePixels:
    """The checked pixels of a plane, and notes about them: read once, when they are first needed.

    Reading may mean a download or a decoding.
    """

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._checked: tuple[NDArray[Any], tuple[str, ...]] | None = None

    def read(self) -> tuple[NDArray[Any], tuple[str, ...]]:
        """Pixels and notes; UnetppError says why the plane cannot be segmented."""
        if self._checked is None:
            self._checked = clean_plane(np.asarray(self._plane.data))
        return self._checked


class VisiblePart:
    """The part of a plane that is visible.

    Set on the window's thread, read by the worker between two nodes: one assignment, so no lock is needed.
    """

    def __init__(self) -> None:
        self._seen: tuple[Hashable, Region | None] = (None, None)

    def set(self, plane: Plane) -> None:
        """Remember what is displayed now."""
        self._seen = (plane.key, plane.viewport)

    def of(self, plane: Hashable) -> Region | None:
        """The visible part of the plane with this key; None where it is not known."""
        seen, region = self._seen
        return region if seen == plane else None


class WorkerCache:
    """Models, caches and results of one dock.

    Parameters
    ----------
    budget_gb : float
        Memory for cached nodes, maps and results together.

    Attributes
    ----------
    visible : VisiblePart
    scales : Scales
        The scale of each image.
    """

    def __init__(self, *, budget_gb: float = 2.0) -> None:
        self.visible = VisiblePart()
        self.scales = Scales()
        self._budget = int(budget_gb * GIGABYTE)
        self._nodes: NodeCache | None = None
        self._models: OrderedDict[tuple[str, DeviceRequest], LoadedModel] = OrderedDict()
        self._planes: OrderedDict[_Key, CachedPlane] = OrderedDict()
        self._objects: dict[Hashable, NDArray[Any]] = {}  # shown last, by plane
        self._renewed: set[str] = set()
        self._speeds: dict[tuple[str, DeviceRequest], Speeds] = {}
        self._pixels: tuple[Hashable, PlanePixels] | None = None

    def set_budget(self, gigabytes: float) -> None:
        """Another budget, from the next result on. The window's thread may set it."""
        self._budget = int(gigabytes * GIGABYTE)
        if self._nodes is not None:
            self._nodes.budget_bytes = int(self._budget * (1 - MAPS_SHARE))

    @property
    def nodes(self) -> NodeCache:
        """The node cache; made on first use because its budget is the worker's."""
        if self._nodes is None:
            from napari_unetpp.engine.node_cache import NodeCache

            self._nodes = NodeCache(int(self._budget * (1 - MAPS_SHARE)))
        return self._nodes

    def renew(self, key: str) -> None:
        """Load a model again when it is needed next. Any thread may ask."""
        self._renewed.add(key)

    def loaded(self, model: ModelInfo, device: DeviceRequest) -> LoadedModel:
        """The loaded model; two are kept, so that going back to the last one costs nothing.

        Raises
        ------
        DeviceRefused
            The device or the number format cannot be used on this machine.
        UnetppError
            The file of the model cannot be read.
        """
        key = (model_key(model), device)
        if key[0] in self._renewed:
            self._renewed.discard(key[0])
            for known in (self._models, self._speeds):
                for old in [old for old in known if old[0] == key[0]]:
                    del known[old]
        if key not in self._models:
            from napari_unetpp.engine.device import choose_device
            from napari_unetpp.engine.loaded_model import LoadedModel

            try:
                choose_device(device.name, device.precision)
            except UnetppError as error:
                raise DeviceRefused(str(error)) from error
            self._models[key] = LoadedModel.load(model, device.name, device.precision)
            while len(self._models) > 2:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]

    def speeds(self, model: ModelInfo, device: DeviceRequest) -> Speeds:
        """What runs of a model on a device took."""
        key = (model_key(model), device)
        if key not in self._speeds:
            self._speeds[key] = Speeds(machine(self.loaded(model, device)))
        return self._speeds[key]

    def pixels(self, plane: Plane) -> PlanePixels:
        """The pixels of a plane; those of the last plane are kept. Any thread may ask."""
        last = self._pixels
        if last is not None and last[0] == plane.key:
            return last[1]
        pixels = PlanePixels(plane)
        self._pixels = plane.key, pixels
        return pixels

    def read(self, plane: Plane) -> tuple[NDArray[Any], tuple[str, ...]]:
        """The checked pixels of a plane, and notes about them."""
        return self.pixels(plane).read()

    def find(self, request: SegmentRequest) -> CachedPlane | None:
        """The cached maps for a request whose scale is known."""
        key = self._key(request)
        if key in self._planes:
            self._planes.move_to_end(key)
        return self._planes.get(key)

    def store(self, request: SegmentRequest, cached: CachedPlane) -> None:
        """Keep maps; those used longest ago make room."""
        key = self._key(request)
        self._planes[key] = cached
        self._planes.move_to_end(key)
        self.trim()

    def keep_objects(self, plane: Plane, labels: NDArray[Any]) -> None:
        """Remember the objects of a plane that are shown, as long as any maps of it are kept."""
        self._objects[plane.key] = labels

    def last_objects(self, plane: Plane) -> NDArray[Any] | None:
        """Objects of a plane that were shown last, by whichever model; None where none are remembered."""
        return self._objects.get(plane.key)

    def trim(self) -> None:
        """Drop what was used longest ago until the budget holds; the newest plane always stays."""
        limit = self._budget * MAPS_SHARE
        total = sum(cached.nbytes for cached in self._planes.values())
        while total > limit and len(self._planes) > 1:
            _, dropped = self._planes.popitem(last=False)
            total -= dropped.nbytes
        kept = {key.plane for key in self._planes}
        self._objects = {plane: labels for plane, labels in self._objects.items() if plane in kept}
        newest = next(reversed(self._planes.values()), None)
        while newest and total > limit and len(newest.decoded) > 1:
            total -= newest.decoded.popitem(last=False)[1].nbytes

    @property
    def memory_use(self) -> MemoryUse:
        """Bytes held at the moment."""
        maps = sum(cached.nbytes for cached in self._planes.values())
        return MemoryUse(0 if self._nodes is None else self._nodes.nbytes, maps)

    def _key(self, request: SegmentRequest) -> _Key:
        version = self.loaded(request.model, request.device).version
        return _Key(request.plane.key, version, request.scale, request.range)
