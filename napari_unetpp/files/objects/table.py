"""Measurements of every object: the table of the command line, of Save and of the layer in napari."""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.files.atomic import write_atomically

SIZES = ("label", "area", "equivalent_diameter_area")
INTENSITIES = ("intensity_mean", "intensity_max")
SHAPES = (
    "centroid",
    "axis_major_length",
    "axis_minor_length",
    "eccentricity",
    "solidity",
    "bbox",
)
"""Position and shape; these take about ten times as long as sizes and intensities together."""

NAMES = {
    "area": "area_px",
    "equivalent_diameter_area": "diameter_px",
    "centroid-0": "centroid_y",
    "centroid-1": "centroid_x",
    "bbox-0": "y0",
    "bbox-1": "x0",
    "bbox-2": "y1",
    "bbox-3": "x1",
}


def object_table(
    labels: NDArray[Any],
    image: NDArray[Any] | None = None,
    *,
    pixel_area: float | None = None,
    position: Mapping[str, float] = MappingProxyType({}),
    channels: Sequence[str] = (),
    shapes: bool = True,
) -> dict[str, NDArray[Any]]:
    """Measurements of every object, one row each, by rising number.

    Parameters
    ----------
    labels : integer ndarray of shape (Y, X)
        0 is background.
    image : ndarray of shape (Y, X) or (Y, X, C), optional
        Adds the mean and the maximum of every channel.
    pixel_area : float, optional
        Square micrometres per pixel; adds area and diameter in micrometres.
    position : mapping of str to int or float, optional
        Indices, depth and time of the plane in a stack: a column each, before all others.
    channels : sequence of str, optional
        Names of the C channels; without them they are numbered from 0.
    shapes : bool
        Also centre, axes, eccentricity, solidity and box.

    Returns
    -------
    dict of str to ndarray of shape (number of objects,)
        ``label``, ``area_px``, ``diameter_px`` (of the disc of the same area), ``area_um2``, ``diameter_um``,
        ``intensity_mean``, ``intensity_max`` (``_0``, ``_1``, ... or ``_NAME`` where there are channels), and
        the shapes.
    """
    from skimage.measure import regionprops_table

    names = (*SIZES, *(INTENSITIES if image is not None else ()), *(SHAPES if shapes else ()))
    with warnings.catch_warnings():  # objects of one or two pixels have no convex hull: it warns
        warnings.simplefilter("ignore")
        found = regionprops_table(
            labels.astype(np.int32, copy=False), intensity_image=image, properties=names
        )
    table = {_column(name, channels): np.asarray(values) for name, values in found.items()}
    table["area_px"] = np.rint(table["area_px"]).astype(np.int64)
    micrometres = {}
    if pixel_area:
        micrometres["area_um2"] = table["area_px"] * pixel_area
        micrometres["diameter_um"] = table["diameter_px"] * math.sqrt(pixel_area)
    planes = {axis: np.full(table["label"].size, index) for axis, index in position.items()}
    sizes = {name: table.pop(name) for name in ("label", "area_px", "diameter_px")}
    return planes | sizes | micrometres | table


def _column(name: str, channels: Sequence[str]) -> str:
    before, _, number = name.partition("-")
    if before in INTENSITIES and number and channels:
        return f"{before}_{channels[int(number)]}"
    return NAMES.get(name, name.replace("-", "_"))


def by_number(table: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The same table with the row of each object at its number, as napari expects the features of labels.

    Row 0 (background) and rows whose number no object has are NaN. Where most rows would be empty, rows stay
    as they are, and the column ``index``, which napari accepts, too, holds the numbers.
    """
    numbers = table["label"]
    columns = {name: values for name, values in table.items() if name != "label"}
    rows = int(numbers.max(initial=0)) + 1
    if rows > SPARSE * (numbers.size + 1):
        return {"index": numbers, **columns}
    placed = {}
    for name, values in columns.items():
        placed[name] = np.full(rows, np.nan)
        placed[name][numbers] = values
    return placed


SPARSE = 10
"""Most rows per object in a table with rows by number."""


def write_csv(path: Path, table: Mapping[str, NDArray[Any]], *, overwrite: bool = False) -> None:
    """Write a table, whole or not at all; an existing file is refused unless `overwrite`."""
    rows = zip(*table.values(), strict=True)
    text = csv_text([list(table), *([csv_cell(value) for value in row] for row in rows)])
    write_atomically(path, lambda file: file.write(text.encode()), overwrite=overwrite)


def csv_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows as the text of a CSV file."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def csv_cell(value: Any) -> str:
    """A value as text; floats with six digits, or more where needed to avoid an exponent."""
    number = value.item() if isinstance(value, np.generic) else value
    if not isinstance(number, float):
        return str(number)
    before = len(f"{abs(number):.0f}") if math.isfinite(number) else 0
    return f"{number:.{max(6, before)}g}"
