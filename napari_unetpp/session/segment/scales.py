"""The scale that was found for each image."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE, ModelInfo, ScaleChoice
from napari_unetpp.session.values import Interval, Plane, model_key

Key = tuple[Hashable, int, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """A choice, and the plane, the level and the range of intensities on which it was made."""

    choice: ScaleChoice
    plane: Hashable
    level: int | None
    factor: float
    range: Interval | None

    def on(self, plane: Plane) -> ScaleChoice:
        """The choice for a plane of perhaps another level, where a pixel is another length.

        A weak choice stays 1: it says nothing about the image.
        """
        if self.choice.weak or plane.factor == self.factor:
            return self.choice
        scale = within_limits(self.choice.scale * plane.factor / self.factor)
        return replace(self.choice, scale=scale, reason=f"{self.choice.reason} at level {self.level}")


class Scales:
    """One choice per image and model; it holds for all planes and levels of the image.

    The worker fills it and the window's thread reads it: single assignments, so no lock is needed.
    """

    def __init__(self) -> None:
        self._found: dict[Key, _Found] = {}

    def find(self, plane: Plane, model: ModelInfo) -> ScaleChoice | None:
        """The choice for the image, converted to the level of the plane."""
        found = self._found.get(_key(plane, model))
        return None if found is None else found.on(plane)

    def store(self, plane: Plane, model: ModelInfo, choice: ScaleChoice, range_: Interval | None) -> None:
        """Remember a choice that was made on `plane` with this range of intensities."""
        self._found[_key(plane, model)] = _Found(choice, plane.key, plane.level, plane.factor, range_)

    def forget_weak(self, plane: Plane, model: ModelInfo, range_: Interval | None) -> None:
        """Drop a weak choice that was made on another plane, or with another range of intensities."""
        found = self._found.get(_key(plane, model))
        if found is not None and found.choice.weak and (found.plane, found.range) != (plane.key, range_):
            del self._found[_key(plane, model)]

    def copy(self, parent: str, child: ModelInfo) -> None:
        """Use every choice of the model with the key `parent` for `child`, too."""
        for (image, version, model), found in list(self._found.items()):
            if model == parent:
                self._found[image, version, model_key(child)] = found


def within_limits(scale: float) -> float:
    """The nearest scale that is allowed."""
    return min(max(scale, SMALLEST_SCALE), LARGEST_SCALE)


def _key(plane: Plane, model: ModelInfo) -> Key:
    return plane.image, plane.version, model_key(model)
