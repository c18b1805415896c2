"""A stack or film segmented at once, all results in memory: for scripts."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ObjectOptions, Segmentation
from napari_unetpp.engine.collect import AS_THE_MODEL
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.level import resolve_level
from napari_unetpp.engine.loaded_model import LoadedModel, origin
from napari_unetpp.volumes.directions import DIRECTIONS
from napari_unetpp.volumes.inputs.source import ImageSource
from napari_unetpp.volumes.metadata import axes_of_array
from napari_unetpp.volumes.selection import SelectionRequest, select
from napari_unetpp.volumes.series.numbering import check_links, numbered
from napari_unetpp.volumes.series.plane import SeriesRequest, predict_plane, return_value
from napari_unetpp.volumes.series.reading import read_series_as
from napari_unetpp.volumes.series.three_directions import ThreeDirections, check_directions


def segment_array(
    array: Any,
    evaluator: LoadedModel,
    wanted: SelectionRequest,
    *,
    stitch: float | None = None,
    track: float | None = None,
    directions: int = 1,
    spacing: tuple[float, float, float] | None = None,
    level: int | Literal["auto"] = "auto",
    objects: ObjectOptions = AS_THE_MODEL,
    **size: Any,
) -> Segmentation:
    """Segment the planes of an array that were asked for.

    Parameters
    ----------
    array : array-like or ImageSource
        In memory or lazy; read plane by plane.
    evaluator : LoadedModel
    wanted : SelectionRequest
    stitch, track : float, optional
        Overlap from which objects are linked through depth, and over time.
    directions : {1, 3}
        3: the mean of planes cut along Z, Y and X; the distances must be known.
    spacing : (float, float, float), optional
        Micrometres between planes, rows and columns.
    level, objects, size
        As `engine.collect.predict_maps` takes them.

    Returns
    -------
    Segmentation
        Of shape (T, Z, Y, X), without T or Z where there is but one; an axis of classes comes first.
    """
    if isinstance(array, ImageSource):
        array, axes = array.array, array.axes
    else:
        axes = axes_of_array(array)
    axes = axes if spacing is None else replace(axes, spacing=spacing)
    chosen = select(axes, wanted, inputs=evaluator.info.net.in_channels)
    check_directions(directions, chosen)
    if stitch is not None or track is not None:
        check_links(chosen, stitch=stitch, track=track)
    depth = resolve_level(evaluator.info, level)
    reading = read_series_as(array, chosen, evaluator, **size)
    evaluator = evaluator.with_rule(objects.rule(evaluator.info.decode, reading.scale.scale))
    request = SeriesRequest(array, chosen, evaluator, depth, reading, directions=directions)
    planes = [_each(found) for found in _results(request)]
    labels, masks, probabilities, uncertainties, depths, notes = zip(*planes, strict=True)
    shape = chosen.stack_shape
    with tempfile.TemporaryDirectory() as folder:
        linked = np.stack(
            list(numbered(labels.__getitem__, chosen, Path(folder), stitch=stitch, track=track))
        )
    return Segmentation(
        labels=np.array(linked, np.uint32).reshape(shape),
        mask=np.stack(masks).reshape(shape),
        probability=np.stack(probabilities, axis=1).reshape(-1, *shape),
        level=depth,
        uncertainty=np.stack(uncertainties).reshape(shape),
        depth=np.stack(depths).reshape(shape),
        scale=reading.scale.scale,
        scale_reason=reading.scale.reason,
        range=reading.range,
        notes=(f"read as {chosen}", *dict.fromkeys(note for some in notes for note in some)),
        **origin(evaluator),
    )


def _results(request: SeriesRequest) -> Iterator[PlaneResult]:
    with tempfile.TemporaryDirectory() as folder:
        directions = ThreeDirections(request, Path(folder)) if request.directions == DIRECTIONS else None
        for position in request.selection.positions():
            yield return_value(
                predict_plane(request, position) if directions is None else directions.plane(position)
            )


def _each(maps: PlaneResult) -> tuple[NDArray[Any], ...]:
    """All results of one plane."""
    found = (maps.labels(), maps.mask(), maps.probability(), maps.uncertainty(), maps.depth(), maps.notes)
    return found  # type: ignore[return-value]
