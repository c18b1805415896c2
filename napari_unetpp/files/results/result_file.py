"""Result images as TIFF files: written with their metadata, and recognised by it."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_unetpp._types import ModelInfo
from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.files.images.pixel_size import PixelSpacing

SOFTWARE = "napari-unetpp"
"""The TIFF tag Software of every result begins with this word."""

LARGEST_IN_TAG = 2**32 - 1
"""Largest numerator and denominator of a resolution tag."""

CLASSIC = 4_000_000_000
"""From so many bytes on a TIFF is written as BigTIFF, which not every program reads."""


@dataclass(frozen=True, slots=True)
class About:
    """Metadata of a result.

    Attributes
    ----------
    pixel_size : PixelSpacing or None
        Goes into the OME metadata and the resolution tags.
    facts : mapping
        How the result was made, as JSON values: goes into the description of the image.
    """

    pixel_size: PixelSpacing | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


UNKNOWN = About()


def write_labels(
    path: str | Path, labels: NDArray[Any], *, overwrite: bool = False, about: About = UNKNOWN
) -> None:
    """Write labels of shape (Y, X) as uint32 TIFF; an existing file is refused unless `overwrite`."""
    write_result(Path(path), labels.astype(np.uint32, copy=False), about, overwrite=overwrite)


def write_mask(
    path: str | Path, mask: NDArray[Any], *, overwrite: bool = False, about: About = UNKNOWN
) -> None:
    """Write a mask of shape (Y, X) as uint8 TIFF of 0 and 255."""
    pixels = (mask != 0).astype(np.uint8) * np.uint8(255)
    write_result(Path(path), pixels, about, overwrite=overwrite)


def write_probability(
    path: str | Path, probability: NDArray[Any], *, overwrite: bool = False, about: About = UNKNOWN
) -> None:
    """Write foreground probabilities of shape (C, Y, X) as float32 TIFF."""
    write_result(Path(path), probability.astype(np.float32, copy=False), about, overwrite=overwrite)


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


def write_stack(
    path: Path,
    planes: Iterable[NDArray[Any]],
    shape: tuple[int, ...],
    axes: str,
    dtype: Any,
    about: About,
    *,
    spacing: float | None = None,
    interval: float | None = None,
    overwrite: bool,
    tile: tuple[int, int] | None = None,
) -> None:
    """Write an OME-TIFF plane by plane; one plane at a time is in memory.

    Parameters
    ----------
    planes : iterable of ndarray of shape (Y, X)
        In the order of the file, the last axes first; of `tile`, its tiles row by row instead.
    shape : tuple of int
    axes : str
        A letter of TZCYX for each axis.
    spacing : float, optional
        Micrometres between planes.
    interval : float, optional
        Seconds between frames.
    tile : (int, int), optional
        Rows and columns of a tile; None: planes are stored in strips.
    """
    name = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps([list(shape), dict(about.facts)], default=str))
    metadata = {"axes": axes, "UUID": str(name), **_described(about)}
    if spacing:
        metadata |= {"PhysicalSizeZ": spacing, "PhysicalSizeZUnit": "µm"}
    if interval:
        metadata |= {"TimeIncrement": interval, "TimeIncrementUnit": "s"}

    def write(file: BinaryIO) -> None:
        tifffile.imwrite(
            file,
            iter(planes),
            shape=shape,
            dtype=dtype,
            ome=True,
            bigtiff=math.prod(shape) * np.dtype(dtype).itemsize > CLASSIC,
            tile=tile,
            compression="zlib",
            photometric="minisblack",
            software=f"{SOFTWARE} {version('napari-unetpp')}",
            metadata=metadata,
            **_resolution(about.pixel_size),
        )

    write_atomically(path, write, overwrite=overwrite)


def _ome(data: NDArray[Any], about: About) -> dict[str, Any]:
    """Metadata of an OME image; its UUID follows from the pixels."""
    name = str(uuid.uuid5(uuid.NAMESPACE_OID, sha256(data.data).hexdigest()))
    return {"axes": "YX", "UUID": name, **_described(about)}


def _described(about: About) -> dict[str, Any]:
    """Facts and the size of pixels, as OME names them."""
    found = {"Description": json.dumps(dict(about.facts))} if about.facts else {}
    size = about.pixel_size
    if size is None or size.printed:
        return found
    units = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    return {**found, **units, "PhysicalSizeX": size.x, "PhysicalSizeY": size.y}


def _resolution(size: PixelSpacing | None) -> dict[str, Any]:
    """Resolution tags, for programs that do not read OME."""
    if size is None:
        return {}
    ratios = tuple(_ratio(number) for number in size.per_unit)
    return {"resolution": ratios, "resolutionunit": "INCH" if size.printed else "CENTIMETER"}


def _ratio(number: float) -> tuple[int, int]:
    """A number above 0 as the nearest ratio of two numbers that a tag holds."""
    number = min(number, LARGEST_IN_TAG)
    largest = int(LARGEST_IN_TAG / max(number, 1))  # denominator, so that the numerator fits, too
    return Fraction(number).limit_denominator(largest).as_integer_ratio()


def model_facts(info: ModelInfo) -> dict[str, str]:
    """Which model made a result, its hash, and the version of this package."""
    return {
        "model": info.name,
        "model_sha256": info.sha256 or "",
        "version": version("napari-unetpp"),
    }


def read_facts(path: Path) -> dict[str, Any]:
    """How a result was made (`About.facts`), from its metadata; empty where they do not say."""
    try:
        if path.is_dir():
            return _zarr_facts(path)
        with tifffile.TiffFile(path) as file:
            facts = _ome_facts(file) if file.is_ome else _shaped_facts(file)
    except Exception:  # another program has saved it again
        return {}
    return facts if isinstance(facts, dict) else {}


def _ome_facts(file: tifffile.TiffFile) -> Any:
    found: Any = tifffile.xml2dict(file.ome_metadata or "")["OME"]["Image"]
    return json.loads((found[0] if isinstance(found, list) else found)["Description"])


def _shaped_facts(file: tifffile.TiffFile) -> dict[str, Any]:
    """Of probabilities of one plane, which are no OME-TIFF: what stands beside their axes and shape."""
    found = (file.shaped_metadata or ({},))[0]
    return {name: value for name, value in found.items() if name not in ("axes", "shape")}


def _zarr_facts(path: Path) -> dict[str, Any]:
    attributes = (json.loads(file.read_text()) for file in path.glob("labels/*/.zattrs"))
    return next((dict(found["about"]) for found in attributes if "about" in found), {})


def is_result(path: Path) -> bool:
    """Whether a file is a result of ours, by its tag Software, which other programs drop; also a zarr."""
    if path.is_dir():
        return _is_our_zarr(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with tifffile.TiffFile(path) as file:
            tag = file.pages.first.tags.get("Software")
    except Exception:  # the file's reader says what is wrong with it
        return False
    return tag is not None and str(tag.value).split(" ")[0] == SOFTWARE


def _is_our_zarr(path: Path) -> bool:
    """Whether it holds labels that we wrote (see `volumes.ome_zarr`)."""
    try:
        attributes = [file.read_text() for file in path.glob("labels/*/.zattrs")]
    except OSError:
        return False
    return any(f'"{SOFTWARE}"' in text for text in attributes)
