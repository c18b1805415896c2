"""Files of objects for other programs: formats, file names, and writing."""

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
    """A file format: the ending of its names, the program it is for, and the function that writes it."""

    ending: str
    program: str
    write: Callable[[BinaryIO, Iterable[ObjectPlane], Subject], None]


FORMATS: Mapping[str, Format] = {
    "rois": Format("_rois.zip", "ImageJ", write_rois),
    "geojson": Format("_objects.geojson", "QuPath", write_geojson),
    "coco": Format("_coco.json", "COCO", write_coco),
}
"""The formats by the names that ``--also`` takes."""


def write_objects(
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


def suffix_of(name: str) -> str:
    """``.zip``, ``.geojson`` or ``.json``."""
    return Path(FORMATS[name].ending).suffix


def file_name_for(path: Path, name: str) -> Path:
    """The file name for a format from one the user chose: ``a_labels.tif`` gives ``a_rois.zip``.

    To other names the suffix of the format is added where it is missing.
    """
    if path.suffix.lower() in (".tif", ".tiff"):
        stem = path.stem.removesuffix("_labels").removesuffix("_mask")
        return path.with_name(f"{stem}{FORMATS[name].ending}")
    return path if path.suffix.lower() == suffix_of(name) else path.with_name(path.name + suffix_of(name))


def format_of(path: Path) -> str:
    """The format of a file name that ends in ``.zip``, ``.geojson`` or ``.json``."""
    for name in FORMATS:
        if path.suffix.lower() == suffix_of(name):
            return name
    endings = ", ".join(f"{suffix_of(name)} ({kind.program})" for name, kind in FORMATS.items())
    raise UnetppError(f"{path} names no known format; expected a name that ends in {endings}.")
