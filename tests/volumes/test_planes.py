"""Planes one at a time, from whatever holds an image; nothing more is read than what is asked for."""

import numpy as np
import pytest
import tifffile
import xarray
import zarr
from one_by_one import iterate_planes
from PIL import Image as Picture

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.engine.input.normalise import measure
from napari_unetpp.volumes import planes
from napari_unetpp.volumes.axes import Axes, axes_from_shape
from napari_unetpp.volumes.planes import read_plane
from napari_unetpp.volumes.selection import Position, SelectionRequest, select
from napari_unetpp.volumes.series_range import (
    PART,
    PARTS,
    SAMPLED_PLANES,
    sampled,
    sampled_parts,
    series_range,
)

FILM = np.random.default_rng(0).integers(0, 4000, (3, 2, 4, 24, 30)).astype(np.uint16)  # T, C, Z, Y, X
AXES = Axes("TCZYX", FILM.shape)


class Counting:
    """An array on disk, so to say: it counts the pixels that are read, and refuses to be read whole."""

    def __init__(self, array):
        self.array, self.shape, self.dtype, self.read = array, array.shape, array.dtype, 0

    def __getitem__(self, index):
        part = self.array[index]
        self.read += part.size
        return part

    def __array__(self, *_args, **_options):
        raise AssertionError("the whole array was read")


def held_by(kind, array, folder, request):
    """The array in one of the ways in which it may come."""
    if kind == "memory map":
        np.save(folder / "a.npy", array)
        return np.load(folder / "a.npy", mmap_mode="r")
    if kind == "dask":
        return pytest.importorskip("dask.array").from_array(array, chunks=(1, 1, 2, 16, 16))
    if kind == "xarray":
        return xarray.DataArray(array)
    if kind == "zarr":
        return zarr.array(array, chunks=(1, 1, 2, 16, 16))
    if kind == "TIFF through zarr":
        pytest.importorskip("tifffile", "2025.5.21", reason="before, tifffile gives a store for zarr 2")
        tifffile.imwrite(folder / "a.tif", array, ome=True, metadata={"axes": "TCZYX"})
        store = tifffile.imread(folder / "a.tif", aszarr=True)
        request.addfinalizer(store.close)
        return zarr.open(store, mode="r")
    return array


@pytest.mark.parametrize("kind", ["numpy", "memory map", "dask", "xarray", "zarr", "TIFF through zarr"])
def test_planes_of_any_array(kind, tmp_path, request):
    array = held_by(kind, FILM, tmp_path, request)
    chosen = select(AXES, SelectionRequest(channels=(1,), z=(1, 3)))
    for position, plane in iterate_planes(array, chosen):
        assert isinstance(plane, np.ndarray)
        np.testing.assert_array_equal(plane, FILM[position.t, 1, position.z])
    assert position == Position(2, 2)
    part = read_plane(array, chosen, Position(2, 1), Region(3, 4, 20, 11))
    np.testing.assert_array_equal(part, FILM[2, 1, 1, 3:20, 4:11])


def test_only_the_planes_asked_for_are_read():
    array = Counting(FILM)
    chosen = select(AXES, SelectionRequest(t=(1, 2)))
    planes = iterate_planes(array, chosen)
    assert array.read == 0
    next(planes)
    assert array.read == 24 * 30
    list(planes)
    assert array.read == 4 * 24 * 30


def test_channels_together():
    inputs = select(AXES, SelectionRequest(channels=(1, 0)), inputs=2)
    np.testing.assert_array_equal(
        read_plane(FILM, inputs, Position(1, 2)), np.moveaxis(FILM[1, ::-1, 2], 0, -1)
    )
    mean = select(AXES, SelectionRequest(channels=(1, 0), combine="mean"))
    found = read_plane(FILM, mean, Position(1, 2))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, FILM[1, :, 2].mean(axis=0))


@pytest.mark.parametrize("project", ["max", "mean"])
def test_projections_hold_one_plane(project):
    array = Counting(FILM)
    found = read_plane(array, select(AXES, SelectionRequest(z=(1, 4), project=project)), Position(0, None))
    np.testing.assert_allclose(found, getattr(np, project)(FILM[0, 0, 1:4], axis=0), rtol=1e-6)
    assert array.read == 3 * 24 * 30 and found.dtype == (np.uint16 if project == "max" else np.float32)


