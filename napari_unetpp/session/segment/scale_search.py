"""The part of a job that finds out at which scale a plane is worked on."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TypeVar

from napari_unetpp._types import ScaleChoice, ShouldStop
from napari_unetpp.session.segment.cache import Pixels, Workshop
from napari_unetpp.session.segment.scales import is_searched
from napari_unetpp.session.values import Event, Phase, PlaneRequest, Scaled

LOOKING = "looking for the object size"

Request = TypeVar("Request", bound=PlaneRequest)


def with_scale(
    workshop: Workshop, request: Request, pixels: Pixels, should_stop: ShouldStop, generation: int
) -> Generator[Event, None, Request | None]:
    """The request with a scale, which is looked for where nobody has said or found it; None when stopped."""
    if request.choice is not None:
        return request
    known = workshop.scales.find(request.plane, request.model)
    if known is None:
        if is_searched(request.model):
            yield Phase(generation, LOOKING)
        found = _look(workshop, request, pixels, should_stop)
        if should_stop():
            return None
        workshop.scales.keep(request.plane, request.model, found, request.range)
    choice = known or found
    yield Scaled(request.plane, choice, searched=known is None)
    return replace(request, choice=choice)


def _look(workshop: Workshop, request: PlaneRequest, pixels: Pixels, should_stop: ShouldStop) -> ScaleChoice:
    engine = workshop.engine
    image, _ = pixels.read()
    evaluator = workshop.evaluator(request.model, request.device)
    stats = engine.intensities(workshop.nodes, request, image)
    return engine.decide_scale(evaluator, image, stats, request.plane.pixel_size, should_stop)
