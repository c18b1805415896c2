"""What is measured of objects, and the files it goes to."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import napari_unetpp
from napari_unetpp._types import UnetppError
from napari_unetpp.files.objects import table as tables

LABELS = np.zeros((20, 20), np.uint16)
LABELS[2:6, 2:6], LABELS[10:12, 3:9] = 1, 7
CHANNELS = np.random.default_rng(0).integers(0, 1000, (20, 20, 3)).astype(np.uint16)


def test_every_column_is_what_it_says() -> None:
    found = tables.object_table(LABELS, CHANNELS, pixel_area=0.25, position={"t": 4, "z": 11})
    assert list(found)[:7] == ["t", "z", "label", "area_px", "diameter_px", "area_um2", "diameter_um"]
    assert list(found["label"]) == [1, 7] and set(found["t"]) == {4} and set(found["z"]) == {11}
    assert list(found["area_px"]) == [16, 12] and list(found["area_um2"]) == [4, 3]
    assert found["diameter_px"] == pytest.approx(2 * np.sqrt(np.array([16, 12]) / np.pi))
    assert found["diameter_um"] == pytest.approx(found["diameter_px"] / 2)
    for channel in range(3):
        inside = [CHANNELS[..., channel][LABELS == number] for number in (1, 7)]
        assert found[f"intensity_mean_{channel}"] == pytest.approx([each.mean() for each in inside])
        assert list(found[f"intensity_max_{channel}"]) == [each.max() for each in inside]
    assert (found["centroid_y"][0], found["x1"][1]) == (3.5, 9)


def test_one_channel_needs_no_number_and_channels_may_have_names() -> None:
    assert {"intensity_mean", "intensity_max"} < tables.object_table(LABELS, CHANNELS[..., 0]).keys()
    named = tables.object_table(LABELS, CHANNELS, channels=("DAPI", "GFP", "mCherry"), shapes=False)
    assert "intensity_mean_GFP" in named and "intensity_max_mCherry" in named
    assert not {"solidity", "centroid_y"} & named.keys()


def test_nothing_to_measure() -> None:
    found = tables.object_table(np.zeros((5, 5), np.uint16), np.zeros((5, 5)))
    assert {values.size for values in found.values()} == {0}
    assert {values.size for values in tables.by_number(found).values()} == {1}


def test_a_row_for_every_number() -> None:
    """As napari looks features of labels up: by position."""
    found = tables.by_number(tables.object_table(LABELS, CHANNELS))
    assert "label" not in found and {values.size for values in found.values()} == {8}
    assert (found["area_px"][1], found["area_px"][7]) == (16, 12)
    assert np.isnan(found["area_px"][[0, 2, 3, 4, 5, 6]]).all()
    far = tables.by_number(tables.object_table(LABELS.astype(np.int32) * 100_000))
    assert list(far["index"]) == [100_000, 700_000] and far["area_px"].size == 2


def test_a_file_writes_large_numbers_in_full_and_replaces_nothing(tmp_path: Path) -> None:
    """An area of 1,234,321 px was written as 1.23432e+06."""
    found = tables.object_table(np.ones((1111, 1111), np.uint16), pixel_area=2.5)
    tables.write_csv(tmp_path / "t.csv", found)
    (row,) = csv.DictReader((tmp_path / "t.csv").open())
    assert row["area_px"] == "1234321" and float(row["area_um2"]) == pytest.approx(3085802.5, abs=0.6)
    assert not any("e" in cell for cell in row.values())
    with pytest.raises(UnetppError, match="exists already"):
        tables.write_csv(tmp_path / "t.csv", found)


# --------------------------------------------------------------- in Python


def test_a_stack_is_measured_and_saved_plane_by_plane(tmp_path: Path) -> None:
    labels = np.stack([LABELS, np.where(LABELS == 7, 7, 0)])
    image = np.stack([CHANNELS[..., 0], CHANNELS[..., 1]])
    found = napari_unetpp.measure_objects(labels, image, axes="ZYX", pixel_size=0.5)
    assert list(found["z"]) == [0, 0, 1] and list(found["label"]) == [1, 7, 7]
    assert found["intensity_mean"][2] == pytest.approx(image[1][LABELS == 7].mean())
    assert list(found["area_um2"]) == [4, 3, 3]
    napari_unetpp.save_objects(labels, tmp_path / "a.csv", image=image, axes="ZYX")
    assert [row["z"] for row in csv.DictReader((tmp_path / "a.csv").open())] == ["0", "0", "1"]
    for name in ("a.zip", "a.geojson", "a.json"):
        napari_unetpp.save_objects(labels, tmp_path / name, axes="ZYX", classes=("nucleus",))
        with pytest.raises(UnetppError, match="exists already"):
            napari_unetpp.save_objects(labels, tmp_path / name, axes="ZYX")


WRONG = {
    "floats": ((LABELS * 1.0, None), {}, "whole numbers"),
    "negative": ((LABELS.astype(int) - 1, None), {}, "negative"),
    "axes": ((LABELS, None), {"axes": "ZYX"}, "axes 'ZYX'.*one letter for each"),
    "axes in another order": ((LABELS, None), {"axes": "XY"}, "the last two YX"),
    "another image": ((LABELS, CHANNELS[1:]), {}, r"image of shape \(19, 20, 3\)"),
    "names": ((LABELS, CHANNELS), {"channels": ("DAPI",)}, "1 names of channels"),
    "size": ((LABELS, CHANNELS), {"pixel_size": 0.0}, "above 0"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused(case: str) -> None:
    arguments, options, problem = WRONG[case]
    with pytest.raises(UnetppError, match=problem):
        napari_unetpp.measure_objects(*arguments, **options)


def test_writing_outlines_loads_neither_torch_nor_qt(tmp_path: Path) -> None:
    code = (
        "import sys, numpy, napari_unetpp\n"
        f"napari_unetpp.save_objects(numpy.eye(5, dtype=int), {str(tmp_path / 'a.zip')!r})\n"
        "assert not {'torch', 'qtpy', 'napari'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
