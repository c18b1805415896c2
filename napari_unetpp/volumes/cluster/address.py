"""Where other processes find an image, and what they must have installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import Region

PACKAGE = "napari-unetpp"
"""The name under which pip knows this package; all processes need the same version."""


@dataclass(frozen=True, slots=True)
class ImageAddress:
    """Where a process finds an image.

    Attributes
    ----------
    path : Path
        The same for all processes.
    series, axes
        As in `volumes.inputs.source.open_image`.
    region : Region or None
        The image is cropped to these rows and columns.
    mark : str
        Changes when the file does, so that no process continues with the old file.
    """

    path: Path
    series: int | None = None
    axes: str | None = None
    region: Region | None = None
    mark: str = ""
