"""Open the image of ``napari-unetpp segment`` with the requested spacing and region."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.files.formats.kinds import is_zarr
from napari_unetpp.files.images.pixel_size import PixelSpacing
from napari_unetpp.files.notes import Note, no_note
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.volumes.inputs.source import ImageSource, open_image

if TYPE_CHECKING:
    from napari_unetpp.commands.segment.values import Options


OUTPUTS = (".tif", ".csv", ".json", ".geojson", ".zip")
"""Files in the folder of a DICOM series that are results, and no change of the series."""


def file_version(path: Path) -> list[list[int]]:
    """Sizes and times of the files, or of the metadata of a zarr; they change when these are written anew."""
    files = [path]
    if is_zarr(path):
        files = [path / name for name in ("zarr.json", ".zattrs", ".zarray")]
    elif path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix not in OUTPUTS and file.is_file())
    return [[s.st_size, s.st_mtime_ns] for s in (file.stat() for file in files if file.exists())]


@contextmanager
def open_input(output: Output, options: Options, note: Note = no_note) -> Iterator[ImageSource]:
    """The image, or the requested region of it."""
    axes = options.stack.selection.axes
    with open_image(output.source, series=options.series, axes=axes, note=note) as image:
        yield _cropped(_with_spacing(image, options.stack.spacing), options.stack.region)


def _with_spacing(image: ImageSource, spacing: tuple[float, float, float] | None) -> ImageSource:
    """The same with the spacing that the user gave."""
    if spacing is None:
        return image
    axes = replace(image.axes, spacing=spacing)
    return replace(image, axes=axes, pixel_size=PixelSpacing(spacing[1], spacing[2]))


def _cropped(image: ImageSource, region: Region | None) -> ImageSource:
    if region is None:
        return image
    height, width = image.axes.size("Y"), image.axes.size("X")
    if not (0 <= region.y0 < region.y1 <= height and 0 <= region.x0 < region.x1 <= width):
        raise UnetppError(
            f"--region {region.y0}:{region.y1},{region.x0}:{region.x1} was given; expected rows within "
            f"0:{height} and columns within 0:{width}. The image was read as {image.axes}."
        )
    return image.cropped(region)
