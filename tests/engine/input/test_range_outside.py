"""A range of intensities in which nothing of the image lies, or not its background."""

import numpy as np
import pytest

from napari_unetpp.api import load_model, segment
from napari_unetpp.engine.input.normalise import to_input, with_range
from napari_unetpp.engine.input.range_notes import intensities_outside, range_notes
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import SHIPPED

SAMPLE = SHIPPED.parent / "samples" / "sparse_fluorescence.png"


@pytest.fixture(scope="module", params=["nuclei", "cells-phase", "polyps"])
def shipped(request):
    return load_model(SHIPPED / f"{request.param}.safetensors", device="cpu")


@pytest.fixture(scope="module")
def cells():
    """Nuclei on a background of 14; the darkest pixel is 11, the brightest 219."""
    return read_image(SAMPLE)[:160, :160]


@pytest.mark.parametrize("limits", [(1000, 2000), (-20, -10), (250, 260)])
def test_nothing_in_the_range_is_nothing_found_and_a_note_says_why(shipped, cells, limits):
    result = segment(cells, shipped, level=2, range=limits)
    assert result.labels.max() == 0 and not result.mask.any()
    assert (result.scale, result.range) == (1.0 if shipped.info.name != "polyps" else result.scale, limits)
    (note,) = result.notes
    assert f"from {cells.min()} to {cells.max()}" in note and f"is {limits[0]} to {limits[1]}" in note
    assert "--range LOW HIGH" in note and "Contrast" in note


@pytest.mark.parametrize("limits", [(32, 52), (42, 149), (100, 250)])
def test_a_background_below_the_range_is_not_one_large_object(cells, limits):
    nuclei = load_model(SHIPPED / "nuclei.safetensors", device="cpu")
    measured = segment(cells, nuclei, level=2, scale=1.0)
    given = segment(cells, nuclei, level=2, scale=1.0, range=limits)
    background = cells < 20
    assert measured.mask[background].mean() < 0.01 and measured.labels.max() > 2
    assert given.mask[background].mean() < 0.01 and given.labels.max() > 0
    assert any("is below the range" in note for note in given.notes)


@pytest.mark.parametrize(
    ("plane", "outside"),
    [
        (np.array([[3.0, 9.0]]), None),
        (np.array([[3.0, 4.0]]), (3, 4)),
        (np.array([[11.0, np.nan]]), (11, 11)),
        (np.array([[np.nan, np.inf]]), None),
        (np.array([[0, 5]], np.uint8), None),
        (np.zeros((2, 2, 3), np.uint16), (0, 0)),
    ],
)
def test_what_lies_outside(plane, outside):
    stats = with_range(plane, 5.0, 10.0)
    assert intensities_outside(plane, stats) == outside
    assert any("nothing is seen" in note for note in range_notes(plane, stats)) == (outside is not None)


def test_a_measured_range_keeps_what_little_lies_below_it():
    plane = np.arange(-10, 190, dtype=np.float32).reshape(10, 20)
    assert to_input(plane, with_range(plane, 0, 100)).min() == pytest.approx(-0.1), "5 % lie below"
    assert to_input(plane, with_range(plane, 20, 100)).min() == pytest.approx(-0.1)
    assert to_input(plane, with_range(plane, -6, 2)).min() == pytest.approx(-0.5), "2 % lie below"
