"""Folders of DICOM files: which of them belong to one series; needs the package pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_unetpp._types import UnetppError
from napari_unetpp.files.formats.stack_kinds import is_dicom

NEEDS = '"pylibjpeg[all]"'
"""What decodes most kinds of compressed DICOM."""


def load_pydicom(path: Path) -> Any:
    """The package pydicom, or an error that says how to get it."""
    try:
        import pydicom
        import pydicom.pixels
    except ImportError as error:
        raise UnetppError(
            f"{path} is DICOM; reading it needs the package pydicom, version 3 or later: pip install "
            "'pydicom>=3', or 'napari-unetpp[medical]'."
        ) from error
    return pydicom


def dicom_files(folder: Path, known: tuple[str, ...] = ()) -> list[Path]:
    """DICOM files directly in a folder, by name; files with one of the `known` suffixes are skipped."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.name[0] != "." and path.suffix.lower() not in known and path.is_file() and is_dicom(path)
    ]


def is_dicom_series(files: list[Path]) -> bool:
    """Whether some of several DICOM files are planes of one image."""
    if len(files) < 2:
        return False
    try:
        return any(len(series) > 1 for series in series_of(files))
    except UnetppError:  # no pydicom, or a damaged file: opening the series says so
        return True


def series_of(files: list[Path]) -> list[list[Path]]:
    """The files of each series, in the order of their first files."""
    found: dict[str, list[Path]] = {}
    for file in files:
        try:
            head = load_pydicom(file).dcmread(
                file, stop_before_pixels=True, specific_tags=["SeriesInstanceUID", "Rows"]
            )
        except UnetppError:
            raise
        except Exception as error:  # pydicom raises many kinds on damaged files
            raise UnetppError(f"{file} cannot be read as DICOM: {error}. It may be damaged.") from error
        if "Rows" in head:  # reports and directories are no images
            found.setdefault(str(head.get("SeriesInstanceUID", "")), []).append(file)
    return list(found.values())
