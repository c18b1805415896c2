"""DICOM: single images, files of many frames, and folders of a series; needs the package pydicom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.files.formats.dicom_folder import NEEDS, dicom_files, load_pydicom, series_of
from napari_unetpp.files.notes import Note, no_note
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.inputs.dicom_order import Slice, in_order

FILMS = ("ES", "GM", "OP", "RF", "US", "XA", "XC")
"""Modalities whose frames follow each other in time: endoscopy, ultrasound, ..."""


class DicomImage:
    """The planes of a DICOM file or series as an array (T, Z, Y, X[, S]), each read on access.

    Grey values are rescaled (Hounsfield units in CT), and brighter pixels have larger values.

    Parameters
    ----------
    path : Path
        A file, or a folder of the files of one series, in any order.
    series : int, optional
        Which series of a folder that holds several, from 0.
    note : callable, optional
        Called with notes on what was unusual.

    Attributes
    ----------
    axes : Axes
    shape : tuple of int
    dtype : dtype

    Raises
    ------
    UnetppError
        pydicom is not installed, or the files are damaged, hold no image, several series, or planes of
        several sizes.
    """

    def __init__(self, path: Path, series: int | None = None, note: Note = no_note) -> None:
        self._pydicom = load_pydicom(path)
        files = _one_series(path, series)
        headers = [(file, self._head(file)) for file in files]
        self._check(path, headers)
        head = headers[0][1]
        film = str(head.get("Modality", "")) in FILMS or "FrameTime" in head or "CineRate" in head
        order = in_order([one for file, header in headers for one in _slices(file, header)], film=film)
        for text in order.notes:
            note(text)
        self._slices = order.slices
        first = self._plane(order.slices[0][0])
        self.shape: tuple[int, ...] = (len(order.slices), len(order.slices[0]), *first.shape)
        self.dtype: np.dtype[Any] = first.dtype
        self.ndim = len(self.shape)
        y, x = _pixel_spacing(head)
        between = order.distance or _number(_found(head, "SpacingBetweenSlices"))
        interval = _number(head.get("FrameTime"))
        self.axes = Axes(
            "TZYXS"[: self.ndim],
            self.shape,
            "DICOM",
            spacing=(_micrometres(between), _micrometres(y), _micrometres(x)),
            interval=interval / 1000 if interval else None,
        )

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """A part of one plane; the indices of time and depth must be numbers."""
        t, z, *within = index
        if not (isinstance(t, (int, np.integer)) and isinstance(z, (int, np.integer))):
            raise UnetppError(f"{index} was asked for; DICOM is read plane by plane: give numbers first.")
        part: NDArray[Any] = self._plane(self._slices[int(t)][int(z)])[tuple(within)]
        return part

    def _head(self, file: Path) -> Any:
        """The header of a file, without pixels."""
        try:
            return self._pydicom.dcmread(file, stop_before_pixels=True)
        except Exception as error:  # pydicom raises many kinds on damaged files
            raise UnetppError(f"{file} cannot be read as DICOM: {error}. It may be damaged.") from error

    def _check(self, path: Path, headers: list[tuple[Path, Any]]) -> None:
        without = [file for file, head in headers if "Rows" not in head or "Columns" not in head]
        if without:
            raise UnetppError(f"{without[0]} is DICOM without an image in it, such as a report.")
        if any("TotalPixelMatrixColumns" in head for _, head in headers):
            raise UnetppError(f"{path} is a whole slide in tiles, which is not read. Convert it to OME-TIFF.")
        sizes = {(int(head.Rows), int(head.Columns)) for _, head in headers}
        if len(sizes) > 1:
            raise UnetppError(f"{path} has planes of several sizes: {sorted(sizes)}. Give them one by one.")

    def _plane(self, one: Slice) -> NDArray[Any]:
        """One plane (Y, X[, S])."""
        from pydicom.pixels import apply_color_lut, pixel_array

        try:
            head = self._pydicom.dcmread(one.path, stop_before_pixels=True)
            pixels: NDArray[Any] = pixel_array(one.path, index=one.frame)
        except Exception as error:
            raise UnetppError(_reason(one.path, error)) from error
        meaning = str(head.get("PhotometricInterpretation", ""))
        if meaning == "PALETTE COLOR":
            coloured: NDArray[Any] = apply_color_lut(pixels, head)
            return (coloured >> 8).astype(np.uint8) if coloured.dtype == np.uint16 else coloured
        if pixels.ndim == 3:
            return pixels
        values = _rescaled(pixels, head, one.frame)
        return _inverted(values, head) if meaning == "MONOCHROME1" else values


def _one_series(path: Path, series: int | None) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = series_of(dicom_files(path))
    if not found:
        raise UnetppError(f"folder {path} holds no DICOM images.")
    if series is None and len(found) > 1:
        sizes = ", ".join(f"{n}: {len(files)} files" for n, files in enumerate(found))
        raise UnetppError(
            f"folder {path} holds {len(found)} DICOM series ({sizes}). Choose one with --series, or give the "
            "files one by one."
        )
    if not 0 <= (series or 0) < len(found):
        raise UnetppError(f"series {series} was asked for, but {path} has {len(found)}, numbered from 0.")
    return found[series or 0]


def _slices(file: Path, head: Any) -> Iterator[Slice]:
    """The planes of one file."""
    frames = int(head.get("NumberOfFrames", 1) or 1)
    first = int(head.get("InstanceNumber", 0) or 0) * frames
    for frame in range(frames):
        yield Slice(file, frame, _position(head, frame), first + frame)


def _position(head: Any, frame: int) -> float | None:
    """The position of a plane along the normal of its series, mm."""
    where = _found(head, "ImagePositionPatient", frame)
    directions = _found(head, "ImageOrientationPatient", frame)
    if where is None or directions is None:
        return None
    rows, columns = np.asarray(directions[:3], float), np.asarray(directions[3:], float)
    return float(np.cross(rows, columns) @ np.asarray(where, float))


def _found(head: Any, name: str, frame: int = 0) -> Any:
    """A value of the header, or of the functional groups of a frame or of all frames (enhanced DICOM)."""
    if name in head:
        return head[name].value
    every = head.get("PerFrameFunctionalGroupsSequence") or ()
    groups = [*every[frame : frame + 1], *(head.get("SharedFunctionalGroupsSequence") or ())]
    for group in groups:
        for element in group:
            if element.VR == "SQ" and element.value and name in element.value[0]:
                return element.value[0][name].value
    return None


def _pixel_spacing(head: Any) -> tuple[float | None, float | None]:
    """Millimetres between rows and between columns."""
    found = _found(head, "PixelSpacing")
    return (_number(found[0]), _number(found[1])) if found else (None, None)


def _rescaled(pixels: NDArray[Any], head: Any, frame: int) -> NDArray[Any]:
    """Stored numbers with rescale slope and intercept applied."""
    slope, intercept = (_found(head, name, frame) for name in ("RescaleSlope", "RescaleIntercept"))
    slope, intercept = float(1 if slope is None else slope), float(intercept or 0)
    if (slope, intercept) == (1.0, 0.0):
        return pixels
    values: NDArray[Any] = (pixels * slope + intercept).astype(np.float32)
    return values


def _inverted(values: NDArray[Any], head: Any) -> NDArray[Any]:
    """Values inverted within the range of their type: MONOCHROME1, where larger ones are darker."""
    if values.dtype.kind == "f":
        return -values
    low, high = (-(1 << int(head.BitsStored) - 1), (1 << int(head.BitsStored) - 1) - 1)
    if not int(head.PixelRepresentation):
        low, high = 0, (1 << int(head.BitsStored)) - 1
    inverted: NDArray[Any] = (low + high - values.astype(np.int64)).astype(values.dtype)
    return inverted


def _reason(path: Path, error: Exception) -> str:
    text = str(error).splitlines()[0].rstrip(".")
    if isinstance(error, (RuntimeError, NotImplementedError)) and (
        "missing dependencies" in str(error) or "plugin" in str(error)
    ):
        return (
            f"{path} is compressed in a way that needs another package ({text}): pip install "
            f"{NEEDS}, or save it without compression."
        )
    return f"{path} cannot be read as DICOM: {text}. It may be damaged."


def _number(value: Any) -> float | None:
    try:
        return float(value) or None
    except (TypeError, ValueError):
        return None


def _micrometres(length: float | None) -> float | None:
    return abs(length) * 1000 if length else None
