"""Files of which napari shows something else than they hold: the dock says so, and opens them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.gui.dock.widgets import unbroken

RNG = np.random.default_rng(0)
GREY, DEEP = RNG.integers(0, 255, (40, 50), np.uint8), RNG.integers(0, 60000, (40, 50)).astype(np.uint16)
RGB, DEEP_RGB = RNG.integers(0, 255, (40, 50, 3), np.uint8), np.stack([DEEP, DEEP // 2, DEEP // 3], -1)
TABLE = RNG.integers(0, 65535, (3, 256)).astype(np.uint16)


def png(pixels: np.ndarray) -> Callable[[Path], Any]:
    return lambda path: path.write_bytes(imagecodecs.png_encode(pixels))


def tiff(pixels: np.ndarray, **options: Any) -> Callable[[Path], Any]:
    return lambda path: tifffile.imwrite(path, pixels, **options)


def tiffs(*pages: tuple[np.ndarray, dict[str, Any]]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with tifffile.TiffWriter(path) as file:
            for pixels, options in pages:
                file.write(pixels, **options)

    return write


def alpha(mode: str) -> Picture.Image:
    return Picture.fromarray(np.dstack([GREY, GREY] if mode == "LA" else [RGB, GREY]), mode)


def palette(path: Path) -> None:
    picture = Picture.fromarray(GREY % 4, "P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    picture.save(path)


UM = {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}
FILES: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "grey PNG": ("a.png", png(GREY), ""),
    "16 bits": ("a.png", png(DEEP), ""),
    "16-bit colour": ("a.png", png(DEEP_RGB), "its file holds colour, 16 bits, 50 x 40 px"),
    "16-bit colour with alpha": ("a.png", png(np.dstack([DEEP_RGB, DEEP])), "its file holds colour, 16 bits"),
    "1 bit": ("a.png", lambda path: Picture.fromarray(GREY > 99).save(path), ""),
    "grey with alpha": (
        "a.png",
        lambda path: alpha("LA").save(path),
        "its file holds grey, 8 bits, 50 x 40 px",
    ),
    "CMYK": ("a.jpg", lambda path: alpha("CMYK").save(path), "CMYK: its colours were converted to RGB"),
    "colours apart": (
        "a.tif",
        tiff(np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate"),
        "This layer shows 3 planes, grey, 8 bits, 50 x 40 px; its file holds colour, 8 bits, 50 x 40 px.",
    ),
    "palette PNG": ("a.png", palette, ""),
    "JPEG": ("a.jpg", lambda path: Picture.fromarray(GREY).save(path), ""),
    "grey TIFF": ("a.tif", tiff(GREY), ""),
    "16-bit colour TIFF": ("a.tif", tiff(DEEP_RGB, photometric="rgb"), ""),
    "MinIsWhite": ("a.tif", tiff(GREY, photometric="miniswhite"), "0 is white (MinIsWhite)"),
    "palette TIFF": (
        "a.tif",
        tiff(GREY, photometric="palette", colormap=TABLE),
        "its file holds colour, 8 bits",
    ),
    "preview first": (
        "a.tif",
        tiffs((GREY[:10, :12], {"subfiletype": 1}), (DEEP, {})),
        "its file holds grey, 16 bits, 50 x 40 px",
    ),
    "sizes of two sides": ("a.ome.tif", tiff(GREY, ome=True, metadata=UM), "is 0.5 µm high and 0.25 µm wide"),
    "ImageJ": (
        "a.tif",
        tiff(GREY, imagej=True, resolution=(4, 2), metadata={"unit": "um"}),
        "is 0.5 µm high and 0.25 µm wide",
    ),
    "dots per inch": ("a.tif", tiff(GREY, resolution=(72, 72), resolutionunit="INCH"), ""),
    "a stack": ("a.tif", tiff(np.stack([GREY] * 5)), ""),
}


def test_what_napari_shows_is_compared_with_the_file(
    viewer: Any, open_dock: Any, qtbot: Any, tmp_path: Path
) -> None:
    dock = open_dock()
    note = dock.form.head.file_note
    for case, (name, write, expected) in FILES.items():
        path = tmp_path / case / name
        path.parent.mkdir()
        write(path)
        (layer,) = viewer.open(str(path), plugin="napari")
        dock.signals.image_chosen.emit(layer.unique_id)
        qtbot.waitUntil(lambda key=layer.unique_id: dock.file_note.compared == key, timeout=20_000)
        assert bool(expected) == (not note.isHidden()), (case, note.text())
        assert unbroken(expected) in note.text(), (case, note.text())
        before = np.array(layer.data)
        if expected:
            note.linkActivated.emit("as_the_file_says")
            opened = viewer.layers[-1]
            assert (
                opened is not layer and dock.controller.state.image == opened.unique_id and not layer.visible
            )
            np.testing.assert_array_equal(opened.data, read_image(path))
            assert opened.source.path == str(path)
            if "µm" in expected:
                assert tuple(opened.scale) == (0.5, 0.25) and str(opened.units[0]) == "micrometer"
            qtbot.waitUntil(lambda key=opened.unique_id: dock.file_note.compared == key, timeout=20_000)
            assert note.isHidden(), (case, note.text())
        np.testing.assert_array_equal(layer.data, before)


def test_images_of_no_file_say_nothing(viewer: Any, image: np.ndarray, open_dock: Any) -> None:
    viewer.add_image(image)
    assert open_dock().form.head.file_note.isHidden()


@pytest.mark.parametrize("gone", ["file", "layer"])
def test_what_is_gone_meanwhile(gone: str, viewer: Any, open_dock: Any, qtbot: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, photometric="miniswhite")
    (layer,) = viewer.open(str(path), plugin="napari")
    dock = open_dock()
    qtbot.waitUntil(lambda: dock.file_note.compared == layer.unique_id, timeout=20_000)
    note = dock.form.head.file_note
    assert not note.isHidden()
    if gone == "file":
        path.unlink()
    else:
        viewer.layers.remove(layer)
        assert note.isHidden()
    note.linkActivated.emit("as_the_file_says")
    assert len(viewer.layers) == (2 if gone == "file" else 0)
