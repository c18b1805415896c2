"""Holes in objects, objects at the border, and sizes: by hand, then on the maps of a model."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unetpp import __version__, load_model, segment
from napari_unetpp._types import DecodeRule, ObjectOptions, UnetppError
from napari_unetpp.engine.decode.holes import mask_without_holes, without_holes
from napari_unetpp.engine.decode.labelling import border_numbers, kept_numbers
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import SHIPPED


def plane(*rows: str) -> np.ndarray:
    return np.array([[int(c) for c in row] for row in rows], np.int32)


def test_a_hole_takes_the_number_of_the_object_around_it() -> None:
    found = without_holes(plane("0000000", "0222000", "0202330", "0222300", "0000000"))
    assert (found == plane("0000000", "0222000", "0222330", "0222300", "0000000")).all()


def test_what_two_objects_enclose_is_no_hole() -> None:
    labels = plane("1122", "1002", "1122")
    assert (without_holes(labels) == labels).all()


def test_background_at_the_border_is_no_hole() -> None:
    labels = plane("111", "101", "101")
    assert (without_holes(labels) == labels).all()


def test_holes_of_a_mask_are_filled_whatever_encloses_them() -> None:
    assert mask_without_holes(plane("1111", "1001", "1111") > 0).all()


def test_an_object_in_a_hole_keeps_its_number_and_the_ring_around_it_stays() -> None:
    labels = plane("11111", "10001", "10201", "10001", "11111")
    assert (without_holes(labels) == labels).all()


def test_sizes_and_border_decide_which_numbers_are_kept() -> None:
    numbers = plane("1100000", "0002200", "0002203", "0000000")
    sizes = np.bincount(numbers.ravel())
    for rule, expected in (
        (DecodeRule(min_size=2), [0, 1, 2, 0]),
        (DecodeRule(min_size=1, max_size=2), [0, 1, 0, 2]),
        (DecodeRule(min_size=1, drop_border=True), [0, 0, 1, 0]),
    ):
        assert kept_numbers(sizes, rule, border_numbers(numbers, rule)).tolist() == expected


@pytest.mark.parametrize(
    "options", [{"threshold": 1.5}, {"min_size": -1}, {"max_size": np.nan}, {"min_size": 9, "max_size": 3}]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(UnetppError, match="given; expected"):
        ObjectOptions(**options)


def test_sizes_are_those_of_the_image() -> None:
    rule = ObjectOptions(min_size=40, max_size=400).rule(DecodeRule(threshold=0.7), 0.5)
    assert (rule.min_size, rule.max_size, rule.threshold) == (10, 100, 0.7)


def test_options_reach_the_result() -> None:
    image = np.asarray(read_image(SHIPPED.parent / "samples" / "dense_fluorescence.png"))[100:228, 100:260]
    model = load_model("nuclei", device="cpu", precision="float32")
    plain = segment(image, model, level=1, scale=1)
    few = segment(image, model, level=1, scale=1, min_size=100, max_size=450, drop_border=True)
    areas, kept = (np.bincount(found.labels.ravel())[1:] for found in (plain, few))
    assert areas.max() > 450 and kept.size and kept.min() >= 100 and kept.max() <= 450
    assert not border_numbers(few.labels, DecodeRule(drop_border=True)).any()
    filled = segment(image, model, level=1, scale=1, fill_holes=True)
    assert (without_holes(plain.labels) != plain.labels).any()
    assert (without_holes(filled.labels) == filled.labels).all()
    assert filled.mask.sum() > plain.mask.sum() and (filled.mask >= plain.mask).all()
    stack = segment(
        image[None], model, axes="ZYX", level=1, scale=1, min_size=100, max_size=450, drop_border=True
    )
    assert (stack.labels == few.labels).all()
    assert (few.model, few.model_sha256) == ("nuclei", model.info.sha256) and few.version == __version__
