"""Maps averaged over the eight orientations of a plane: turned by quarters, and mirrored.

Each orientation is evaluated anew, so this takes eight times as long. What the network says differs a little
between them; the mean has fewer errors (test-time augmentation: Wang et al., *Aleatoric uncertainty
estimation with test-time augmentation*, Neurocomputing 338, 2019, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import PredictDone, PredictEvent, PredictRequest, PredictStarted, Region, TileDone
from napari_unetpp.engine.decode.map_store import Maps, MapStore

COUNT = 8

T = TypeVar("T", bound=np.generic)

OnEvent = Callable[[PredictEvent], None]
Evaluate = Callable[[PredictRequest, OnEvent | None], tuple[MapStore, int]]
"""Gives the maps of a request and the FLOPs that they took, and tells every event."""


def average(request: PredictRequest, evaluate: Evaluate, on_event: OnEvent | None) -> tuple[MapStore, int]:
    """The mean of the maps of all orientations, and the FLOPs of all of them.

    `on_event` is told one start, the tiles of all orientations, and one end.
    """
    total: Maps | None = None
    flops = 0
    for number in range(COUNT):
        turned = replace(request, image=orient(request.image, number), all_levels=False)
        store, spent = evaluate(turned, None if on_event is None else _part(number, on_event))
        maps = orient_back(store.maps(request.level), number)
        total = maps if total is None else np.add(total, maps, out=total)
        flops += spent
    assert total is not None
    channels, height, width = total.shape
    mean = MapStore((height, width), channels)
    total /= COUNT
    mean.add(TileDone(request.generation, request.level, Region.whole(mean.shape), total, 1, 1))
    return mean, flops


def orient(image: NDArray[T], number: int) -> NDArray[T]:
    """A plane (Y, X) or (Y, X, C) in one of the eight orientations; 0: as it is."""
    turned = np.rot90(image, number % 4, axes=(0, 1))
    return np.ascontiguousarray(turned[:, ::-1] if number >= COUNT // 2 else turned)


def orient_back(maps: NDArray[T], number: int) -> NDArray[T]:
    """Maps (K, Y, X) of such a plane in the orientation of the image."""
    turned = maps[:, :, ::-1] if number >= COUNT // 2 else maps
    return np.ascontiguousarray(np.rot90(turned, -(number % 4), axes=(1, 2)))


def _part(number: int, on_event: OnEvent) -> OnEvent:
    """Tells the events of one orientation as a part of all."""

    def tell(event: PredictEvent) -> None:
        if isinstance(event, TileDone):
            on_event(replace(event, done=event.done + number * event.total, total=COUNT * event.total))
        elif isinstance(event, PredictStarted):
            if number == 0:
                on_event(replace(event, tiles=COUNT * event.tiles))
        elif not isinstance(event, PredictDone) or number == COUNT - 1:
            on_event(event)

    return tell
