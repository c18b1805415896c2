"""Images in, results out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from napari_unetpp._types import UnetppError
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.results.result_file import write_labels, write_mask, write_probability

GREY = np.arange(35, dtype=np.uint8).reshape(5, 7)
RGB = np.stack([GREY, GREY + 50, GREY + 100], axis=-1)


def _tiff(**options: Any) -> Callable[[Path, NDArray[Any]], None]:
    return lambda path, image: tifffile.imwrite(path, image, **options)


def _pillow(**options: Any) -> Callable[[Path, NDArray[Any]], None]:
    return lambda path, image: Image.fromarray(image).save(path, **options)


EXACT: dict[str, tuple[str, NDArray[Any], Callable[[Path, NDArray[Any]], None]]] = {
    "grey PNG": ("a.png", GREY, _pillow()),
    "16-bit PNG": ("a.png", GREY.astype(np.uint16) * 300, _pillow()),
    "RGB PNG": ("a.PNG", RGB, _pillow()),
    "RGBA PNG": ("a.png", np.dstack([RGB, GREY]), _pillow()),
    "grey TIFF": ("a.tif", GREY, _tiff()),
    "float TIFF": ("a.tiff", GREY.astype(np.float32) - 7.5, _tiff()),
    "RGB TIFF": ("a.tif", RGB, _tiff(photometric="rgb")),
    "LZW TIFF (Pillow)": ("a.tif", RGB, _pillow(compression="tiff_lzw")),
    "OME-TIFF": ("a.ome.tif", GREY, _tiff(metadata={"axes": "YX", "PhysicalSizeX": 0.5})),
    "three rows": ("a.tif", GREY[:3], _tiff()),
    "one pixel": ("a.png", GREY[:1, :1], _pillow()),
}


@pytest.mark.parametrize("case", EXACT)
def test_pixels_come_back(case: str, tmp_path: Path) -> None:
    name, image, write = EXACT[case]
    write(tmp_path / name, image)
    read = read_image(tmp_path / name)
    assert read.dtype == image.dtype
    np.testing.assert_array_equal(read, image)


def test_planar_colour_becomes_y_x_c(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), RGB)


def test_a_single_plane_in_a_stack_file_is_a_plane(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY[None, None], imagej=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), GREY)


def test_indexed_colours_become_rgb(tmp_path: Path) -> None:
    Image.fromarray(RGB).quantize(8).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").shape == (5, 7, 3)


def test_jpeg(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.jpeg", quality=95)
    assert np.abs(read_image(tmp_path / "a.jpeg").astype(int) - RGB).max() < 30


def test_a_stack_is_refused_with_its_axes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5, 6), np.uint8), photometric="minisblack")
    with pytest.raises(UnetppError, match=r"holds a stack .*\(4, 5, 6\)"):
        read_image(tmp_path / "a.tif")


def test_results_have_the_promised_types(tmp_path: Path) -> None:
    labels = GREY.astype(np.int64)
    probability = np.random.default_rng(0).random((1, 5, 7))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_labels(tmp_path / "labels.tif", labels)
        write_mask(tmp_path / "mask.tif", labels > 10)
        write_probability(tmp_path / "probability.tif", probability)
    read = tifffile.imread(tmp_path / "labels.tif")
    assert read.dtype == np.uint32
    np.testing.assert_array_equal(read, labels)
    read = tifffile.imread(tmp_path / "mask.tif")
    assert read.dtype == np.uint8 and set(np.unique(read)) == {0, 255}
    read = tifffile.imread(tmp_path / "probability.tif")
    assert read.dtype == np.float32 and read.shape == (1, 5, 7)


def test_an_old_file_is_kept_unless_overwriting_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "labels.tif"
    write_labels(path, GREY)
    with pytest.raises(UnetppError, match="exists already"):
        write_labels(path, GREY * 0)
    np.testing.assert_array_equal(tifffile.imread(path), GREY)
    write_labels(path, GREY * 0, overwrite=True)
    assert tifffile.imread(path).max() == 0
    assert [p.name for p in tmp_path.iterdir()] == ["labels.tif"]
