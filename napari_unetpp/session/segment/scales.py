"""The scale of each image: what was chosen for it, and what it makes of lengths and areas."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from napari_unetpp._types import LARGEST_SCALE, SMALLEST_SCALE, ModelInfo, ScaleChoice
from napari_unetpp.session.values import Interval, Plane, Rule, model_key

Key = tuple[Hashable, int, str]


@dataclass(frozen=True, slots=True)
class _Found:
    """A choice and what it was made on: a plane of a level of the image, as it was seen in a range."""

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

    Filled by the worker, read on the GUI thread too: single assignments, so nothing is locked.
    """

    def __init__(self) -> None:
        self._found: dict[Key, _Found] = {}

    def find(self, plane: Plane, model: ModelInfo) -> ScaleChoice | None:
        """What was chosen for the image, converted to the level that the plane is of."""
        found = self._found.get(_key(plane, model))
        return None if found is None else found.on(plane)

    def keep(self, plane: Plane, model: ModelInfo, choice: ScaleChoice, range_: Interval | None) -> None:
        """Remember a choice made on `plane` as it is seen in the range."""
        self._found[_key(plane, model)] = _Found(choice, plane.key, plane.level, plane.factor, range_)

    def look_again(self, plane: Plane, model: ModelInfo, range_: Interval | None) -> None:
        """Forget a weak choice that was made on another plane, or on this one seen otherwise."""
        found = self._found.get(_key(plane, model))
        if found is not None and found.choice.weak and (found.plane, found.range) != (plane.key, range_):
            del self._found[_key(plane, model)]

    def inherit(self, parent: str, child: ModelInfo) -> None:
        """A model reads every image at the scale at which the one with this key, its parent, does."""
        for (image, version, model), found in list(self._found.items()):
            if model == parent:
                self._found[image, version, model_key(child)] = found


def is_searched(model: ModelInfo) -> bool:
    """Whether the scale of an image is looked for where nobody says how large its objects are."""
    return model.sampling.kind == "object" and model.task == "instances"


def _key(plane: Plane, model: ModelInfo) -> Key:
    return plane.image, plane.version, model_key(model)


def within_limits(scale: float) -> float:
    """The nearest scale that can be worked at."""
    return min(max(scale, SMALLEST_SCALE), LARGEST_SCALE)


def working_min_size(pixels: int, scale: float) -> int:
    """A minimum size in pixels of the image, in pixels of the working grid, which decoding counts in."""
    return round(pixels * scale**2)


def in_pixels(rule: Rule, model: ModelInfo, scale: float) -> Rule:
    """The rule with its minimum size in pixels of the image, also where it is the model's own."""
    own = round(model.decode.min_size / scale**2)
    return replace(rule, min_size=own) if rule.min_size is None else rule
