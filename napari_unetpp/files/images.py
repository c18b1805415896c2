"""Images and results as files: PNG, JPEG and TIFF in, TIFF out."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_unetpp._types import UnetppError
from napari_unetpp.files.result_files import UNKNOWN, About, write_result

TIFF_SUFFIXES = (".tif", ".tiff")
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", *TIFF_SUFFIXES)

PLAIN_MODES = {"1", "L", "LA", "I", "F", "RGB", "RGBA", "I;16", "I;16B", "I;16L"}


def read_image(path: str | Path) -> NDArray[Any]:
    """Read one 2D image, grey or colour.

    Parameters
    ----------
    path : path
        PNG, JPEG, TIFF or OME-TIFF.

    Returns
    -------
    ndarray of shape (Y, X) or (Y, X, C)

    Raises
    ------
    UnetppError
        Missing, unreadable, truncated, of an unknown kind, or not a single 2D image.
    """
    path = Path(path)
    image = read_array(path, palette="RGB")
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise UnetppError(f"{path} has shape {image.shape}; expected one grey or colour image.")
    return image


def read_array(path: Path, *, palette: str | None = None) -> NDArray[Any]:
    """Pixels as stored; `palette` is the mode that indexed colours are changed to (None: the indices)."""
    if path.suffix.lower() not in IMAGE_SUFFIXES:
        raise UnetppError(f"{path} is not an image of a known kind: expected {', '.join(IMAGE_SUFFIXES)}.")
    try:
        if path.suffix.lower() in TIFF_SUFFIXES:
            return _read_tiff(path)
        return _read_pillow(path, palette)
    except UnetppError:
        raise
    except Image.DecompressionBombError as error:
        raise UnetppError(f"{path} is too large for this format. Save it as TIFF.") from error
    except FileNotFoundError as error:
        raise UnetppError(f"{path} does not exist.") from error
    except PermissionError as error:
        raise UnetppError(f"{path} may not be read: no permission.") from error
    except Exception as error:  # decoders raise whatever they like on damaged files
        raise UnetppError(
            f"{path} cannot be read: it is damaged, truncated or not really {path.suffix} ({error})."
        ) from error


def _read_tiff(path: Path) -> NDArray[Any]:
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        axes, shape = series.axes, series.shape
        try:
            image = series.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error) or len(file.pages) > 1:
                raise
            return _read_pillow(path, "RGB")  # LZW and JPEG need imagecodecs, but Pillow knows them too
    keep = [n for n, (axis, size) in enumerate(zip(axes, shape, strict=True)) if size > 1 or axis in "YXS"]
    axes, image = "".join(axes[n] for n in keep), image.reshape([shape[n] for n in keep])
    if axes == "SYX":
        return np.moveaxis(image, 0, -1)
    if axes not in ("YX", "YXS"):
        raise UnetppError(
            f"{path} holds a stack (axes {axes}, shape {image.shape}); expected one 2D image, grey or RGB. "
            "Save the planes or channels as single images."
        )
    return image


def _read_pillow(path: Path, palette: str | None) -> NDArray[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path) as image:
            if image.mode == "P":
                return np.asarray(image.convert(palette) if palette else image)
            return np.asarray(image if image.mode in PLAIN_MODES else image.convert("RGB"))


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
