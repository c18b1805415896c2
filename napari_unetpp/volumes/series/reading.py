"""One range of intensities and one scale for all planes of a series, from a sample of them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo, Region, ShouldStop, UnetppError, never_stop
from napari_unetpp.engine.collect import Reading
from napari_unetpp.engine.input.normalise import NormStats, clean_plane
from napari_unetpp.engine.input.range_notes import range_notes
from napari_unetpp.engine.input.scale import check_range, diameter_notes, given_scale, scale_number
from napari_unetpp.engine.input.scale_search import search_scale
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import Position, Selection
from napari_unetpp.volumes.series_range import sampled, sampled_parts, series_range

MOST_PLANES = 5
"""Planes compared for the search of a scale: the one with the highest contrast is used."""

MARGIN = 1024
"""Of a large plane, pixels on each side of the region with the highest contrast that are used, too."""


def read_series_as(
    array: Any,
    selection: Selection,
    evaluator: LoadedModel,
    *,
    scale: float | Literal["auto"] = "auto",
    diameter: float | None = None,
    pixel_size: float | None = None,
    range: tuple[float, float] | None = None,
    should_stop: ShouldStop = never_stop,
) -> Reading:
    """Choose one range and one scale for all planes; the options are those of `predict_maps`.

    What is not given is measured. The scale is searched on one plane: of `MOST_PLANES` the one with the
    highest contrast; of a plane of more than 4 megapixels, on a region of it.
    """
    given_range = check_range(range)
    stats = (
        NormStats(*given_range)
        if given_range
        else series_range(array, selection, evaluator.info.normalisation)
    )
    given = given_scale(
        evaluator.info,
        _first(array, selection, evaluator.info),
        scale=scale_number(scale),
        diameter=diameter,
        pixel_size=pixel_size,
    )
    choice = given or search_scale(evaluator, _highest_contrast(array, selection, stats), stats, should_stop)
    return Reading(choice, (stats.low, stats.high))


def series_notes(
    array: Any, selection: Selection, *, range: tuple[float, float] | None, diameter: float | None
) -> tuple[str, ...]:
    """Notes on a given range and diameter, checked on the plane with the highest contrast."""
    notes = diameter_notes(selection.plane_shape, diameter)
    if range is None:
        return notes
    stats = NormStats(*range)
    with suppress(UnetppError):  # a damaged plane is reported when its turn comes, after those before it
        notes = (*range_notes(_highest_contrast(array, selection, stats), stats, given=True), *notes)
    return notes


def _first(array: Any, selection: Selection, info: ModelInfo) -> NDArray[Any]:
    """The first plane for models of frames, whose scale depends on it; for others only its shape counts."""
    if info.sampling.kind != "frame":
        return np.broadcast_to(np.uint8(0), selection.plane_shape)
    return clean_plane(read_plane(array, selection, next(selection.positions())))[0]


def _highest_contrast(array: Any, selection: Selection, stats: NormStats) -> NDArray[Any]:
    """The plane, or the region of a large one, with the highest contrast within the range."""
    positions = list(selection.positions())
    regions = sampled_parts(selection.plane_shape)
    best: tuple[float, Position, Region] | None = None
    for number in sampled(len(positions), MOST_PLANES):
        for region in regions:
            plane = clean_plane(read_plane(array, selection, positions[number], region))[0]
            contrast = _contrast(plane, stats)
            if best is None or contrast > best[0]:
                best = contrast, positions[number], region
    assert best is not None
    _, position, region = best
    whole = region if len(regions) == 1 else region.grown(MARGIN, selection.plane_shape)
    return clean_plane(read_plane(array, selection, position, whole))[0]


def _contrast(plane: NDArray[Any], stats: NormStats) -> float:
    """Standard deviation of the intensities, clipped to the range; pixels without a value do not count."""
    values = plane.astype(np.float32)
    return float(np.clip(values[np.isfinite(values)], stats.low, stats.high).std() if values.size else 0)
