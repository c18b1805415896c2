"""A frame of a camera is brought to size by its picture, however much black the recorder put around it."""

import numpy as np
import pytest

from napari_unetpp._types import SamplingRule
from napari_unetpp.engine.input.scale import choose_scale, picture_side, plane_scale
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_pairs

FRAME = SamplingRule("frame", 192)


@pytest.fixture(scope="module")
def picture(data):
    """A colonoscopy frame, 352 x 352."""
    return read_image(read_pairs(data / "polyps_kvasir/val")[3].image)


def in_black(picture, size, top, left):
    frame = np.zeros((*size, 3), np.uint8)
    frame[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return frame


def test_without_a_border_the_frame_counts(picture):
    assert picture_side(picture) == pytest.approx(352, abs=8)
    assert plane_scale(FRAME, picture) == pytest.approx(192 / 352, rel=0.03)


def test_a_black_border_does_not_count(picture):
    wide = in_black(picture, (400, 640), 20, 250)
    assert picture_side(wide) == pytest.approx(picture_side(picture), abs=2)
    assert plane_scale(FRAME, wide) == pytest.approx(plane_scale(FRAME, picture), rel=0.01)


def test_nor_does_text_or_noise_in_it(picture):
    wide = in_black(picture, (400, 640), 20, 250)
    rng = np.random.default_rng(0)
    wide += rng.integers(0, 8, wide.shape).astype(np.uint8) * (wide == 0)
    for line in range(4):
        wide[40 + 20 * line : 48 + 20 * line, 20:180] = np.where(rng.random((8, 160, 1)) > 0.5, 240, 0)
    assert picture_side(wide) == pytest.approx(picture_side(picture), abs=2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_what_is_black_depends_on_the_frame(picture, dtype):
    wide = in_black(picture, (400, 640), 20, 250).astype(dtype) * (1 if dtype == np.uint8 else 7)
    assert picture_side(wide) == pytest.approx(picture_side(picture), abs=2)


def test_a_dark_frame_is_not_magnified_without_end():
    dark = np.zeros((480, 640), np.uint8)
    assert picture_side(dark) == 640
    dark[230:250, 300:330] = 200  # a lamp
    assert picture_side(dark) == 640, "no row or column is lit by so little"
    dark[:, 300:330] = dark[230:250] = 200
    assert 320 <= picture_side(dark) <= 640
    assert picture_side(np.full((1, 1), 3, np.uint8)) == 1


def test_other_rules_do_not_look(picture):
    wide = in_black(picture, (400, 640), 20, 250)
    for rule in (SamplingRule("object", 20.0), SamplingRule("pixel", 0.5)):
        assert plane_scale(rule, wide, pixel_size=0.25) == choose_scale(rule, wide.shape, pixel_size=0.25)
