"""Corrections as a folder: an exact round trip, plain folders, refusals."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from napari_unetpp._types import LabelledPlane, ModelInfo, UnetppError
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.corrections_folder import read_corrections, safe_stems, save_corrections
from napari_unetpp.files.labels.folders import read_label, read_pairs

SHAPE = (30, 41)
DTYPES = ("uint8", "uint16", "int16", "int32", "uint32", "float32", "float64")


def make_plane(name: str = "a", dtype: str = "uint16", channels: tuple[int, ...] = ()) -> LabelledPlane:
    rng = np.random.default_rng(0)
    image = (
        rng.random((*SHAPE, *channels)) * 250 - (100 if dtype.startswith(("int", "float")) else 0)
    ).astype(dtype)
    labels = rng.integers(0, 70_000, SHAPE, np.int32)
    return LabelledPlane(name, image, labels, "corrections", certain=rng.random(SHAPE) > 0.5)


def assert_same(found: LabelledPlane, expected: LabelledPlane) -> None:
    assert found.image.dtype == expected.image.dtype
    for field in fields(LabelledPlane):
        a, b = getattr(found, field.name), getattr(expected, field.name)
        if isinstance(b, np.ndarray):
            np.testing.assert_array_equal(a, b)
            assert a.shape == b.shape
        else:
            assert a == b, field.name


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_round_trip_is_exact(dtype: str, channels: tuple[int, ...], tmp_path: Path) -> None:
    plane = make_plane("a", dtype, channels)
    save_corrections(tmp_path, [plane], None)
    assert_same(read_corrections(tmp_path)[0], plane)


def test_scale_and_range_come_back_as_numbers(tmp_path: Path) -> None:
    plane = replace(make_plane(), scale=0.35, range=(-5.0, 300.5))
    save_corrections(tmp_path, [plane], None)
    assert "auto" not in (tmp_path / "session.json").read_text()
    assert_same(read_corrections(tmp_path)[0], plane)


def test_it_comes_back_whether_the_scale_was_searched_for(tmp_path: Path) -> None:
    plane = replace(make_plane(), scale=0.35, scale_searched=True)
    save_corrections(tmp_path, [plane], None)
    assert_same(read_corrections(tmp_path)[0], plane)


@pytest.mark.parametrize("name", ["range", "scale_searched"])
def test_a_session_from_before_there_was_such_a_value_is_read(name: str, tmp_path: Path) -> None:
    save_corrections(tmp_path, [make_plane()], None)
    session = json.loads((tmp_path / "session.json").read_text())
    del session["planes"]["a"][name]
    (tmp_path / "session.json").write_text(json.dumps(session))
    assert read_corrections(tmp_path)[0].range is None


def test_boolean_images_keep_their_values(tmp_path: Path) -> None:
    save_corrections(tmp_path, [make_plane("a", "bool"), make_plane("b", "bool", (3,))], None)
    for plane in read_corrections(tmp_path):
        channels = plane.image.shape[2:]
        np.testing.assert_array_equal(plane.image, make_plane("a", "bool", channels).image)


def test_float_images_keep_what_has_no_value(tmp_path: Path) -> None:
    plane = make_plane(dtype="float32")
    plane.image[0, :3] = (np.nan, np.inf, -np.inf)
    save_corrections(tmp_path, [plane], None)
    np.testing.assert_array_equal(read_corrections(tmp_path)[0].image, plane.image)


def test_every_field_comes_back_in_the_order_of_the_names(tmp_path: Path, tiny_info: ModelInfo) -> None:
    ignore = np.zeros(SHAPE, bool)
    ignore[:4] = True
    square = ("rectangle", ((4.0, 0.0), (4.0, 20.5), (9.0, 20.5), (9.0, 0.0)))
    planes = [
        replace(make_plane("z / t 3"), ignore=ignore, scale=0.5, objects=False),
        replace(make_plane("r"), ignore=ignore, ignored=ignore & (np.arange(41) < 7), regions=(square,)),
        replace(make_plane("B.ome"), labels_as="sparse", background=2, certain=None),
        replace(make_plane("b.ome"), labels_as="reviewed", certain=None),
    ]
    save_corrections(tmp_path / "new", planes, replace(tiny_info, sha256="abc"))
    found = read_corrections(tmp_path / "new")
    for plane, expected in zip(found, sorted(planes, key=lambda p: p.name), strict=True):
        assert_same(plane, expected)
    session = json.loads((tmp_path / "new" / "session.json").read_text())
    assert session["model"] == {"name": "tiny", "sha256": "abc"}
    assert not list((tmp_path / "new").glob("**/*.tmp"))


def test_a_damaged_plane_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    save_corrections(tmp_path, [make_plane("a"), make_plane("b")], None)
    (tmp_path / "labels" / "a.tif").write_bytes(b"II*")
    told: list[str] = []
    assert [plane.name for plane in read_corrections(tmp_path, on_problem=told.append)] == ["b"]
    assert len(told) == 1 and "a.tif" in told[0]
    with pytest.raises(UnetppError, match=r"a\.tif"):
        read_corrections(tmp_path)


def test_stems_are_safe_and_unique() -> None:
    names = ["../../etc/x", "A", "a", "", ".hidden", "a-2", "x.ome"]
    stems = safe_stems(names)
    assert len({s.lower() for s in stems}) == len(names)
    assert not any("/" in s or s.startswith(".") or s.endswith(".ome") or not s for s in stems)


def test_a_plain_folder_of_real_images_is_reviewed(data_root: Path) -> None:
    folder = data_root / "cells_phase" / "test"
    pair = read_pairs(folder)[0]
    plane = read_corrections(folder)[0]
    assert plane.labels_as == "reviewed" and plane.certain is None and plane.name == pair.stem
    np.testing.assert_array_equal(plane.image, read_image(pair.image))
    np.testing.assert_array_equal(plane.labels, read_label(pair.label))
    assert read_corrections(folder, labels_as="sparse", background=3)[0].background == 3


def test_content_is_refused_and_only_our_own_is_overwritten(tmp_path: Path) -> None:
    save_corrections(tmp_path, [make_plane("a"), make_plane("b")], None)
    with pytest.raises(UnetppError, match="not empty"):
        save_corrections(tmp_path, [make_plane("b")], None)
    without = replace(make_plane("b"), certain=None, labels_as="reviewed")
    save_corrections(tmp_path, [without], None, overwrite=True)
    assert [p.name for p in read_corrections(tmp_path)] == ["b"]
    assert not list((tmp_path / "certain").iterdir())
    (tmp_path / "session.json").unlink()
    with pytest.raises(UnetppError, match="left alone"):
        save_corrections(tmp_path, [without], None, overwrite=True)


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    plane = make_plane()
    for wrong, match in (
        (replace(plane, labels=plane.labels[1:]), "same height and width"),
        (replace(plane, certain=None), "certain"),
        (replace(plane, labels=plane.labels - 70_000), "whole numbers"),
        (replace(plane, labels_as="guesses"), "expected corrections"),  # type: ignore[arg-type]
    ):
        with pytest.raises(UnetppError, match=match):
            save_corrections(tmp_path, [wrong], None)
    assert not list(tmp_path.glob("images/*")), "refused before anything is written"


def test_a_damaged_or_newer_session_is_refused(tmp_path: Path) -> None:
    save_corrections(tmp_path, [make_plane()], None)
    session = tmp_path / "session.json"
    session.write_text(session.read_text().replace('"format_version": 1', '"format_version": 9'))
    with pytest.raises(UnetppError, match="Update"):
        read_corrections(tmp_path)
    session.write_text("{")
    with pytest.raises(UnetppError, match="damaged"):
        read_corrections(tmp_path)
