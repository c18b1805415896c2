"""PNG files of every bit depth."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_unetpp.files.formats.colours import GREY_ALPHA
from napari_unetpp.files.notes import Note

GREY, TABLE, WITH_ALPHA = 0, 3, 4
CHANNELS = {GREY: 1, 2: 3, TABLE: 3, WITH_ALPHA: 2, 6: 4}
"""Channels of each colour type in the header."""


def read_png(data: bytes, note: Note, *, stored: bool) -> NDArray[Any]:
    """Pixels of shape (Y, X), (Y, X, 3) or (Y, X, 4), uint8 or uint16.

    Parameters
    ----------
    data : bytes
        The whole file.
    note : callable
        Told what was handled specially.
    stored : bool
        Give the numbers in the file: indices of a colour table, and grey of 1, 2 or 4 bits as 0 to 1, 3
        or 15. Otherwise the colours, 0 to 255.
    """
    import imagecodecs

    depth, kind = struct.unpack(">BB", data[24:26])
    if b"acTL" in data[:4096]:
        note("it is an animation, of which the first frame is read")
    if stored and kind == TABLE:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image)
    pixels: NDArray[Any] = imagecodecs.png_decode(data)
    if pixels.ndim == 3:  # also where the header names a transparent colour, which becomes a channel
        pixels = pixels[..., : CHANNELS[kind]]
    if kind == WITH_ALPHA:
        note(GREY_ALPHA)
    if kind in (GREY, WITH_ALPHA) and pixels.ndim == 3:
        pixels = pixels[..., 0]
    if stored and kind == GREY and depth < 8:
        return pixels // np.uint8(255 // ((1 << depth) - 1))
    return pixels
