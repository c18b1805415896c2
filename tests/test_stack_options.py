"""Options of stacks that are taken in an unexpected way, in Python and on the command line."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_unetpp import api
from napari_unetpp._types import UnetppError
from napari_unetpp.files.models.model_list import SHIPPED

Run = Callable[..., tuple[int, str, str]]
NUCLEI = np.asarray(Image.open(SHIPPED.parent / "samples" / "dense_fluorescence.png"))
STACK = np.stack([NUCLEI[n : n + 64, :64] for n in range(0, 12, 3)])


@pytest.fixture(scope="module")
def model() -> object:
    return api.load_model("nuclei", device="cpu", precision="float32")


@pytest.mark.parametrize(("z", "planes"), [(0, 1), (2, 1), (-1, 1), (np.int64(1), 1), ((1, 3), 2), (None, 4)])
def test_one_number_is_that_plane(z: object, planes: int, model: object) -> None:
    found = api.segment(STACK, model, axes="ZYX", z=z, level=1, scale=1)  # type: ignore[arg-type]
    assert found.labels.shape == ((64, 64) if planes == 1 else (planes, 64, 64))
    if planes == 1:
        alone = api.segment(STACK[z], model, level=1, scale=1, range=found.range)  # type: ignore[arg-type, index]
        np.testing.assert_array_equal(found.mask, alone.mask)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"z": slice(0, 2)}, "z=slice"),
        ({"t": (0, 2, 1)}, "expected a number, or"),
        ({"z": True}, "expected a number, or"),
        ({"project": "median"}, "project 'median' was given; expected one of max, mean"),
        ({"combine": "sum"}, "combine 'sum' was given; expected one of inputs, mean"),
        ({"channel": ()}, "expected a number, a name"),
        ({"stitch": "0.3"}, "expected an overlap above 0"),
        ({"stitch": True}, "expected an overlap above 0"),
        ({"spacing": (0, 1, 1)}, "expected three distances above 0"),
        ({"spacing": 2}, "expected three distances above 0"),
        ({"axes": ("Z", "Y", "X")}, "expected a letter of TCZYXS"),
    ],
)
def test_values_that_are_none_are_refused(options: dict[str, object], problem: str, model: object) -> None:
    with pytest.raises(UnetppError, match=problem):
        api.segment(STACK, model, **{"axes": "ZYX", **options})  # type: ignore[arg-type]


def test_an_empty_stack_says_so(model: object) -> None:
    with pytest.raises(UnetppError, match="the image is empty"):
        api.segment(STACK[:0], model, axes="ZYX")  # type: ignore[arg-type]


def test_dimensions_of_xarray_are_enough(model: object) -> None:
    xarray = pytest.importorskip("xarray")
    found = api.segment(xarray.DataArray(STACK, dims=("z", "y", "x")), model, level=1, scale=1)  # type: ignore[arg-type]
    assert found.labels.shape == STACK.shape


def test_planes_that_were_stored_as_colours_are_planes_where_axes_say_so(run: Run, tmp_path: Path) -> None:
    """tifffile stores a stack of three or four planes as red, green, blue, alpha."""
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="rgb", planarconfig="separate", extrasamples=[0])
    status, _, err = run(tmp_path / "a.tif", "--out", tmp_path, "--axes", "ZYX")
    assert status == 0 and "Z 4, Y 64, X 64" in err, err
    assert tifffile.imread(tmp_path / "a_labels.tif").shape == (4, 64, 64)


def test_axes_may_name_an_axis_of_length_one_that_the_file_does_not_keep(run: Run, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK[:1])
    status, _, err = run(tmp_path / "a.tif", "--out", tmp_path, "--axes", "ZYX")
    assert status == 0, err


def test_the_exact_name_of_a_channel_comes_first(run: Run, tmp_path: Path) -> None:
    metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "dapi"]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK[:2], ome=True, metadata=metadata)
    assert "segmenting C 1 (dapi)" in run(tmp_path / "a.ome.tif", "--out", tmp_path, "--channel", "dapi")[2]


@pytest.mark.parametrize("planes", [1, 4])
def test_a_result_of_an_image_that_changed_is_not_taken_for_its_own(
    planes: int, run: Run, tmp_path: Path
) -> None:
    image = tmp_path / "a.tif"
    options = ("--out", tmp_path, *(("--axes", "ZYX") if planes > 1 else ()))
    tifffile.imwrite(image, STACK[:planes].squeeze(), photometric="minisblack")
    assert run(image, *options)[0] == 0
    assert "1 of 1 were there already" in run(image, *options, "--skip-existing")[2]
    tifffile.imwrite(image, STACK[:planes, ::-1].squeeze(), photometric="minisblack")
    os.utime(image, ns=(1, 1))
    status, _, err = run(image, *options, "--skip-existing", "--table")
    assert status == 1 and "made otherwise: the image was changed since" in err
    assert not (tmp_path / "a_objects.csv").exists()


def test_nothing_is_written_into_a_zarr_that_is_an_image(run: Run, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr", minversion="3")
    made = zarr.create_array(str(tmp_path / "a.zarr"), shape=(4, 64, 64), dtype="uint8")
    made[:] = STACK
    before = sorted(tmp_path.rglob("*"))
    status, _, err = run(tmp_path / "a.zarr", "--out", tmp_path / "a.zarr")
    assert status == 1 and "lies inside the image" in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_name_that_is_no_utf8_is_in_the_summary(run: Run, tmp_path: Path) -> None:
    name = os.fsdecode(b"bad\xff.tif")
    tifffile.imwrite(tmp_path / "good.tif", STACK[0])
    os.rename(tmp_path / "good.tif", tmp_path / name)
    for _ in range(2):  # the second time the rows are read again
        status, _, err = run(tmp_path / name, "--out", tmp_path / "out", "--table", "--overwrite")
        assert status == 0, err
    with open(tmp_path / "out" / "summary.csv", errors="surrogateescape", encoding="utf-8-sig") as file:
        assert [row["image"] for row in csv.DictReader(file)] == [name]
