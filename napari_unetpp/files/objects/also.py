"""Files that other programs read: which there are, what they are called, and how one is written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from napari_unetpp._types import UnetppError
from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.files.objects.coco import write_coco
from napari_unetpp.files.objects.geojson import write_geojson
from napari_unetpp.files.objects.planes import ObjectPlane, Subject
from napari_unetpp.files.objects.rois import write_rois


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: how its name ends, which programs it is for, and what writes it."""

    ending: str
    program: str
    write: Callable[[BinaryIO, Iterable[ObjectPlane], Subject], None]


FORMATS: Mapping[str, Format] = {
    "rois": Format("_rois.zip", "ImageJ", write_rois),
    "geojson": Format("_objects.geojson", "QuPath", write_geojson),
    "coco": Format("_coco.json", "COCO", write_coco),
}
"""By the names that ``--also`` takes."""


def write_also(
    path: Path, name: str, planes: Iterable[ObjectPlane], subject: Subject, *, overwrite: bool = False
) -> None:
    """Write the objects of all planes into one file, whole or not at all.

    Parameters
    ----------
    path : Path
    name : str
        Of a format in `FORMATS`.
    planes : iterable of ObjectPlane
        Taken one after the other; one plane for a plain image.
    subject : Subject
    overwrite : bool
        False: an existing file is refused.
    """
    write = FORMATS[name].write
    write_atomically(path, lambda file: write(file, planes, subject), overwrite=overwrite)


def format_of(path: Path) -> str:
    """The format that a file name asks for: ``.zip``, ``.geojson`` or ``.json``."""
    for name, kind in FORMATS.items():
        if path.suffix.lower() == Path(kind.ending).suffix:
            return name
    endings = ", ".join(f"{Path(kind.ending).suffix} ({kind.program})" for kind in FORMATS.values())
    raise UnetppError(f"{path} says no format: expected a name that ends in {endings}.")
