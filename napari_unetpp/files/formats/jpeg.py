"""JPEG files: 8 and 12 bits, lossless, and CMYK."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp.files.formats.colours import rgb_from_cmyk
from napari_unetpp.files.notes import Note

START_OF_SCAN, END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
ADOBE = b"\xff\xee\x00\x0eAdobe"
"""The marker of Adobe's programs, which store the inks of CMYK inverted."""


def read_jpeg(data: bytes, note: Note) -> NDArray[Any]:
    """Pixels of shape (Y, X) or (Y, X, 3), as stored: an EXIF orientation is not applied.

    Raises
    ------
    ValueError
        Truncated: the decoder would fill the missing part with grey.
    """
    import imagecodecs

    if data.rfind(END_OF_IMAGE) < data.rfind(START_OF_SCAN):
        raise ValueError("the end of the image is missing")
    pixels: NDArray[Any] = imagecodecs.jpeg_decode(data)
    if pixels.ndim == 3 and pixels.shape[-1] == 4:
        return rgb_from_cmyk(np.invert(pixels) if ADOBE in data else pixels, note)
    return pixels
