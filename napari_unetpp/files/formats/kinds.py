"""Which format a file has: by its first bytes, never by its name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

ImageFormat = Literal["PNG", "JPEG", "TIFF"]

STARTS: dict[bytes, ImageFormat] = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",  # BigTIFF
    b"MM\0+": "TIFF",
}
SUFFIXES: dict[ImageFormat, tuple[str, ...]] = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "TIFF": (".tif", ".tiff"),
}


def image_format(path: Path) -> ImageFormat | None:
    """The format of a file by its first bytes; None where it is not a known one.

    Raises
    ------
    OSError
    """
    with open(path, "rb") as file:
        start = file.read(8)
    return next((kind for magic, kind in STARTS.items() if start.startswith(magic)), None)


def is_zarr(path: Path) -> bool:
    """Whether a folder is a zarr, by its name or by the metadata in it."""
    return path.is_dir() and (
        path.suffix == ".zarr" or any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zarray"))
    )
