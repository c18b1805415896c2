"""The size of a pixel, as image files give it: OME, ImageJ, and the resolution tags of TIFF, PNG and JPEG."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile
from PIL import Image

from napari_unetpp.files.formats.kinds import image_format
from napari_unetpp.files.formats.page_chain import check_page_chain
from napari_unetpp.files.formats.tiff import largest

MICROMETRES = {
    "pm": 1e-6,
    **dict.fromkeys(("å", "angstrom"), 1e-4),
    **dict.fromkeys(("nm", "nanometer", "nanometre"), 1e-3),
    # The micro sign and the Greek letter look alike; ImageJ writes an escape sequence.
    **dict.fromkeys(("µm", "μm", "\\u00b5m", "um", "micron", "microns", "micrometer", "micrometre"), 1.0),
    **dict.fromkeys(("mm", "millimeter", "millimetre"), 1e3),
    **dict.fromkeys(("cm", "centimeter", "centimetre"), 1e4),
    **dict.fromkeys(("inch", "in"), 25_400.0),
    **dict.fromkeys(("m", "meter", "metre"), 1e6),
}
"""Micrometres in each unit of length, as OME, OME-Zarr and ImageJ name them, in small letters."""

INCH, CENTIMETRE = 2, 3
"""The TIFF tag ResolutionUnit."""


@dataclass(frozen=True, slots=True)
class PixelSpacing:
    """Height and width of a pixel in micrometres.

    Attributes
    ----------
    y, x : float
    printed : bool
        It is a scan or print resolution (dots per inch): kept in the results, but not the size in the sample.
    """

    y: float
    x: float
    printed: bool = False

    @property
    def side(self) -> float | None:
        """Side (micrometres) of a square of the same area; None for a print resolution."""
        return None if self.printed else float((self.y * self.x) ** 0.5)

    @property
    def area(self) -> float | None:
        """Square micrometres; None for a print resolution."""
        return None if self.printed else self.y * self.x

    @property
    def per_unit(self) -> tuple[float, float]:
        """Pixels along x and y per inch (printed) or centimetre, as resolution tags count."""
        unit = MICROMETRES["inch" if self.printed else "cm"]
        return unit / self.x, unit / self.y


def read_pixel_size(path: Path, series: int | None = None) -> PixelSpacing | None:
    """The pixel size that a file gives; None where it gives none.

    Parameters
    ----------
    path : Path
        TIFF, PNG or JPEG that can be read.
    series : int, optional
        Number of the image in a TIFF that holds several; None: the one that is read without a number.
    """
    try:
        if image_format(path) == "TIFF":
            check_page_chain(path)
            with tifffile.TiffFile(path, _multifile=False) as file:
                number = largest(file.series) if series is None else series
                return _of_ome(file, number) or _of_imagej(file) or _of_tags(file)
        with Image.open(path) as image:
            x, y = image.info["dpi"]
        return _checked(1 / y, 1 / x, "inch", printed=True)
    except Exception:  # the file's reader says what is wrong with it
        return None


def _of_ome(file: tifffile.TiffFile, series: int) -> PixelSpacing | None:
    if not file.is_ome or file.ome_metadata is None:
        return None
    found: Any = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]
    pixels = (found[series] if isinstance(found, list) else found)["Pixels"]
    sizes = [
        float(pixels[f"PhysicalSize{axis}"])
        * MICROMETRES[str(pixels.get(f"PhysicalSize{axis}Unit", "µm")).lower()]
        for axis in "YX"
        if f"PhysicalSize{axis}" in pixels
    ]
    return _checked(sizes[0], sizes[1], "um") if len(sizes) == 2 else None


def _of_imagej(file: tifffile.TiffFile) -> PixelSpacing | None:
    if not file.is_imagej:
        return None
    unit = str((file.imagej_metadata or {}).get("unit", "")).lower()
    y, x = (_ratio(file, f"{axis}Resolution") for axis in "YX")
    return _checked(1 / y, 1 / x, unit) if unit in MICROMETRES else None


def _of_tags(file: tifffile.TiffFile) -> PixelSpacing | None:
    tag = file.pages.first.tags.get("ResolutionUnit")
    unit = INCH if tag is None else int(tag.value)  # what TIFF means where the tag is missing
    if unit not in (INCH, CENTIMETRE):
        return None
    y, x = (_ratio(file, f"{axis}Resolution") for axis in "YX")
    return _checked(1 / y, 1 / x, "inch" if unit == INCH else "cm", printed=unit == INCH)


def _ratio(file: tifffile.TiffFile, tag: str) -> float:
    above, below = file.pages.first.tags[tag].value
    return float(above) / float(below)


def _checked(y: float, x: float, unit: str, *, printed: bool = False) -> PixelSpacing | None:
    """Sizes in micrometres; None where they are no sizes."""
    sizes = y * MICROMETRES[unit], x * MICROMETRES[unit]
    return PixelSpacing(*sizes, printed) if all(0 < size < float("inf") for size in sizes) else None
