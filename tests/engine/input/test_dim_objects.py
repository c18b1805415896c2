"""The note on objects that are much dimmer than others: where it is right, and where it is not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from test_robust_range import GRID, nuclei

from napari_unetpp.api import load_model, segment
from napari_unetpp.engine.input.dim_objects import dim_objects, summits
from napari_unetpp.engine.input.normalise import NormStats, clean_plane, measure
from napari_unetpp.engine.input.range_notes import range_notes
from napari_unetpp.engine.input.robust_range import Range
from napari_unetpp.files.images.image_file import read_image

HALF_DIM = nuclei(256, GRID, 8, [8000, 400] * 32, background=100, noise=16)
"""Every second nucleus is twenty times dimmer, at 25 times the noise."""

SETS = {"nuclei_dsb2018": 24, "nuclei_tissue": 10, "nuclei_colon": 4, "cells_phase": 6, "polyps_kvasir": 12}


def noted(plane, stats=None):
    return [note for note in range_notes(plane, stats or measure(plane)) if "dark end" in note]


def test_nuclei_twenty_times_dimmer_than_others_are_named_with_numbers():
    (note,) = noted(HALF_DIM)
    assert note.startswith("50% of what stands out") and "(in the dock Contrast, numbers)" in note
    low, high = (float(word) for word in note.partition("--range ")[2].split()[:2])
    assert low < 110 and 400 < high < 700
    assert not noted(HALF_DIM, NormStats(low, high)), "the range that it names shows them"


def test_the_range_that_is_named_shows_what_was_missed():
    model = load_model("nuclei", device="cpu")
    few_bright = [8000 if number in (0, 30) else 400 for number in range(64)]
    plane = nuclei(256, GRID, 8, few_bright, background=100, noise=16)
    found = dim_objects(plane, 16.0, Range(measure(plane).low, measure(plane).high))
    before = segment(plane, model, level=1)
    after = segment(plane, model, level=1, range=(found.shown.low, found.shown.high))
    assert before.labels.max() < 8 and after.labels.max() == 64
    assert noted(plane) and after.scale == pytest.approx(1.0, rel=0.4), "their size is 16 px"


def test_as_displayed_with_a_saturated_speck():
    """Contrast limits that reach up to the speck hide the nuclei."""
    plane = nuclei(256, GRID, 8, [1000] * 64, background=50, noise=10)
    plane[120:134, 120:134] = 65535
    assert not noted(plane)
    assert noted(plane, NormStats(0, 65535))


def test_slopes_and_haze_are_no_objects():
    y, x = np.mgrid[:256, :256]
    noise = np.random.default_rng(0).normal(100, 16, (256, 256))
    haze = 8000 * np.exp(-((y - 100.0) ** 2 + (x - 150.0) ** 2) / 2 / 40**2)
    for plane in (haze, haze + noise, 30 * x + noise, gaussian_filter(HALF_DIM.astype(np.float32), 30)):
        assert not noted(plane)


@pytest.mark.parametrize("data", SETS)
def test_no_note_on_ordinary_images(data_root, data):
    """Of 675 training images none has it."""
    files = sorted((data_root / data / "train/images").iterdir())
    images = [clean_plane(read_image(path))[0] for path in files[:: len(files) // SETS[data]]]
    assert not [image.shape for image in images if noted(image)]


def test_summits_rise_above_every_way_to_a_higher_one():
    heights = np.zeros((20, 30), np.float32)
    heights[5:8, 5:8], heights[5:8, 8:20], heights[6, 15] = 10, 8, 9
    heights[15, 25] = 5
    assert sorted(summits(heights, 0.9)) == [5, 9, 10]
    assert sorted(summits(heights, 1.5)) == [5, 10]
