"""Images of every kind, opened; of large pages only the tiles that are asked for are read."""

import numpy as np
import pytest
import tifffile
from one_by_one import iterate_planes
from PIL import Image

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.volumes.inputs import tiff_stack
from napari_unetpp.volumes.inputs.source import is_stack, open_image
from napari_unetpp.volumes.inputs.tiff_stack import TiffStack
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import Position, SelectionRequest, select

STACK = np.random.default_rng(0).integers(0, 4000, (3, 50, 70)).astype(np.uint16)

PAGES = {
    "tiles": {"tile": (16, 32), "compression": "zlib"},
    "strips": {"rowsperstrip": 7, "compression": "lzw"},
    "predictor": {"rowsperstrip": 8, "compression": "zlib", "predictor": True},
}


@pytest.mark.parametrize("options", PAGES.values(), ids=PAGES)
def test_parts_of_large_pages(options, tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_stack, "LARGE", 100)
    tifffile.imwrite(tmp_path / "a.tif", STACK, metadata={"axes": "ZYX"}, photometric="minisblack", **options)
    monkeypatch.setattr(tifffile.TiffPage, "asarray", None)
    with TiffStack(tmp_path / "a.tif") as stack:
        chosen = select(stack.axes)
        for region in (Region(0, 0, 50, 70), Region(13, 31, 17, 34), Region(40, 60, 50, 70)):
            part = read_plane(stack, chosen, Position(0, 1), region)
            np.testing.assert_array_equal(part, STACK[1][region.slices])


def test_a_page_is_decoded_once(tmp_path, monkeypatch):
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, metadata={"axes": "ZYX"}, compression="zlib", photometric="minisblack"
    )
    pages = []
    real = TiffStack._page
    monkeypatch.setattr(TiffStack, "_page", lambda self, number: pages.append(number) or real(self, number))
    with TiffStack(tmp_path / "a.tif") as stack:
        for number in (1, 1, 1, 2):
            read_plane(stack, select(stack.axes), Position(0, number), Region(0, 0, 5, 5))
    assert pages == [1, 2]


def test_a_page_that_is_cut_off_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_stack, "LARGE", 100)
    options = {"compression": "zlib", "tile": (16, 16), "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", STACK, metadata={"axes": "ZYX"}, **options)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        last = file.pages[2].dataoffsets[-1]
    data = (tmp_path / "a.tif").read_bytes()
    with TiffStack(tmp_path / "a.tif") as stack:
        (tmp_path / "a.tif").write_bytes(data[: last + 3])
        assert read_plane(stack, select(stack.axes), Position(0, 0)).shape == (50, 70)
        with pytest.raises(UnetppError, match="Z 2 cannot be read: the file ends before the image does"):
            read_plane(stack, select(stack.axes), Position(0, 2))


@pytest.mark.parametrize("kind", ["TIFF stack", "PNG", "RGB"])
def test_cropped(kind, tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (50, 70, 3)).astype(np.uint8)
    path = tmp_path / ("a.tif" if kind == "TIFF stack" else "a.png")
    if kind == "TIFF stack":
        axes = {"axes": "ZYX"}
        tifffile.imwrite(path, STACK, metadata=axes, compression="zlib", photometric="minisblack")
    else:
        Image.fromarray(colour if kind == "RGB" else colour[..., 0]).save(path)
    region = Region(11, 5, 40, 69)
    with open_image(path) as whole:
        part = whole.cropped(region)
        wanted = SelectionRequest(z=(1, None)) if kind == "TIFF stack" else SelectionRequest()
        chosen = select(part.axes, wanted)
        assert chosen.plane_shape == region.shape
        for position, plane in iterate_planes(part.array, chosen):
            expected = read_plane(whole.array, select(whole.axes, wanted), position)
            np.testing.assert_array_equal(plane, expected[region.slices])


@pytest.mark.parametrize("meaning", ["miniswhite", "palette"])
def test_stacks_in_colours_that_are_turned_are_refused(meaning, tmp_path):
    table = {"colormap": np.zeros((3, 256), np.uint16)} if meaning == "palette" else {}
    stack = (STACK // 16).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric=meaning, compression="zlib", **table)
    with pytest.raises(UnetppError, match="colours of the kind"), open_image(tmp_path / "a.tif"):
        pass


def test_what_is_a_stack(tmp_path):
    shapes = {"plane": (50, 70), "colour": (50, 70, 3), "single": (1, 1, 50, 70), "stack": (3, 50, 70)}
    for name, shape in shapes.items():
        photometric = "rgb" if name == "colour" else "minisblack"
        tifffile.imwrite(tmp_path / f"{name}.tif", np.zeros(shape, np.uint8), photometric=photometric)
    (tmp_path / "nonsense.tif").write_bytes(b"II*\0nonsense")
    names = (*shapes, "nonsense", "missing")
    assert [name for name in names if is_stack(tmp_path / f"{name}.tif")] == ["stack"]


def test_letters_that_a_file_cannot_mean_are_corrected(tmp_path):
    """A file that calls an axis H (of lifetimes), which no letter of ours is."""
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack", metadata={"axes": "HYX"})
    with pytest.raises(UnetppError, match="--axes ZYX"), open_image(tmp_path / "a.tif"):
        pass
    with open_image(tmp_path / "a.tif", axes="TYX") as image:
        assert str(image.axes) == "T 3, Y 50, X 70"
