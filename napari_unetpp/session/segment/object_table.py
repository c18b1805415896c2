"""The table of objects and its CSV file."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.files.atomic import write_atomically

PROPERTIES = (
    "label",
    "area",
    "centroid",
    "equivalent_diameter_area",
    "axis_major_length",
    "axis_minor_length",
    "eccentricity",
    "solidity",
    "bbox",
)


def object_table(
    labels: NDArray[Any],
    image: NDArray[Any] | None = None,
    *,
    pixel_area: float | None = None,
    position: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, NDArray[Any]]:
    """Measurements of every object.

    Parameters
    ----------
    labels : integer ndarray of shape (Y, X)
    image : ndarray of shape (Y, X) or (Y, X, C), optional
        Adds the mean intensity (per channel).
    pixel_area : float, optional
        Square micrometres per pixel; adds the area in square micrometres.
    position : mapping of str to int, optional
        Which plane of a stack this is: a column for each axis, before all others.
    """
    from skimage.measure import regionprops_table

    properties = PROPERTIES if image is None else (*PROPERTIES, "intensity_mean")
    # solidity of objects of one or two pixels has no convex hull; skimage warns and gives what it can
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = regionprops_table(
            labels.astype(np.int32, copy=False), intensity_image=image, properties=properties
        )
    named = {_column(name): np.asarray(values) for name, values in table.items()}
    named["area_px"] = np.rint(named["area_px"]).astype(np.int64)
    if pixel_area:
        named["area_um2"] = named["area_px"] * pixel_area
    rows = len(named["label"])
    return {axis: np.full(rows, index) for axis, index in position.items()} | named


def _column(name: str) -> str:
    renamed = {
        "area": "area_px",
        "centroid-0": "centroid_y",
        "centroid-1": "centroid_x",
        "equivalent_diameter_area": "diameter_px",
        "bbox-0": "y0",
        "bbox-1": "x0",
        "bbox-2": "y1",
        "bbox-3": "x1",
    }
    return renamed.get(name, name.replace("-", "_"))


def write_csv(path: Path, table: Mapping[str, NDArray[Any]], *, overwrite: bool = False) -> None:
    """Write a table, whole or not at all; an existing file is refused unless `overwrite`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(table)
    writer.writerows([_cell(value) for value in row] for row in zip(*table.values(), strict=True))
    write_atomically(path, lambda file: file.write(text.getvalue().encode()), overwrite=overwrite)


def _cell(value: Any) -> str:
    """Six digits, or as many as stand before the point: never an exponent for a large number."""
    number = value.item() if isinstance(value, np.generic) else value
    if not isinstance(number, float):
        return str(number)
    before = len(f"{abs(number):.0f}") if math.isfinite(number) else 0
    return f"{number:.{max(6, before)}g}"
