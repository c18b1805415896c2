"""Writes the labels of all planes of an image with their table and tracks, or as a file for others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ShouldStop, UnetppError
from napari_unetpp.files.objects import formats, table
from napari_unetpp.files.objects.planes import ObjectPlane, Subject
from napari_unetpp.session.events import Event, Saved
from napari_unetpp.session.messages import saving
from napari_unetpp.session.segment.facts import common_facts
from napari_unetpp.session.segment.save import free_path, free_paths
from napari_unetpp.session.stacks.events import StackRead
from napari_unetpp.session.stacks.request import StackRequest
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import Position
from napari_unetpp.volumes.tracks import TrackRows

ReadLabels = Callable[[Position], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class SaveStackRequest:
    """Write all planes.

    Attributes
    ----------
    path : Path
        With the suffix of a format of `files.objects.formats`, a file for that program is written instead.
    made : StackRequest
        What the labels were made by.
    how : StackRead
        How the planes were read.
    read : callable
        Gives the labels (Y, X) of a plane.
    probability : bool
        The user wants the probability, too, which a run over all planes does not keep.
    """

    path: Path
    made: StackRequest
    how: StackRead
    read: ReadLabels
    probability: bool = False


def save_stack(request: SaveStackRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """Write the files of a request; nothing is ever overwritten."""
    del should_stop  # half a set of files helps nobody
    for_others = request.path.suffix.lower() in map(formats.suffix_of, formats.FORMATS)
    try:
        paths = _for_others(request) if for_others else _labels(request)
    except OSError as error:
        raise UnetppError(saving.not_written(request.path, error)) from error
    missing = request.made.source.pixel.missing
    notes: tuple[str, ...] = (saving.no_area(missing),) if missing else ()
    yield Saved(paths, (*notes, saving.NO_PROBABILITIES) if request.probability else notes)


def place(axes: Axes, position: Position) -> dict[str, float]:
    """Which plane it is, as the columns of a table say it: ``frame``, ``time_s``, ``plane``."""
    where: dict[str, float] = {}
    if axes.size("T") > 1:
        where["frame"] = position.t
        where |= {} if axes.interval is None else {"time_s": position.t * axes.interval}
    if position.z is not None and axes.size("Z") > 1:
        where["plane"] = position.z
    return where


def _labels(request: SaveStackRequest) -> tuple[Path, ...]:
    from napari_unetpp.files.images.pixel_size import PixelSpacing
    from napari_unetpp.files.results.result_file import About, write_stack

    made, selection = request.made, request.made.selection
    image_path, table_path = free_paths(request.path)
    mask = made.rule.kind == "mask"
    side = made.source.pixel.side
    tables, tracks = [], TrackRows(deep=selection.depth > 1)

    def planes() -> Iterator[NDArray[Any]]:
        for position in selection.positions():
            labels = request.read(position)
            tables.append(_measured(request, position, labels, place(selection.axes, position)))
            if made.track is not None:
                tracks.add(labels, position.t, position.z or 0)
            yield np.where(labels > 0, 255, 0).astype(np.uint8) if mask else labels

    write_stack(
        image_path,
        planes(),
        selection.stack_shape,
        selection.stack_axes,
        np.uint8 if mask else np.uint32,
        About(PixelSpacing(side, side) if side else None, _facts(made, request.how)),
        spacing=selection.axes.spacing[0] if "Z" in selection.stack_axes else None,
        interval=selection.axes.interval if "T" in selection.stack_axes else None,
        overwrite=False,
    )
    table.write_csv(table_path, {name: np.concatenate([one[name] for one in tables]) for name in tables[0]})
    if made.track is None:
        return image_path, table_path
    tracks_path = free_path(table_path.with_name(f"{table_path.stem}_tracks.csv"))
    table.write_csv(tracks_path, _columns(tracks.table(), deep=selection.depth > 1))
    return image_path, table_path, tracks_path


def _facts(made: StackRequest, how: StackRead) -> dict[str, Any]:
    """How the labels were made."""
    links = {"stitch": made.stitch, "track": made.track}
    return {
        **common_facts(made.model, made.level, made.rule),
        **{name: overlap for name, overlap in links.items() if overlap is not None},
        "scale": how.reading.scale.scale,
        "scale_reason": how.reading.scale.reason,
        "range": [float(value) for value in how.reading.range],
        "precision": how.precision,
        "read_as": str(made.selection),
    }


def _columns(rows: NDArray[Any], *, deep: bool) -> dict[str, NDArray[Any]]:
    names = ("track", "frame", *(("plane",) if deep else ()), "y", "x")
    columns = [column.astype(np.int64) if n < 2 else column for n, column in enumerate(rows.T)]
    return dict(zip(names, columns, strict=True))


def _for_others(request: SaveStackRequest) -> tuple[Path, ...]:
    path, made = free_path(request.path), request.made
    subject = Subject(made.source.name, made.model.classes, made.objects, _facts(made, request.how))
    formats.write_objects(path, formats.format_of(path), _object_planes(request), subject)
    return (path,)


def _object_planes(request: SaveStackRequest) -> Iterator[ObjectPlane]:
    axes = request.made.selection.axes
    for position in request.made.selection.positions():
        labels = request.read(position)
        where = {"t": position.t} if axes.size("T") > 1 else {}
        where |= {"z": position.z} if position.z is not None and axes.size("Z") > 1 else {}
        yield ObjectPlane(labels, where, _measured(request, position, labels, {}))


def _measured(
    request: SaveStackRequest, position: Position, labels: NDArray[Any], where: dict[str, float]
) -> dict[str, NDArray[Any]]:
    source, selection = request.made.source, request.made.selection
    image = read_plane(source.array, selection, position)
    return table.object_table(labels, image, pixel_area=source.pixel.area, position=where)
