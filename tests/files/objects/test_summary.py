"""The table of a whole output folder."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from napari_unetpp.files.objects import table as tables
from napari_unetpp.files.results.outputs import Output
from napari_unetpp.files.results.result_file import About, write_labels
from napari_unetpp.files.results.summary import update_summary

LABELS = np.zeros((20, 20), np.uint16)
LABELS[2:6, 2:6], LABELS[10:12, 3:9] = 1, 7
IMAGE = np.random.default_rng(0).integers(0, 1000, (20, 20, 2)).astype(np.uint16)
FACTS = {"level": "auto", "scale": 0.5, "range": [0, 9], "version": "1"}


def result(out: Path, name: str, labels: np.ndarray = LABELS, area: float | None = 0.25) -> Output:
    output = Output(Path(f"{name}.tif"), out / f"{name}_labels.tif", out / f"{name}_objects.csv")
    assert output.table is not None
    write_labels(output.target, labels, overwrite=True, about=About(None, FACTS))
    tables.write_csv(output.table, tables.object_table(labels, IMAGE, pixel_area=area), overwrite=True)
    return output


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.open(newline="")))


def age(path: Path) -> None:
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 100))


def test_a_row_for_every_image(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    plan = [
        result(tmp_path, "a"),
        result(tmp_path, "deep/b", LABELS * 0),
        Output(tmp_path, tmp_path / "c.tif"),
    ]
    assert update_summary(tmp_path, plan) == []
    full, empty = rows_of(tmp_path / "summary.csv")
    assert (full["labels"], full["image"], full["objects"]) == ("a_labels.tif", "a.tif", "2")
    assert (full["median_area_px"], full["median_area_um2"]) == ("14", "3.5")
    means = [IMAGE[..., 0][LABELS == number].mean() for number in (1, 7)]
    assert float(full["intensity_mean_0"]) == pytest.approx(np.mean(means), rel=1e-4)
    assert (full["level"], full["scale"]) == ("auto", "0.5")
    assert (full["range_low"], full["range_high"], full["precision"], full["version"]) == ("0", "9", "", "1")
    assert (empty["labels"], empty["objects"]) == ("deep/b_labels.tif", "0")
    assert empty["median_area_px"] == empty["intensity_mean_1"] == ""


def test_going_on_keeps_what_is_there_and_adds_what_is_new(tmp_path: Path) -> None:
    first, path = result(tmp_path, "a"), tmp_path / "summary.csv"
    update_summary(tmp_path, [first])
    path.write_bytes(
        path.read_bytes().replace(b",version\r\n", b",version,dose\r\n").replace(b",1\r\n", b",1,3 mg\r\n")
    )
    assert first.table is not None
    age(first.table)
    first.table.write_text("nobody reads this again")
    age(first.table)
    update_summary(tmp_path, [first, result(tmp_path, "b", area=None)])
    kept, new = rows_of(path)
    assert (kept["labels"], kept["objects"], kept["dose"]) == ("a_labels.tif", "2", "3 mg")
    assert (new["labels"], new["median_area_um2"], new["dose"]) == ("b_labels.tif", "", "")
    update_summary(tmp_path, [result(tmp_path, "a", LABELS * (LABELS == 7))])
    changed, other = rows_of(path)
    assert (changed["objects"], changed["dose"]) == ("1", "3 mg") and other == new


@pytest.mark.parametrize("text", ["id,dose\n1,3 mg\n", "", "\0\xff"])
def test_a_table_of_somebody_else_is_left_alone(text: str, tmp_path: Path) -> None:
    path = tmp_path / "summary.csv"
    path.write_bytes(text.encode("latin-1"))
    for _ in range(2):
        (note,) = update_summary(tmp_path, [result(tmp_path, "a")])
        assert "is another table" in note and "summary_2.csv" in note
    assert path.read_bytes() == text.encode("latin-1")
    assert len(rows_of(tmp_path / "summary_2.csv")) == 1 and not (tmp_path / "summary_3.csv").exists()


def test_a_table_that_cannot_be_read_is_told_and_the_others_count(tmp_path: Path) -> None:
    bad, good = result(tmp_path, "a"), result(tmp_path, "b")
    assert bad.table is not None
    bad.table.write_text("label,area_px\n1,large\n")
    (note,) = update_summary(tmp_path, [bad, good])
    assert "no row" in note and "a_objects.csv" in note
    assert [row["labels"] for row in rows_of(tmp_path / "summary.csv")] == ["b_labels.tif"]


@pytest.mark.parametrize(
    ("links", "objects"), [({}, 4), ({"stitch": 0.3}, 3), ({"stitch": 0.3, "track": 0.3}, 2)]
)
def test_an_object_that_goes_through_planes_counts_once(
    links: dict[str, float], objects: int, tmp_path: Path
) -> None:
    """Object 1 in planes 0 and 1 of frame 0 and in frame 1, object 2 in frame 1."""
    output = result(tmp_path, "a")
    assert output.table is not None
    facts = {"level": 1, "scale": 1.0, **links}
    write_labels(output.target, LABELS, overwrite=True, about=About(None, facts))
    output.table.write_text("frame,plane,label,area_px\n0,0,1,9\n0,1,1,9\n1,0,1,9\n1,0,2,9\n")
    assert update_summary(tmp_path, [output]) == []
    (row,) = rows_of(tmp_path / "summary.csv")
    assert row["objects"] == str(objects)


def test_nothing_done_writes_nothing(tmp_path: Path) -> None:
    assert update_summary(tmp_path, []) == [] and not any(tmp_path.iterdir())
