"""Conversion of colours that are neither grey nor RGB; several formats have them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_unetpp.files.notes import Note

GREY_ALPHA = "grey with alpha: the alpha channel is ignored"


def rgb_from_cmyk(inks: NDArray[Any], note: Note) -> NDArray[np.uint8]:
    """Colours of shape (Y, X, 3) from inks of shape (Y, X, 4), both uint8."""
    note("CMYK: its colours were converted to RGB")
    return _converted(inks, "CMYK")


def rgb_from_ycbcr(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Colours of shape (Y, X, 3) from luminance and colour differences, both uint8."""
    return _converted(pixels, "YCbCr")


def _converted(pixels: NDArray[Any], mode: str) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    image = Image.frombytes(mode, (width, height), np.ascontiguousarray(pixels, np.uint8).tobytes())
    return np.asarray(image.convert("RGB"))
