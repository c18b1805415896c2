"""Formats of stacks, films and medical images, each read by a package of its own: which one a file has."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

StackFormat = Literal["NIfTI", "DICOM", "video", "microscope"]

PLUGINS = {
    ".czi": "bioio-czi",
    ".nd2": "bioio-nd2",
    ".lif": "bioio-lif",
    ".dv": "bioio-dv",
    ".r3d": "bioio-dv",
    ".sldy": "bioio-sldy",
    ".vsi": "bioio-bioformats",
    ".oir": "bioio-bioformats",
    ".oib": "bioio-bioformats",
    ".ims": "bioio-bioformats",
}
"""Files that microscopes write, and the package by which bioio reads each."""

VIDEOS = (".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv")
NIFTIS = (".nii", ".nii.gz")
DICOMS = (".dcm", ".dicom", ".ima")

STACK_SUFFIXES = (*PLUGINS, *VIDEOS, *NIFTIS, *DICOMS)

DICOM_AT, NIFTI_AT, NIFTI2_AT = 128, 344, 4
"""Offsets (bytes) of the letters by which a file is recognised."""


def stack_format(path: Path) -> StackFormat | None:
    """The format of a file; None where it is none of these, or does not exist.

    NIfTI and DICOM are recognised by their first bytes, because many have no suffix; videos and the files of
    microscopes by their suffix.
    """
    name = path.name.lower()
    if path.is_dir() or not path.exists():
        return None
    if name.endswith(tuple(PLUGINS)):
        return "microscope"
    if name.endswith(VIDEOS):
        return "video"
    start = _start(path)
    if is_dicom_start(start) or name.endswith(DICOMS):
        return "DICOM"
    first, second = start[NIFTI_AT : NIFTI_AT + 4], start[NIFTI2_AT : NIFTI2_AT + 4]
    if first in (b"n+1\0", b"ni1\0") or second in (b"n+2\0", b"ni2\0") or name.endswith(NIFTIS):
        return "NIfTI"
    return None


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM does, whatever its name."""
    return is_dicom_start(_start(path))


def is_dicom_start(start: bytes) -> bool:
    """Whether these are the first bytes of a DICOM file."""
    return start[DICOM_AT : DICOM_AT + 4] == b"DICM"


def _start(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(NIFTI_AT + 4)
    except OSError:  # its reader says what is wrong
        return b""
