"""What is remembered of a viewer while it is open, also while no dock is."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_unetpp.session.correct.store import CorrectionStore


@dataclass
class Memory:
    """What a dock knows from earlier docks of the same viewer.

    Attributes
    ----------
    store : CorrectionStore
        Corrections of images that were closed, and what the labels of each image say.
    versions : dict
        How often the data of an image were replaced.
    data : dict
        The data that each image had when the last dock was closed, unless they are gone.
    """

    store: CorrectionStore = field(default_factory=CorrectionStore)
    versions: dict[Hashable, int] = field(default_factory=dict)
    data: dict[Hashable, Callable[[], Any]] = field(default_factory=dict)

    def remember_data(self, data: Mapping[Hashable, Any]) -> None:
        """Remember the data of the images while no dock is open."""
        self.data = {image: _weakly(array) for image, array in data.items()}

    def check_data(self, image: Hashable, data: Any) -> None:
        """Count a new version if the data were replaced while no dock was open."""
        before = self.data.pop(image, None)
        if before is not None and before() is not data:
            self.versions[image] = self.versions.get(image, 0) + 1


_memories: dict[int, Memory] = {}


def memory_of(viewer: Any) -> Memory:
    """The memory of a viewer; it is deleted with the viewer."""
    key = id(viewer)  # not the viewer itself: napari compares viewers by all that they hold
    if key not in _memories:
        _memories[key] = Memory()
        weakref.finalize(viewer, _memories.pop, key, None)
    return _memories[key]


def _weakly(array: Any) -> Callable[[], Any]:
    try:
        return weakref.ref(array)
    except TypeError:
        return lambda: array
