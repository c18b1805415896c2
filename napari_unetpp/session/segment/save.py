"""Writes a result with its table of objects, or as a file for another program."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ShouldStop, UnetppError
from napari_unetpp.files.objects import formats, table
from napari_unetpp.files.objects.planes import ObjectPlane, Subject
from napari_unetpp.session.events import Event, Saved
from napari_unetpp.session.messages import saving
from napari_unetpp.session.values import Plane, ResultKind


@dataclass(frozen=True, eq=False)
class SaveRequest:
    """Write labels and the table of objects beside each other, under a name that is free.

    Attributes
    ----------
    path : Path
        With the suffix of a format of `files.objects.formats`, a file for that program is written instead.
    labels : integer ndarray of shape (Y, X)
    kind : "labels" or "mask"
    plane : Plane
    classes : tuple of str
        Names of the model's classes.
    instances : bool
        Whether labels are objects of the first class; else they are numbers of classes.
    facts : mapping
        How the labels were made (`session.segment.facts`).
    probability : callable or None
        Gives the probabilities (C, Y, X) of the foreground classes, None where they are no longer known. They
        are written beside the labels; None: they are not wanted.
    """

    path: Path
    labels: NDArray[Any]
    kind: ResultKind
    plane: Plane
    classes: tuple[str, ...] = ()
    instances: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    probability: Callable[[], NDArray[np.float32] | None] | None = None


def save(request: SaveRequest, should_stop: ShouldStop) -> Iterator[Event]:
    """Write the files of a request; nothing is ever overwritten."""
    del should_stop  # short, and half a pair of files helps nobody
    for_others = request.path.suffix.lower() in map(formats.suffix_of, formats.FORMATS)
    try:
        paths = _save_for_others(request) if for_others else _save_labels(request)
    except OSError as error:
        raise UnetppError(saving.not_written(request.path, error)) from error
    missing = request.plane.pixel.missing
    notes: tuple[str, ...] = (saving.no_area(missing),) if missing else ()
    if request.probability is not None and not for_others and len(paths) == LABELS_AND_TABLE:
        notes += (saving.NO_PROBABILITY,)
    yield Saved(paths, notes)


LABELS_AND_TABLE = 2
"""Files without the probability."""


def probability_path(labels: Path) -> Path:
    """A free name beside a file of labels: ``cells_labels.tif`` gives ``cells_probability.tif``."""
    name, found = re.subn(r"_(labels|mask)(?=(_\d+)?$)", "_probability", labels.stem)
    return free_path(labels.with_name(f"{name if found else f'{name}_probability'}.tif"))


def free_path(wanted: Path) -> Path:
    """`wanted`, numbered before its suffix until it does not exist."""
    numbered = (wanted.with_name(f"{wanted.stem}_{number}{wanted.suffix}") for number in itertools.count(2))
    return next(path for path in itertools.chain([wanted], numbered) if not path.exists())


def free_paths(wanted: Path) -> tuple[Path, Path]:
    """Label image and CSV for `wanted`, numbered until neither exists.

    ``cells_labels.tif`` gives ``cells_labels.tif`` and ``cells_labels.csv``, then ``cells_labels_2.tif``...
    """
    stem = wanted.with_suffix("") if wanted.suffix.lower() in (".tif", ".tiff", ".csv") else wanted
    number = 1
    while True:
        name = stem.name if number == 1 else f"{stem.name}_{number}"
        pair = stem.with_name(f"{name}.tif"), stem.with_name(f"{name}.csv")
        if not any(path.exists() for path in pair):
            return pair
        number += 1


def _save_labels(request: SaveRequest) -> tuple[Path, ...]:
    from napari_unetpp.files.images.pixel_size import PixelSpacing
    from napari_unetpp.files.results.result_file import About, write_labels, write_mask, write_probability

    write = write_mask if request.kind == "mask" else write_labels
    sides = request.plane.pixel.sides
    about = About(PixelSpacing(*sides) if sides else None, request.facts)
    image_path, table_path = free_paths(request.path)
    write(image_path, request.labels if request.kind == "labels" else request.labels > 0, about=about)
    table.write_csv(table_path, _measured(request, _position(request.plane)))
    values = None if request.probability is None else request.probability()
    if values is None:
        return image_path, table_path
    maps_path = probability_path(image_path)
    write_probability(maps_path, values, about=replace(about, facts=_without_corrections(request.facts)))
    return image_path, table_path, maps_path


def _without_corrections(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Of the probabilities, which nobody corrects."""
    return {name: value for name, value in facts.items() if name != "corrected"}


def _save_for_others(request: SaveRequest) -> tuple[Path, ...]:
    path = free_path(request.path)
    plane = ObjectPlane(request.labels, _position(request.plane), _measured(request, {}))
    subject = Subject(request.plane.name, request.classes, request.instances, request.facts)
    formats.write_objects(path, formats.format_of(path), [plane], subject)
    return (path,)


def _position(plane: Plane) -> dict[str, int]:
    return {step.axis: step.index for step in plane.position}


def _measured(request: SaveRequest, position: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    image, area = np.asarray(request.plane.data), request.plane.pixel.area
    return table.object_table(request.labels, image, pixel_area=area, position=position)
