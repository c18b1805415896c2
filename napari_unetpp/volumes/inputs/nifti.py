"""NIfTI images, read plane by plane; needs the package nibabel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.files.images.pixel_size import MICROMETRES
from napari_unetpp.volumes.axes import Axes, axes_from_letters

AXES = "XYZTC"
"""The axes of NIfTI in the order of the file: columns, rows, planes, time, values of a voxel."""

LENGTHS = {"unknown": "mm", "meter": "m", "mm": "mm", "micron": "um"}
"""Units of length; an unknown unit is taken as millimetres, as other programs do."""

TIMES = {"sec": 1.0, "msec": 1e-3, "usec": 1e-6}


class NiftiImage:
    """The voxels of a NIfTI file (X, Y[, Z, T, C][, S]), read on access.

    Attributes
    ----------
    axes : Axes
    shape : tuple of int
    dtype : dtype

    Raises
    ------
    UnetppError
        nibabel is not installed, or the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            import nibabel
        except ImportError as error:
            raise UnetppError(
                f"{path} is NIfTI; reading it needs the package nibabel: pip install nibabel, or "
                "'napari-unetpp[medical]'."
            ) from error
        try:
            # Kept open: in a compressed file everything before a plane has to be read, but only once.
            image: Any = nibabel.load(path, keep_file_open=True)
            self._voxels = image.dataobj
            first = self._read((0,) * len(image.shape))
        except Exception as error:  # nibabel, gzip and zlib each have their own
            raise UnetppError(f"{path} cannot be read as NIfTI: {error}. It may be damaged.") from error
        colour = first.shape
        self.shape: tuple[int, ...] = (*image.shape, *colour)
        self.dtype: np.dtype[Any] = first.dtype
        self.ndim = len(self.shape)
        self.axes = _axes(image.header, self.shape, colour=bool(colour))

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """A part; an index for every axis is required."""
        spatial = len(self._voxels.shape)
        found = self._read(index[:spatial])
        return found[(..., *index[spatial:])] if self.ndim > spatial else found

    def _read(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """Voxels in the number format of this machine; red, green and blue as a last axis."""
        found = np.asarray(self._voxels[index])
        if found.dtype.names:
            found = np.stack([found[name] for name in found.dtype.names], axis=-1)
        return found.astype(found.dtype.newbyteorder("="), copy=False)


def _axes(header: Any, shape: tuple[int, ...], *, colour: bool) -> Axes:
    letters = AXES[: len(shape) - colour] + "S" * colour
    axes = axes_from_letters(letters, shape, "NIfTI")
    length, time = header.get_xyzt_units()
    micrometres = MICROMETRES[LENGTHS.get(length, "mm")]
    steps = dict(zip(AXES, map(float, header.get_zooms()), strict=False))
    x, y, z = (steps.get(name, 0.0) * micrometres or None for name in "XYZ")
    interval = steps.get("T", 0.0) * TIMES.get(time, 0.0) or None
    return replace(axes, spacing=(z, y, x), interval=interval)
