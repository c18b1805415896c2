"""Stacks in TIFF files, page by page."""

import numpy as np
import pytest
import tifffile
from one_by_one import iterate_planes

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes.inputs import tiff_stack
from napari_unetpp.volumes.inputs.tiff_stack import TiffStack
from napari_unetpp.volumes.selection import SelectionRequest, select

FILM = np.random.default_rng(0).integers(0, 4000, (3, 2, 4, 24, 30)).astype(np.uint16)  # T, C, Z, Y, X

WRITTEN = {
    "mapped": {"metadata": {"axes": "TCZYX"}, "ome": True},
    "compressed": {"metadata": {"axes": "TCZYX"}, "ome": True, "compression": "zlib"},
    "tiled": {"metadata": {"axes": "TCZYX"}, "ome": True, "compression": "zlib", "tile": (16, 16)},
    "shaped": {"metadata": {"axes": "TCZYX"}, "compression": "zlib", "photometric": "minisblack"},
    "big end first": {"metadata": {"axes": "TCZYX"}, "ome": True, "byteorder": ">"},
}


@pytest.mark.parametrize("options", WRITTEN.values(), ids=WRITTEN)
def test_planes(options, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", FILM, **options)
    with TiffStack(tmp_path / "a.tif") as stack:
        assert stack.axes.names == "TCZYX" and (stack.shape, stack.ndim) == (FILM.shape, 5)
        chosen = select(stack.axes, SelectionRequest(channels=(1,), z=(1, 3)))
        for position, plane in iterate_planes(stack, chosen):
            np.testing.assert_array_equal(plane, FILM[position.t, 1, position.z])


def test_imagej_hyperstack(tmp_path):
    array = np.ascontiguousarray(FILM.transpose(0, 2, 1, 3, 4))
    tifffile.imwrite(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "TZCYX"})
    with TiffStack(tmp_path / "a.tif") as stack:
        planes = [plane for _, plane in iterate_planes(stack, select(stack.axes, SelectionRequest()))]
    np.testing.assert_array_equal(planes, FILM[:, 0].reshape(-1, 24, 30))


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_stack(planar, tmp_path):
    axes = "ZYXS" if planar == "contig" else "ZSYX"
    video = np.random.default_rng(0).integers(0, 255, (5, 24, 30, 3)).astype(np.uint8)
    array = video if planar == "contig" else np.ascontiguousarray(np.moveaxis(video, -1, 1))
    tifffile.imwrite(
        tmp_path / "a.tif",
        array,
        photometric="rgb",
        planarconfig=planar,
        compression="zlib",
        metadata={"axes": axes},
    )
    with TiffStack(tmp_path / "a.tif") as stack:
        found = [plane for _, plane in iterate_planes(stack, select(stack.axes))]
    np.testing.assert_array_equal(found, video)


def test_only_the_page_is_read(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", FILM, compression="zlib", ome=True, metadata={"axes": "TCZYX"})
    read = []
    decode = tifffile.TiffPage.asarray
    monkeypatch.setattr(
        tifffile.TiffPage, "asarray", lambda page, **how: read.append(page) or decode(page, **how)
    )
    with TiffStack(tmp_path / "a.tif") as stack:
        np.testing.assert_array_equal(stack[2, 1, 3, 5:9, :], FILM[2, 1, 3, 5:9])
        assert len(read) == 1
        with pytest.raises(UnetppError, match="page by page"):
            stack[:, 1, 3]


def test_one_image(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", FILM[0, 0, 0], compression="zlib")
    with TiffStack(tmp_path / "a.tif") as stack:
        assert [plane.shape for _, plane in iterate_planes(stack, select(stack.axes))] == [(24, 30)]


def test_what_is_no_tiff(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"no image")
    with pytest.raises(UnetppError, match="cannot be read as TIFF"):
        TiffStack(tmp_path / "a.tif")
    with pytest.raises(UnetppError, match="cannot be read as TIFF"):
        TiffStack(tmp_path / "none.tif")
    tifffile.imwrite(tmp_path / "b.tif", FILM[0, 0, 0])
    with pytest.raises(UnetppError, match=r"series 1 was asked for.* has 1"):
        TiffStack(tmp_path / "b.tif", series=1)


def test_of_a_large_plane_only_tiles_are_read_whatever_axes_of_length_1_it_has(tmp_path, monkeypatch):
    """It was decoded whole and kept: 1 GB for 32,768 x 32,768 px."""
    monkeypatch.setattr(tiff_stack, "LARGE", 1000)
    image = np.arange(96 * 80, dtype=np.uint16).reshape(96, 80)
    tifffile.imwrite(
        tmp_path / "a.tif",
        image[None],
        tile=(32, 32),
        compression="zlib",
        photometric="minisblack",
        metadata={"axes": "ZYX"},
    )
    with TiffStack(tmp_path / "a.tif") as stack:
        monkeypatch.setattr(tifffile.TiffPage, "asarray", None)
        np.testing.assert_array_equal(stack[0, 10:50, 20:70], image[10:50, 20:70])
