"""Writes a result and its table of objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import ShouldStop, UnetppError
from napari_unetpp.files.objects import table
from napari_unetpp.session.events import Event, Saved
from napari_unetpp.session.messages import saving
from napari_unetpp.session.values import Plane, ResultKind


def save(
    path: Path, labels: NDArray[Any], kind: ResultKind, plane: Plane, should_stop: ShouldStop
) -> Iterator[Event]:
    """Write labels or a mask and the CSV of the objects, under names that are free."""
    from napari_unetpp.files.images.image_file import write_labels, write_mask
    from napari_unetpp.files.images.pixel_size import PixelSize
    from napari_unetpp.files.results.result_files import About

    del should_stop  # short, and half a pair of files helps nobody
    write = write_mask if kind == "mask" else write_labels
    side = plane.pixel.side
    about = About(PixelSize(side, side) if side else None)
    try:
        image_path, table_path = free_paths(path)
        write(image_path, labels if kind == "labels" else labels > 0, about=about)
        measured = table.object_table(
            labels,
            np.asarray(plane.data),
            pixel_area=plane.pixel.area,
            position={step.axis: step.index for step in plane.position},
        )
        table.write_csv(table_path, measured)
    except OSError as error:
        raise UnetppError(saving.not_written(path, error)) from error
    notes = (saving.no_area(plane.pixel.missing),) if plane.pixel.missing else ()
    yield Saved((image_path, table_path), notes)


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
