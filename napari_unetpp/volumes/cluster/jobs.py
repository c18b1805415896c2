"""Work for other processes: small values that describe it, and the functions that do it.

Modules that import torch are imported inside the functions: the scheduler reads jobs, too, without torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_unetpp._types import DecodeRule, Kind, Region, ScaleChoice
from napari_unetpp.volumes.cluster.address import ImageAddress
from napari_unetpp.volumes.selection import Position, Selection

if TYPE_CHECKING:
    from napari_unetpp.engine.input.normalise import NormStats
    from napari_unetpp.volumes.series.plane import SeriesRequest


@dataclass(frozen=True, slots=True)
class SeriesJob:
    """`volumes.series.plane.SeriesRequest` without open files and without the model.

    Attributes
    ----------
    image : ImageAddress
    model : str
        The name under which the process has the model (`volumes.cluster.on_worker`).
    selection, level, scale, range, kind
        As in the request.
    rule : DecodeRule
        How objects are made.
    probability : bool
        As in the request.
    """

    image: ImageAddress
    model: str
    selection: Selection
    level: int
    scale: ScaleChoice
    range: tuple[float, float]
    kind: Kind
    rule: DecodeRule
    probability: bool = False


def series_job(request: SeriesRequest, image: ImageAddress, model: str) -> SeriesJob:
    """The job of a request."""
    reading = request.reading
    rule = request.evaluator.info.decode
    return SeriesJob(
        image,
        model,
        request.selection,
        request.level,
        reading.scale,
        reading.range,
        request.kind,
        rule,
        request.probability,
    )


def plane_results(job: SeriesJob, position: Position) -> tuple[NDArray[Any], ...]:
    """The result of one plane; its probability, too, where that is wanted."""
    from napari_unetpp.volumes.series.plane import predict_plane, return_value

    request = _request(job)
    return request.results(return_value(predict_plane(request, position)))


def tile_maps(
    job: SeriesJob, position: Position, stats: NormStats, region: Region, cell: int | None
) -> tuple[Region, NDArray[Any]]:
    """One tile of a plane: its region (working grid), and its maps (K, h, w) in their stored format."""
    from napari_unetpp.engine.decode.map_store import MAP_DTYPE
    from napari_unetpp.volumes.series.plane import predict_tiles

    ((found, maps),) = predict_tiles(_request(job), position, stats, (region,), cell=cell)
    return found, maps.astype(MAP_DTYPE)


def _request(job: SeriesJob) -> SeriesRequest:
    from napari_unetpp.engine.collect import Reading
    from napari_unetpp.volumes.cluster.on_worker import image_at, model_named
    from napari_unetpp.volumes.series.plane import SeriesRequest

    reading = Reading(job.scale, job.range)
    array = image_at(job.image).array
    evaluator = model_named(job.model).with_rule(job.rule)
    return SeriesRequest(
        array, job.selection, evaluator, job.level, reading, job.kind, probability=job.probability
    )
