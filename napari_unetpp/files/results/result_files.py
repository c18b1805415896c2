"""Result images as TIFF: what they say of themselves, and how they are told from other images."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.files.images.pixel_size import PixelSize

SOFTWARE = "napari-unetpp"
"""The TIFF tag Software of every result begins with this word."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a result beside its pixels.

    Attributes
    ----------
    pixel_size : PixelSize or None
        Goes into the OME metadata and the resolution tags.
    facts : mapping
        How the result came about, as JSON knows it: goes into the description of the image.
    """

    pixel_size: PixelSize | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


UNKNOWN = About()


def write_result(path: Path, array: NDArray[Any], about: About, *, overwrite: bool) -> None:
    """Write an array of shape (Y, X) or (C, Y, X) as TIFF; the same values give the same bytes.

    Planes become OME-TIFF. Arrays with channels do not: readers of OME drop the axis of a single channel.
    """
    data = np.ascontiguousarray(array)
    plane = data.ndim == 2
    metadata = _ome(data, about) if plane else {"axes": "CYX", **about.facts}

    def write(file: BinaryIO) -> None:
        tifffile.imwrite(
            file,
            data,
            ome=plane,
            compression="zlib",
            photometric="minisblack",
            software=f"{SOFTWARE} {version('napari-unetpp')}",
            metadata=metadata,
            **_resolution(about.pixel_size),
        )

    write_atomically(path, write, overwrite=overwrite)


def _ome(data: NDArray[Any], about: About) -> dict[str, Any]:
    """Metadata of an OME image; its UUID follows from the pixels."""
    found = {"axes": "YX", "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, sha256(data.data).hexdigest()))}
    if about.facts:
        found["Description"] = json.dumps(dict(about.facts))
    size = about.pixel_size
    if size is None or size.printed:
        return found
    units = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    return {**found, **units, "PhysicalSizeX": size.x, "PhysicalSizeY": size.y}


def _resolution(size: PixelSize | None) -> dict[str, Any]:
    """Resolution tags, which programs read that know no OME."""
    if size is None:
        return {}
    return {"resolution": size.per_unit, "resolutionunit": "INCH" if size.printed else "CENTIMETER"}


def read_facts(path: Path) -> dict[str, Any]:
    """How a result that `write_result` wrote came about; empty where the file does not say."""
    try:
        with tifffile.TiffFile(path) as file:
            found: Any = tifffile.xml2dict(file.ome_metadata or "")["OME"]["Image"]
            facts = json.loads((found[0] if isinstance(found, list) else found)["Description"])
    except Exception:  # another program saved it anew
        return {}
    return facts if isinstance(facts, dict) else {}


def is_result(path: Path) -> bool:
    """Whether a file is a result of ours, by its tag Software; other programs drop that."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with tifffile.TiffFile(path) as file:
            tag = file.pages.first.tags.get("Software")
    except Exception:  # what is wrong with the file its reader says
        return False
    return tag is not None and str(tag.value).split(" ")[0] == SOFTWARE