@pytest.mark.parametrize("names", ["YXS", "SYX", "XYS", "XSY", "SXY"])
def test_colour_in_any_order(names):
    picture = np.random.default_rng(0).integers(0, 255, (24, 30, 3)).astype(np.uint8)
    array = picture.transpose(["YXS".index(name) for name in names])
    found = read_plane(array, select(Axes(names, array.shape)), Position(0, 0))
    np.testing.assert_array_equal(found, picture)


@pytest.mark.parametrize("names", ["TCZYX", "XYZCT", "CYTXZ"])
def test_axes_in_any_order(names):
    array = FILM.transpose(["TCZYX".index(name) for name in names])
    chosen = select(Axes(names, array.shape), SelectionRequest(channels=(1,)))
    np.testing.assert_array_equal(read_plane(array, chosen, Position(2, 3)), FILM[2, 1, 3])


def test_an_image_that_was_changed_meanwhile():
    with pytest.raises(UnetppError, match="changed meanwhile"):
        read_plane(FILM[:2], select(AXES), Position(0, 0))


def test_a_missing_chunk_names_the_plane():
    class Broken(Counting):
        def __getitem__(self, index):
            raise OSError("chunk 0.1 is gone")

    with pytest.raises(UnetppError, match=r"T 1, C 0, Z 2 cannot be read: chunk 0\.1 is gone"):
        read_plane(Broken(FILM), select(AXES), Position(1, 2))


def test_the_range_of_one_plane_is_that_of_the_plane():
    plane = FILM[0, 0, 0]
    assert series_range(plane, select(axes_from_shape(plane.shape))) == measure(plane)


def test_the_range_of_a_series_is_that_of_all_planes(data_root):
    """A film: each frame alone gives another range, the series one, near that of all pixels."""
    paths = sorted((data_root / "yeast_phase").glob("*/images/*.png"))
    film = np.stack([np.asarray(Picture.open(path)) for path in paths])
    film = np.concatenate([film, film + np.uint16(2000)])  # the lamp was turned up
    found = series_range(film, select(Axes("TYX", film.shape)))
    all_of_it = measure(film.reshape(-1, film.shape[-1]))
    span = all_of_it.high - all_of_it.low
    assert abs(found.low - all_of_it.low) < 0.05 * span and abs(found.high - all_of_it.high) < 0.05 * span


def test_a_bounded_sample_is_read_for_the_range():
    array = Counting(np.broadcast_to(np.uint8(7), (1000, 40_000, 30_000)))
    series_range(array, select(Axes("ZYX", array.shape)))
    assert array.read == SAMPLED_PLANES * (PARTS * PART) ** 2


def test_which_planes_and_parts_are_sampled():
    assert sampled(1) == (0,) and sampled(3) == (0, 1, 2)
    assert len(sampled(1000)) == SAMPLED_PLANES and sampled(1000)[-1] == 999
    assert sampled_parts((100, 70)) == (Region(0, 0, 100, 70),)
    parts = sampled_parts((8192, 700))
    assert len(parts) == 8 and {part.shape for part in parts} == {(PART, PART)}
    assert parts[-1].y1 == 8192 and parts[-1].x1 == 700
    assert {part.shape for part in sampled_parts((40_000, 200))} == {(PART, 200)}


def test_booleans_and_floats():
    stack = FILM[:, 0, 0] > 2000
    assert series_range(stack, select(Axes("ZYX", stack.shape))).high >= 1
    floats = np.where(stack, np.nan, 5.0)
    assert np.isfinite(series_range(floats, select(Axes("ZYX", stack.shape))).high)


def test_every_so_many_pixels_of_a_lazy_plane_are_read_in_bands(monkeypatch):
    """It read all of the plane into memory: 3 GB for 16,384 x 16,384 px."""
    array, read = np.arange(70 * 90).reshape(70, 90), []

    class Recorded:
        shape, dtype = array.shape, array.dtype

        def __getitem__(self, index):
            read.append(array[index].size)
            return array[index]

    monkeypatch.setattr(planes, "BAND", 16)
    plane = planes.LazyPlane(Recorded(), select(Axes("YX", array.shape)), Position(0, 0))
    np.testing.assert_array_equal(plane[::3, ::5], array[::3, ::5])
    np.testing.assert_array_equal(plane[7:60:4, 5:80:2], array[7:60:4, 5:80:2])
    assert max(read) <= 16 * 90
    np.testing.assert_array_equal(plane[5:40, 3:9], array[5:40, 3:9])
