"""Files for other programs hold exactly the pixels of the labels: each is read back and compared."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import roifile
import tifffile
from numpy.typing import NDArray
from skimage.draw import polygon

from napari_unetpp._types import UnetppError
from napari_unetpp.files.objects.formats import FORMATS, file_name_for, format_of, write_objects
from napari_unetpp.files.objects.outlines import object_outlines
from napari_unetpp.files.objects.planes import ObjectPlane, Subject

Labels = NDArray[Any]
NUCLEI = Subject("cells.tif", ("nucleus",))


def drawn(text: str) -> Labels:
    return np.array([[int(c) for c in line] for line in text.split()], np.uint16)


def real(data_root: Path, name: str) -> Labels:
    """The labels of a data set with the most objects."""
    files = sorted((data_root / name / "test" / "labels").glob("*.tif"))
    return max((np.asarray(tifffile.imread(file)) for file in files), key=lambda labels: int(labels.max()))


DRAWN = {
    "nothing": "000 000",
    "one pixel": "000 010 000",
    "everything": "11 11 11",
    "at all sides": "1101 0000 2033 2203",
    "a hole": "11111 10001 10101 10001 11111",
    "holes that touch at a corner": "111111 101111 110111 111111",
    "a hole that touches the outside at a corner": "11110 10110 11011 11110",
    "a gap closed by a corner": "0110 1001 1001 0110",
    "a checkerboard": "10101 01010 10101",
    "in two places": "1100 0000 0011 0200",
    "touching": "1122 1122 3344 3344",
    "a hole that holds another": "11111 12221 12021 12221 11111",
    "a line": "11111111",
}


def filled(rings: Iterable[NDArray[Any]], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels whose centre (y + 0.5, x + 0.5) an odd number of rings (y, x) surrounds."""
    inside = np.zeros(shape, bool)
    for ring in rings:
        ys, xs = polygon(ring[:, 0] - 0.5, ring[:, 1] - 0.5, shape)
        inside[ys, xs] ^= True
    return inside


def repainted(objects: dict[int, list[NDArray[Any]]], shape: tuple[int, ...]) -> Labels:
    labels = np.zeros(shape, np.int64)
    for number, rings in objects.items():
        mask = filled(rings, shape)
        assert mask.any() and not (mask & (labels > 0)).any()
        labels[mask] = number
    return labels


# ------------------------------------------------------------------ readers


def from_rois(file: Path, shape: tuple[int, ...]) -> Labels:
    found = roifile.roiread(file) if zipfile.ZipFile(file).namelist() else []
    assert isinstance(found, list)
    rings = {int(roi.name): [xy[:, ::-1] for xy in roi.coordinates(multi=True)] for roi in found}
    for roi in found:
        corners = np.concatenate(roi.coordinates(multi=True))
        if corners.max() <= 60_535:  # beyond, ImageJ goes by the corners alone
            assert (roi.left, roi.top) == tuple(corners.min(axis=0))
    return repainted(rings, shape)


def from_geojson(file: Path, shape: tuple[int, ...]) -> Labels:
    rings = {}
    for feature in json.loads(file.read_text())["features"]:
        shape_ = feature["geometry"]
        assert shape_["type"] in ("Polygon", "MultiPolygon")
        polygons = shape_["coordinates"] if shape_["type"] == "MultiPolygon" else [shape_["coordinates"]]
        lines = [line for one in polygons for line in one]
        assert all(line[0] == line[-1] for line in lines)
        rings[int(feature["properties"]["name"])] = [np.array(line)[:-1, ::-1] for line in lines]
    return repainted(rings, shape)


def from_coco(file: Path, shape: tuple[int, ...]) -> Labels:
    labels = np.zeros(shape, np.int64)
    for one in json.loads(file.read_text())["annotations"]:
        runs = one["segmentation"]
        assert tuple(runs["size"]) == shape and sum(runs["counts"]) == labels.size
        inside = np.repeat(np.arange(len(runs["counts"])) % 2 == 1, runs["counts"]).reshape(shape[::-1]).T
        ys, xs = np.nonzero(inside)
        assert one["area"] == ys.size
        assert one["bbox"] == [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1]
        labels[inside] = one["label"]
    return labels


READERS: dict[str, Callable[[Path, tuple[int, ...]], Labels]] = {
    "rois": from_rois,
    "geojson": from_geojson,
    "coco": from_coco,
}


def read_back(labels: Labels, name: str, folder: Path) -> Labels:
    path = folder / f"objects{FORMATS[name].ending}"
    write_objects(path, name, [ObjectPlane(labels)], NUCLEI)
    return READERS[name](path, labels.shape)


# -------------------------------------------------------------------- tests


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("case", DRAWN)
def test_every_pixel_comes_back(case: str, name: str, tmp_path: Path) -> None:
    labels = drawn(DRAWN[case])
    assert np.array_equal(read_back(labels, name, tmp_path), labels)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("data", ["nuclei_colon", "nuclei_tissue"])
def test_real_dense_nuclei_come_back(data: str, name: str, data_root: Path, tmp_path: Path) -> None:
    labels = real(data_root, data)
    assert labels.max() > 50
    assert np.array_equal(read_back(labels, name, tmp_path), labels)


@pytest.mark.parametrize("name", FORMATS)
def test_noise_with_large_numbers_comes_back(name: str, tmp_path: Path) -> None:
    """Every pixel is a hole, a corner or a part of its own here."""
    labels = np.random.default_rng(0).choice(np.array([0, 7, 9, 100_000], np.uint32), (24, 31))
    assert np.array_equal(read_back(labels, name, tmp_path), labels)


