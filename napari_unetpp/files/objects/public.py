"""Public functions that measure objects and write them for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from napari_unetpp.files.objects import stacks, table
from napari_unetpp.files.objects.formats import format_of, write_objects
from napari_unetpp.files.objects.planes import Subject

Image = NDArray[Any]


def measure_objects(
    labels: Image,
    image: Image | None = None,
    *,
    axes: str = "YX",
    pixel_size: float | None = None,
    channels: Sequence[str] = (),
) -> dict[str, NDArray[Any]]:
    """Measure every object: size, intensity of each channel, position and shape.

    Parameters
    ----------
    labels : integer ndarray of shape (Y, X), or (..., Y, X)
        0 is background. An object of a stack has a row in each of its planes.
    image : ndarray of the shape of `labels`, or with channels as a last axis, optional
    axes : str
        One letter for each axis of `labels`, the last two ``YX``, for example ``"ZYX"`` or ``"TZYX"``.
    pixel_size : float, optional
        Micrometres per px: adds areas and diameters in micrometres.
    channels : sequence of str, optional
        Names of the channels.

    Returns
    -------
    dict of str to ndarray
        Columns, as ``segment --table`` writes them.

    Examples
    --------
    >>> table = measure_objects(result.labels, image)  # doctest: +SKIP
    >>> table["area_px"].mean()  # doctest: +SKIP
    """
    planes = stacks.planes(labels, image, axes=axes, pixel_size=pixel_size, channels=channels)
    return stacks.joined(list(planes))


def save_objects(
    labels: Image,
    path: str | Path,
    *,
    image: Image | None = None,
    axes: str = "YX",
    pixel_size: float | None = None,
    name: str = "",
    classes: Sequence[str] = (),
    instances: bool = True,
    overwrite: bool = False,
) -> None:
    """Write the objects of labels for other programs; outlines enclose exactly the labelled pixels.

    Parameters
    ----------
    labels : integer ndarray of shape (Y, X), or (..., Y, X)
        0 is background. An object may lie in several places.
    path : str or Path
        Its suffix decides the format: ``.zip`` ROIs for ImageJ, ``.geojson`` QuPath, ``.json`` COCO, ``.csv``
        a table.
    image, axes, pixel_size
        As in `measure_objects`; the measurements go into ``.csv`` and ``.geojson``.
    name : str
        File name of the image, for COCO.
    classes : sequence of str
        Names of the classes; for instances the first one names the objects.
    instances : bool
        Whether label values are objects; else they are classes.
    overwrite : bool
        False: an existing file is refused.

    Raises
    ------
    UnetppError
        Labels and image of different shapes, an unknown suffix, or a file that exists.

    Examples
    --------
    >>> save_objects(result.labels, "cells_rois.zip")  # doctest: +SKIP
    """
    path = Path(path)
    planes = stacks.planes(labels, image, axes=axes, pixel_size=pixel_size)
    if path.suffix.lower() == ".csv":
        table.write_csv(path, stacks.joined(list(planes)), overwrite=overwrite)
    else:
        subject = Subject(name, tuple(classes), instances)
        write_objects(path, format_of(path), planes, subject, overwrite=overwrite)
