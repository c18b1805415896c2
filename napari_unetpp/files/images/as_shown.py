"""Whether a viewer shows what an image file holds: its own reader may read the file differently."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import UnetppError
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.images.pixel_size import PixelSpacing, read_pixel_size
from napari_unetpp.files.text import counted


@dataclass(frozen=True, eq=False)
class OtherReading:
    """An image as its file holds it, where a viewer shows something else.

    Attributes
    ----------
    text : str
        What is shown, and what the file holds.
    pixels : ndarray of shape (Y, X) or (Y, X, C)
    pixel_size : PixelSpacing or None
        As the file says; None: unknown.
    pixels_differ : bool
        False: only the pixel size is missing in the viewer.
    """

    text: str
    pixels: NDArray[Any]
    pixel_size: PixelSpacing | None
    pixels_differ: bool


def read_otherwise(path: Path, shown: NDArray[Any], *, rgb: bool, sized: bool) -> OtherReading | None:
    """What the file holds, if that differs from what is shown; None where it does not, or is not known.

    Parameters
    ----------
    path : Path
    shown : ndarray
        The pixels in the viewer.
    rgb : bool
        Whether the last axis of `shown` is colour.
    sized : bool
        Whether the viewer knows the pixel size.
    """
    notes: list[str] = []
    try:
        pixels = read_image(path, note=notes.append)
    except UnetppError:  # a stack, or an unknown format
        return None
    size = read_pixel_size(path)
    if size is not None and size.printed:
        size = None
    differ = not same_pixels(shown, pixels)
    texts = [difference(shown, pixels, rgb=rgb, notes=notes)] if differ else []
    if size is not None and not sized:
        texts.append(
            f"The file says that a pixel is {size.y:.4g} µm high and {size.x:.4g} µm wide; this layer does "
            "not know it."
        )
    return OtherReading(" ".join(texts), pixels, size, differ) if texts else None


def difference(shown: NDArray[Any], pixels: NDArray[Any], *, rgb: bool, notes: list[str]) -> str:
    """In one or two sentences: how `shown` differs from `pixels`, which the file holds."""
    one, other = described(shown, rgb=rgb), described(pixels, rgb=pixels.ndim == 3)
    why = f" ({'; '.join(notes)})" if notes else ""
    if one == other:
        return f"This layer shows other values than its file means{why}."
    return f"This layer shows {one}; its file holds {other}{why}."


def described(image: NDArray[Any], *, rgb: bool) -> str:
    """An image in a few words: ``colour, 16 bits, 50 x 40 px``."""
    shape = image.shape[:-1] if rgb else image.shape
    kind = "colour" if rgb else "grey"
    height, width = shape[-2:]
    planes = f"{int(np.prod(shape[:-2]))} planes, " if len(shape) > 2 else ""
    bits = 1 if image.dtype == np.bool_ else 8 * image.dtype.itemsize
    return f"{planes}{kind}, {counted(bits, 'bit')}, {width} x {height} px"


def same_pixels(shown: NDArray[Any], pixels: NDArray[Any]) -> bool:
    """Whether two images are equal, alpha left out; in boolean ones every value but 0 is true."""
    if shown.shape == (*pixels.shape[:2], 4) and pixels.shape[2:] == (3,):
        shown = shown[..., :3]
    if shown.shape != pixels.shape or shown.dtype.itemsize != pixels.dtype.itemsize:
        return False
    if shown.dtype == np.bool_ or pixels.dtype == np.bool_:
        return np.array_equal(shown != 0, pixels != 0)
    return np.array_equal(shown, pixels, equal_nan=pixels.dtype.kind == "f")
