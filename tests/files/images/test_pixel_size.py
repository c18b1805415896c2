"""The size of a pixel, from file to result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unetpp.files.images.pixel_size import PixelSpacing, read_pixel_size
from napari_unetpp.files.results.result_file import (
    About,
    is_result,
    read_facts,
    write_labels,
    write_probability,
)

GREY = np.arange(35, dtype=np.uint16).reshape(5, 7)


def ome(**sizes: Any) -> dict[str, Any]:
    return {"ome": True, "metadata": {"axes": "YX", **sizes}}


def imagej(x: float, y: float, unit: str) -> dict[str, Any]:
    return {"imagej": True, "resolution": (x, y), "metadata": {"unit": unit}}


FILES: dict[str, tuple[dict[str, Any], PixelSpacing | None]] = {
    "nothing": ({}, None),
    "OME": (ome(PhysicalSizeX=0.25, PhysicalSizeY=0.5), PixelSpacing(0.5, 0.25)),
    "OME, nm": (
        ome(PhysicalSizeX=65, PhysicalSizeXUnit="nm", PhysicalSizeY=65, PhysicalSizeYUnit="nm"),
        PixelSpacing(0.065, 0.065),
    ),
    "OME, in pixels": (
        ome(PhysicalSizeX=1, PhysicalSizeXUnit="pixel", PhysicalSizeY=1, PhysicalSizeYUnit="pixel"),
        None,
    ),
    "OME, one size": (ome(PhysicalSizeX=0.25), None),
    "ImageJ, micron": (imagej(4, 2, "micron"), PixelSpacing(0.5, 0.25)),
    "ImageJ, um": (imagej(4, 4, "um"), PixelSpacing(0.25, 0.25)),
    "ImageJ, escaped": (imagej(4, 4, "\\u00B5m"), PixelSpacing(0.25, 0.25)),
    "ImageJ, mm": (imagej(1000, 1000, "mm"), PixelSpacing(1, 1)),
    "ImageJ, pixel": (imagej(1, 1, "pixel"), None),
    "centimetres": (
        {"resolution": (20000, 40000), "resolutionunit": "CENTIMETER"},
        PixelSpacing(0.25, 0.5),
    ),
    "inches": ({"resolution": (254, 254), "resolutionunit": "INCH"}, PixelSpacing(100, 100, printed=True)),
    "a ratio": ({"resolution": (1, 1), "resolutionunit": "NONE"}, None),
    "no number": ({"resolution": (1, 1), "resolutionunit": "CENTIMETER"}, None),
}


@pytest.mark.parametrize("case", FILES)
def test_read_and_kept(case: str, tmp_path: Path) -> None:
    """What is read from an image is read from its result again, in two and in three dimensions."""
    options, expected = FILES[case]
    tifffile.imwrite(tmp_path / "a.tif", GREY, photometric="minisblack", **options)
    if case == "no number":
        with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
            file.pages.first.tags["XResolution"].overwrite((1, 0))
    size = read_pixel_size(tmp_path / "a.tif")
    assert (size is None) == (expected is None)
    about = About(size)
    write_labels(tmp_path / "labels.tif", GREY, about=about)
    write_probability(tmp_path / "probability.tif", GREY[None] / 35, about=about)
    for name in ("labels", "probability"):
        kept = read_pixel_size(tmp_path / f"{name}.tif")
        if expected is None:
            assert kept is None
            continue
        assert size is not None and kept is not None and kept.printed == size.printed == expected.printed
        assert (size.y, size.x) == pytest.approx((expected.y, expected.x), rel=1e-5)
        assert (kept.y, kept.x) == pytest.approx((expected.y, expected.x), rel=1e-5)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_dots_per_inch_are_kept_and_measure_nothing(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("L", (9, 9)).save(path, dpi=(300, 300))
    size = read_pixel_size(path)
    assert size is not None and size.printed and size.side is None
    assert size.per_unit == pytest.approx((300, 300), rel=1e-3)
    Image.new("L", (9, 9)).save(path)
    assert read_pixel_size(path) is None


def test_the_resolution_tags_say_the_same_as_ome(tmp_path: Path) -> None:
    """Programs without OME read the tags: 0.5 x 0.25 um are 20,000 and 40,000 pixels a centimetre."""
    write_labels(tmp_path / "a.tif", GREY, about=About(PixelSpacing(0.5, 0.25)))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tags = file.pages.first.tags
        x, y = tags["XResolution"].value, tags["YResolution"].value
        assert (x[0] / x[1], y[0] / y[1], int(tags["ResolutionUnit"].value)) == (40000, 20000, 3)
        assert file.is_ome and file.series[0].axes == "YX"


@pytest.mark.parametrize("side", [1e-7, 1e-3, 0.065, 1 / 3, 12.5, 1e6])
def test_the_resolution_tags_are_the_nearest_ratio(side: float, tmp_path: Path) -> None:
    """tifffile before 2026 wrote 0.065 µm as 0.0649993."""
    write_labels(tmp_path / "a.tif", GREY, about=About(PixelSpacing(side, side)))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        above, below = file.pages.first.tags["XResolution"].value
    assert above / below == pytest.approx(min(1e4 / side, 2**32 - 1), rel=1e-7)


def test_a_file_that_cannot_be_read_has_no_size(tmp_path: Path) -> None:
    for name in ("a.tif", "a.png"):
        (tmp_path / name).write_text("nonsense")
        assert read_pixel_size(tmp_path / name) is None
    assert read_pixel_size(tmp_path / "nothing.tif") is None


def test_results_say_how_they_came_about_and_are_the_same_bytes_again(tmp_path: Path) -> None:
    facts = {"model": "nuclei", "level": "auto", "scale_reason": "objects of 3 µm", "range": [0.0, 1.5]}
    for name in ("a.tif", "b.tif"):
        write_labels(tmp_path / name, GREY, about=About(facts=facts))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        image = tifffile.xml2dict(str(file.ome_metadata))["OME"]["Image"]
    assert json.loads(image["Description"]) == facts
    write_probability(tmp_path / "p.tif", GREY[None] / 35, about=About(facts=facts))
    with tifffile.TiffFile(tmp_path / "p.tif") as file:
        assert file.shaped_metadata is not None
        assert facts.items() <= json.loads(json.dumps(file.shaped_metadata[0])).items()
    assert read_facts(tmp_path / "a.tif") == read_facts(tmp_path / "p.tif") == facts
    tifffile.imwrite(tmp_path / "other.tif", GREY)
    assert read_facts(tmp_path / "other.tif") == {}
    assert (tmp_path / "a.tif").read_bytes() == (tmp_path / "b.tif").read_bytes()
    assert is_result(tmp_path / "a.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), GREY)
