"""Formats other than TIFF, PNG, JPEG and zarr, each read by a package of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.files.formats.kinds import image_format, is_zarr
from napari_unetpp.files.formats.stack_kinds import StackFormat, stack_format
from napari_unetpp.files.images.image_file import IMAGE_SUFFIXES
from napari_unetpp.files.notes import Note, no_note
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.inputs.bioio_image import has_plugin, open_bioio
from napari_unetpp.volumes.inputs.dicom import DicomImage
from napari_unetpp.volumes.inputs.nifti import NiftiImage
from napari_unetpp.volumes.inputs.video import Video

Opened = tuple[Any, Axes, NDArray[np.float64] | None]
"""Pixels, axes, and the seconds of each frame of a video."""


def format_of(path: Path) -> StackFormat | None:
    """Which of these formats an image has; None: another one, or it does not exist.

    A folder is DICOM. Unknown formats are left to bioio if an installed plug-in reads them.
    """
    if path.is_dir():
        return None if is_zarr(path) else "DICOM"
    found = stack_format(path)
    unknown = found is None and path.exists() and path.suffix.lower() not in IMAGE_SUFFIXES
    if unknown and _is_unknown(path) and has_plugin(path):
        return "microscope"
    return found


@contextmanager
def open_other(
    path: Path, kind: StackFormat, *, series: int | None = None, note: Note = no_note
) -> Iterator[Opened]:
    """Open an image of one of these formats; the context closes it.

    Raises
    ------
    UnetppError
        The image is damaged or cannot be decoded, or the package that reads it is missing.
    """
    if kind == "video":
        with Video(path) as video:
            yield video, video.axes, video.times
    elif kind == "microscope":
        yield *open_bioio(path, series=series, note=note), None
    else:
        image = NiftiImage(path) if kind == "NIfTI" else DicomImage(path, series, note)
        yield image, image.axes, None


def _is_unknown(path: Path) -> bool:
    try:
        return image_format(path) is None
    except OSError:  # its reader says what is wrong
        return False
