"""Stacks of labels, measured plane by plane."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.files.objects.planes import ObjectPlane
from napari_unetpp.files.objects.table import object_table


def planes(
    labels: NDArray[Any],
    image: NDArray[Any] | None = None,
    *,
    axes: str = "YX",
    pixel_size: float | None = None,
    channels: Sequence[str] = (),
) -> Iterator[ObjectPlane]:
    """The planes of a stack with their measurements.

    Parameters
    ----------
    labels : integer ndarray of shape (Y, X), or (..., Y, X)
    image : ndarray of the shape of `labels`, or with channels as a last axis, optional
    axes : str
        One letter for each axis of `labels`, the last two ``YX``.
    pixel_size : float, optional
        Micrometres per px.
    channels : sequence of str, optional
        Names of the channels.

    Raises
    ------
    UnetppError
        Arguments do not fit together; raised by the call, before the first plane.
    """
    labels, image = np.asarray(labels), None if image is None else np.asarray(image)
    _check(labels, image, axes, pixel_size, channels)
    area = None if pixel_size is None else pixel_size**2
    return _planes(labels, image, axes.lower()[:-2], area, channels)


def _planes(
    labels: NDArray[Any], image: NDArray[Any] | None, axes: str, area: float | None, channels: Sequence[str]
) -> Iterator[ObjectPlane]:
    for index in np.ndindex(*labels.shape[:-2]):
        position = dict(zip(axes, index, strict=True))
        plane = labels[index]
        pixels = None if image is None else image[index]
        table = object_table(plane, pixels, pixel_area=area, position=position, channels=channels)
        yield ObjectPlane(plane, position, {name: table[name] for name in table if name not in position})


def joined(planes: Sequence[ObjectPlane]) -> dict[str, NDArray[Any]]:
    """The tables of all planes, one below the other, with a column for each axis of their positions."""
    tables = [
        {axis: np.full(plane.columns["label"].size, index) for axis, index in plane.position.items()}
        | dict(plane.columns)
        for plane in planes
    ]
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]} if tables else {}


def _check(
    labels: NDArray[Any],
    image: NDArray[Any] | None,
    axes: str,
    pixel_size: float | None,
    channels: Sequence[str],
) -> None:
    if labels.dtype.kind not in "iu":
        raise UnetppError(f"labels of type {labels.dtype} were given; expected whole numbers.")
    if (
        labels.ndim < 2
        or len(axes) != labels.ndim
        or axes.upper()[-2:] != "YX"
        or len(set(axes)) != len(axes)
    ):
        raise UnetppError(
            f"labels of shape {labels.shape} were given with axes {axes!r}; expected one letter for each "
            'axis, the last two YX, for example "ZYX" for a stack.'
        )
    if labels.size and int(labels.min()) < 0:
        raise UnetppError("labels with negative numbers were given; expected 0 for background, and objects.")
    if image is not None and (image.shape[: labels.ndim] != labels.shape or image.ndim > labels.ndim + 1):
        raise UnetppError(
            f"an image of shape {image.shape} was given with labels of shape {labels.shape}; expected equal "
            "shapes, or channels as one more axis of the image, the last one."
        )
    if channels and (image is None or image.ndim == labels.ndim or image.shape[-1] != len(channels)):
        shape = None if image is None else image.shape
        raise UnetppError(f"{len(channels)} names of channels were given with an image of shape {shape}.")
    if pixel_size is not None and not (0 < pixel_size < math.inf):
        raise UnetppError(f"a pixel size of {pixel_size} was given; expected micrometres, above 0.")
