"""The level of a model that a request uses."""

from __future__ import annotations

from typing import Literal

from napari_unetpp._types import AUTO, ModelInfo, UsageError

Auto = Literal["auto"]


def resolve_level(info: ModelInfo, level: int | Auto, *, augment: bool = False) -> int:
    """The level to use, or an error that names the ones there are.

    "auto" is `AUTO` where the model has a stopping rule, else its recommended level; the latter also where
    orientations are averaged (`augment`), of which each would stop elsewhere.
    """
    if level == "auto" and augment:
        return info.recommended_level
    if level == "auto" or (level == AUTO and info.stopping):
        return AUTO if info.stopping else info.recommended_level
    if level not in info.net.levels:
        levels = info.net.levels
        has = f"levels 1 to {levels[-1]}" if len(levels) > 1 else f"level {levels[0]} only"
        raise UsageError(f"level {level!r} was given; {info.name!r} has {has}, or use 'auto'.")
    return int(level)


def memory_remedy(info: ModelInfo, level: int) -> str:
    """The remedy, in words, where not even small tiles of a level fit into memory."""
    deepest = info.net.depth if level == AUTO else level
    offer = f", or a shallower level (--level {deepest - 1})" if deepest > 1 else ""
    return f"crop the image, or choose a smaller --scale{offer}"