@pytest.mark.parametrize("name", FORMATS)
def test_far_from_the_origin(name: str, tmp_path: Path) -> None:
    """ImageJ keeps whole numbers below 60,536 only."""
    labels = np.zeros((3, 70_000), np.uint8)
    labels[1, 40_000:40_003] = 1
    labels[:, 65_000:65_003] = 2
    labels[1, 65_001] = 0
    labels[1, 69_990:] = 3
    assert np.array_equal(read_back(labels, name, tmp_path), labels)


def test_rings_are_simple_and_turn_as_programs_expect() -> None:
    """Whatever rule a program fills by, and however strict it is about geometry."""
    labels = np.random.default_rng(1).integers(0, 3, (20, 20))
    for outline in object_outlines(labels):
        for part in outline.parts:
            areas = []
            for ring in part:
                y, x = ring.T
                assert len({tuple(corner) for corner in ring.tolist()}) == len(ring)
                areas.append(int(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
            assert areas[0] > 0 and all(area < 0 for area in areas[1:])


def test_each_plane_of_a_stack(tmp_path: Path) -> None:
    """One number in two planes is one object; each file says in which plane an outline lies."""
    planes = [ObjectPlane(drawn(f"00 0{n}"), {"t": t, "z": 1}) for t, n in ((0, 5), (2, 5))]
    for name, kind in FORMATS.items():
        write_objects(tmp_path / f"a{kind.ending}", name, planes, NUCLEI)
    found = roifile.roiread(tmp_path / "a_rois.zip")
    assert isinstance(found, list)
    assert [(roi.name, roi.t_position, roi.z_position, roi.position) for roi in found] == [
        ("t0001-z0002-0005", 1, 2, 0),
        ("t0003-z0002-0005", 3, 2, 0),
    ]
    content = json.loads((tmp_path / "a_objects.geojson").read_text())
    assert [f["geometry"]["plane"] for f in content["features"]] == [
        {"c": -1, "z": 1, "t": 0},
        {"c": -1, "z": 1, "t": 2},
    ]
    assert len({f["id"] for f in content["features"]}) == 2
    coco = json.loads((tmp_path / "a_coco.json").read_text())
    assert [(i["id"], i["t"], i["z"]) for i in coco["images"]] == [(1, 0, 1), (2, 2, 1)]
    assert [a["image_id"] for a in coco["annotations"]] == [1, 2]


def test_a_stack_with_one_axis_goes_by_the_slice(tmp_path: Path) -> None:
    for number, axis in enumerate(("z", "Z", "plane")):
        write_objects(tmp_path / f"{number}.zip", "rois", [ObjectPlane(drawn("1"), {axis: 3})], NUCLEI)
        (roi,) = roifile.roiread(tmp_path / f"{number}.zip")
        assert (roi.position, roi.z_position) == (4, 4)


def test_measurements_and_classes() -> None:
    columns = {"label": np.array([2, 3]), "area_px": np.array([1, 1]), "solidity": np.array([0.5, np.nan])}
    for subject, kind, names in (
        (NUCLEI, "detection", ["nucleus", "nucleus"]),
        (Subject("a.png", ("axon", "myelin"), instances=False), "annotation", ["myelin", "class 3"]),
    ):
        file = io.BytesIO()
        FORMATS["geojson"].write(file, [ObjectPlane(drawn("20 03"), columns=columns)], subject)
        found = [feature["properties"] for feature in json.loads(file.getvalue())["features"]]
        assert [one["classification"]["name"] for one in found] == names
        assert [one["measurements"] for one in found] == [{"area_px": 1, "solidity": 0.5}, {"area_px": 1}]
        assert {one["objectType"] for one in found} == {kind}
        file = io.BytesIO()
        FORMATS["coco"].write(file, [ObjectPlane(drawn("20 03"))], subject)
        coco = json.loads(file.getvalue())
        categories = {one["id"]: one["name"] for one in coco["categories"]}
        assert [categories[one["category_id"]] for one in coco["annotations"]] == names


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_overwritten_and_the_same_labels_give_the_same_bytes(name: str, tmp_path: Path) -> None:
    path, again = tmp_path / "a", tmp_path / "b"
    plane = ObjectPlane(drawn(DRAWN["a hole"]))
    write_objects(path, name, [plane], NUCLEI)
    write_objects(again, name, [plane], NUCLEI)
    before = path.read_bytes()
    assert again.read_bytes() == before
    with pytest.raises(UnetppError, match="exists already"):
        write_objects(path, name, [ObjectPlane(drawn("1"))], NUCLEI)
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 2


def test_the_name_says_the_format() -> None:
    names = ("a.ZIP", "a.geojson", "a.json")
    assert [format_of(Path(name)) for name in names] == ["rois", "geojson", "coco"]
    with pytest.raises(UnetppError, match=r"a\.txt names no known format.*\.zip \(ImageJ\)"):
        format_of(Path("a.txt"))


@pytest.mark.parametrize(
    ("chosen", "name", "expected"),
    [
        ("a_labels.tif", "rois", "a_rois.zip"),
        ("a_mask.tif", "geojson", "a_objects.geojson"),
        ("mine.tif", "coco", "mine_coco.json"),
        ("mine.ZIP", "rois", "mine.ZIP"),
        ("mine", "rois", "mine.zip"),
        ("v1.2", "coco", "v1.2.json"),
    ],
)
def test_a_file_name_for_a_format(chosen: str, name: str, expected: str) -> None:
    assert file_name_for(Path("deep") / chosen, name) == Path("deep") / expected
