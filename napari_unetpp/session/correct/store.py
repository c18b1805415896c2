"""The corrected planes of a session: those in open layers and those whose layers are closed."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

from napari_unetpp.session.correct.merge import count_corrections
from napari_unetpp.session.correct.planes import CorrectedPlane, LabelMode
from napari_unetpp.session.values import Preprocessing


class CorrectionStore:
    """Keeps planes whose layers were closed, and the mode and the preprocessing of every image."""

    def __init__(self) -> None:
        self._closed: dict[Hashable, CorrectedPlane] = {}
        self._modes: dict[Hashable, LabelMode] = {}
        self._preprocessing: dict[Hashable, Preprocessing] = {}
        self._counts: WeakKeyDictionary[CorrectedPlane, int] = WeakKeyDictionary()

    def mode(self, image: Hashable) -> LabelMode | None:
        """What the user says of the labels of an image; None: never chosen."""
        return self._modes.get(image)

    def set_mode(self, image: Hashable, mode: LabelMode) -> None:
        """Remember it."""
        self._modes[image] = mode

    def set_preprocessing(self, image: Hashable, preprocessing: Preprocessing) -> None:
        """Remember how the image was segmented last."""
        self._preprocessing[image] = preprocessing

    def add(self, planes: Iterable[CorrectedPlane]) -> None:
        """Keep planes whose layer is closed."""
        self._closed.update({plane.key: plane for plane in planes})

    def take(self, key: Hashable) -> CorrectedPlane | None:
        """A plane that is opened in a layer again."""
        return self._closed.pop(key, None)

    def has(self, key: Hashable) -> bool:
        """Whether a plane is kept whose layer is closed."""
        return key in self._closed

    def closed_images(self) -> frozenset[Hashable]:
        """Images of which planes are kept."""
        return frozenset(plane.image for plane in self._closed.values())

    def drop(self, image: Hashable) -> list[CorrectedPlane]:
        """Remove the kept planes of an image; returns them."""
        dropped = [plane for plane in self._closed.values() if plane.image == image]
        for plane in dropped:
            del self._closed[plane.key]
        return dropped

    def usable(self, open_: Sequence[CorrectedPlane]) -> tuple[CorrectedPlane, ...]:
        """What fine-tuning can learn from: the kept planes, then those of open layers."""
        return tuple(plane for _, plane in self._all(open_) if plane.is_usable)

    def edited(self, open_: Sequence[CorrectedPlane]) -> tuple[CorrectedPlane, ...]:
        """Also what only marks pixels as ignored, or draws regions."""
        return tuple(plane for _, plane in self._all(open_) if plane.is_usable or plane.is_edited)

    def count(self, open_: Sequence[CorrectedPlane]) -> tuple[int, int]:
        """Corrections and planes that fine-tuning can learn from."""
        counts = [self._count(snapshot) for snapshot, plane in self._all(open_) if plane.is_usable]
        return sum(counts), len(counts)

    def _all(self, open_: Sequence[CorrectedPlane]) -> list[tuple[CorrectedPlane, CorrectedPlane]]:
        """Every snapshot, without and with the mode and the preprocessing of its image."""
        keys = {plane.key for plane in open_}
        planes = [*(plane for key, plane in self._closed.items() if key not in keys), *open_]
        return [
            (
                plane,
                replace(
                    plane,
                    mode=self._modes.get(plane.image, LabelMode()),
                    preprocessing=self._preprocessing.get(plane.image, Preprocessing()),
                ),
            )
            for plane in planes
        ]

    def _count(self, snapshot: CorrectedPlane) -> int:
        if snapshot not in self._counts:  # a snapshot never changes
            self._counts[snapshot] = count_corrections(snapshot.labels, snapshot.certain)
        return self._counts[snapshot]
