"""Axes as real files and arrays say them: written by the libraries that labs write them with."""

import numpy as np
import pytest
import tifffile
import xarray

from napari_unetpp.volumes.metadata import axes_of_array, axes_of_ome_zarr, axes_of_tiff


def written(path, shape, **options):
    tifffile.imwrite(path, np.zeros(shape, options.pop("dtype", np.uint16)), **options)
    with tifffile.TiffFile(path) as file:
        return axes_of_tiff(file)


def test_ome_tiff(tmp_path):
    metadata = {
        "axes": "TCZYX",
        "Channel": {"Name": ["DAPI", "GFP"]},
        **{"PhysicalSizeX": 100, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.5},
        **{"TimeIncrement": 2, "TimeIncrementUnit": "min"},
    }
    axes = written(tmp_path / "a.ome.tif", (4, 2, 3, 16, 20), metadata=metadata)
    assert (axes.names, axes.source, axes.channels) == ("TCZYX", "OME metadata", ("DAPI", "GFP"))
    assert axes.spacing == pytest.approx((0.5, 0.1, 0.1)) and axes.interval == 120
    assert axes.pixel_size == pytest.approx(0.1)


def test_ome_tiff_with_one_channel_and_no_sizes(tmp_path):
    axes = written(tmp_path / "a.ome.tif", (3, 16, 20), metadata={"axes": "ZYX"})
    assert axes.names == "ZYX" and axes.spacing == (None, None, None) and axes.channels == ()


def test_ome_tiff_in_colour(tmp_path):
    axes = written(
        tmp_path / "a.ome.tif", (3, 16, 20, 3), dtype=np.uint8, photometric="rgb", metadata={"axes": "ZYXS"}
    )
    assert axes.names == "ZYXS" and str(axes) == "Z 3, Y 16, X 20, RGB"


def test_imagej_hyperstack(tmp_path):
    metadata = {"axes": "TZCYX", "spacing": 2.0, "unit": "um", "finterval": 30.0}
    axes = written(tmp_path / "a.tif", (4, 3, 2, 16, 20), imagej=True, resolution=(4, 4), metadata=metadata)
    assert (axes.names, axes.source) == ("TZCYX", "ImageJ metadata")
    assert axes.spacing == (2.0, 0.25, 0.25) and axes.interval == 30
    assert str(axes) == "T 4, Z 3, C 2, Y 16, X 20"


def test_imagej_writes_its_micrometres_escaped(tmp_path):
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "\\u00B5m"}
    assert written(tmp_path / "a.tif", (3, 16, 20), imagej=True, metadata=metadata).spacing[0] == 2.0


def test_imagej_stack_without_a_unit_has_no_micrometres(tmp_path):
    axes = written(tmp_path / "a.tif", (3, 16, 20), imagej=True, metadata={"axes": "ZYX"})
    assert axes.names == "ZYX" and axes.spacing == (None, None, None)


@pytest.mark.parametrize(
    ("shape", "options", "text"),
    [
        ((16, 20), {}, "Y 16, X 20"),
        ((16, 20, 3), {"photometric": "rgb", "dtype": np.uint8}, "Y 16, X 20, RGB"),
        ((9, 16, 20), {"metadata": None}, "Z 9, Y 16, X 20 (guessed from the shape)"),
        ((9, 16, 20), {"photometric": "minisblack"}, "Z 9, Y 16, X 20 (guessed from the shape)"),
        ((9, 16, 20), {"metadata": {"axes": "TYX"}}, "T 9, Y 16, X 20"),
    ],
)
def test_plain_tiff(tmp_path, shape, options, text):
    assert str(written(tmp_path / "a.tif", shape, **options)) == text


UNITS = {"T": "second", "Z": "micrometer", "Y": "nanometer", "X": "nanometer"}
MULTISCALE = {
    "axes": [{"name": name.lower(), **({"unit": UNITS[name]} if name in UNITS else {})} for name in "TCZYX"],
    "datasets": [
        {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2, 250, 250]}]},
        {"path": "1", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2, 500, 500]}]},
    ],
    "coordinateTransformations": [{"type": "scale", "scale": [60, 1, 1, 1, 1]}],
}
OMERO = {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}


@pytest.mark.parametrize("newest", [False, True])
def test_ome_zarr(newest):
    said = {"multiscales": [MULTISCALE], "omero": OMERO}
    axes = axes_of_ome_zarr({"ome": said} if newest else said, (4, 2, 3, 8, 10), level=1)
    assert (axes.names, axes.source, axes.channels) == ("TCZYX", "OME-Zarr", ("DAPI", "GFP"))
    assert axes.spacing == (2.0, 0.5, 0.5) and axes.interval == 60


def test_old_ome_zarr():
    """Version 0.3 names axes by letters alone; 0.1 has five of them and names none."""
    assert axes_of_ome_zarr({"multiscales": [{"axes": ["t", "y", "x"]}]}, (4, 8, 10)).names == "TYX"
    assert axes_of_ome_zarr({"multiscales": [{}]}, (4, 2, 3, 8, 10)).names == "TCZYX"


def test_arrays():
    assert axes_of_array(np.zeros((5, 16, 20))).names == "ZYX"
    da = pytest.importorskip("dask.array")
    assert axes_of_array(da.zeros((5, 16, 20))).names == "ZYX"


def test_xarray():
    array = xarray.DataArray(
        np.zeros((5, 2, 16, 20)), dims=("T", "C", "Y", "X"), coords={"C": ["DAPI", "GFP"]}
    )
    axes = axes_of_array(array)
    assert axes.names == "TCYX" and axes.channels == ("DAPI", "GFP")
    assert axes_of_array(xarray.DataArray(np.zeros((5, 16, 20)))).names == "ZYX"
