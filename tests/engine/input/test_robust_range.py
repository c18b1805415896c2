"""The range of intensities comes from what is there, whatever share it covers; nothing comes from noise."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_unetpp import load_model, segment
from napari_unetpp._types import Normalisation
from napari_unetpp.engine.input.normalise import measure, to_input
from napari_unetpp.engine.input.range_notes import reported_range
from napari_unetpp.files.images.image_file import read_image

ROBUST = Normalisation(rule="robust")
GRID = [(16 + 32 * y, 16 + 32 * x) for y in range(8) for x in range(8)]


def nuclei(side, places, radius, heights, *, background=0.0, noise=0.0, seed=0):
    """Discs with soft edges on a noisy background, uint16."""
    y, x = np.mgrid[:side, :side]
    plane = np.zeros((side, side))
    for (middle_y, middle_x), height in zip(places, heights, strict=True):
        plane = np.maximum(plane, height * ((y - middle_y) ** 2 + (x - middle_x) ** 2 < radius**2))
    plane = gaussian_filter(plane, 1.0) + background
    plane += noise * np.random.default_rng(seed).normal(size=plane.shape)
    return np.clip(np.rint(plane), 0, 65535).astype(np.uint16)


def grain(sigma, *, amplitude=20.0, side=256, seed=0):
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), sigma)
    return np.clip(100 + amplitude * noise / noise.std(), 0, 255).astype(np.uint8)


def through_jpeg(plane, quality=30):
    file = io.BytesIO()
    Image.fromarray(plane).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


THREE = nuclei(512, [(100, 120), (300, 400), (420, 90)], 10, [200] * 3)
SIXTY_FOUR = nuclei(256, GRID, 8, [400] * 64, background=50, noise=8)


@pytest.mark.parametrize("zeros", [512, 1536])
def test_a_sparse_field_keeps_its_range_when_it_grows(zeros):
    grown = np.pad(THREE, ((0, zeros), (0, zeros)))
    alone, within = measure(THREE, ROBUST), measure(grown, ROBUST)
    assert within.high == pytest.approx(alone.high, rel=0.05) and within.low == alone.low
    assert measure(grown) == within, "percentiles have failed"


def test_two_nuclei_on_noise_among_zeros():
    part = nuclei(512, [(100, 120), (300, 400)], 12, [200] * 2, background=20, noise=5)
    assert measure(np.pad(part, ((0, 512), (0, 512))), ROBUST).high > 150


def test_a_single_nucleus_is_no_speck():
    alone = nuclei(256, [(200, 210)], 8, [90], background=10, noise=1.5)
    stats = measure(alone, ROBUST)
    assert stats.low < 11 and 80 < stats.high < 120


def test_saturated_specks_do_not_hide_the_others():
    speck = SIXTY_FOUR.copy()
    speck[120:134, 120:134] = 65535  # 0.3 % of the plane
    assert measure(speck, ROBUST).high == pytest.approx(measure(SIXTY_FOUR, ROBUST).high, rel=0.05)
    assert measure(speck) == measure(speck, ROBUST), "percentiles have failed"


@pytest.mark.parametrize("sigma", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("amplitude", [3.0, 5.0, 20.0])
@pytest.mark.parametrize("change", [np.asarray, through_jpeg])
def test_noise_of_any_grain_is_not_stretched(sigma, amplitude, change):
    plane = change(grain(sigma, amplitude=amplitude))
    for rule in (ROBUST, Normalisation()):
        shown = to_input(plane, measure(plane, rule))[0]
        assert np.ptp(gaussian_filter(shown, 2)) < 0.15, "nothing that could be an object"


def test_faint_nuclei_are_not_taken_for_noise():
    """Contrast three times the noise: a quarter of the range, as the floor of the noise gives."""
    for places in (GRID, GRID[::20]):
        faint = nuclei(256, places, 9, [30] * len(places), background=100, noise=10)
        stats = measure(faint, ROBUST)
        assert 30 / (stats.high - stats.low) > 0.2


@pytest.mark.parametrize("change", [lambda x: x, lambda x: 65535 - x], ids=["bright", "dark"])
def test_gain_and_offset_change_nothing(change):
    plane = change(SIXTY_FOUR).astype(np.float32)
    first = to_input(plane, measure(plane, ROBUST))
    second = to_input(7 * plane - 1000, measure(7 * plane - 1000, ROBUST))
    np.testing.assert_allclose(first, second, atol=1e-3)
    assert first.max() > 0.9 and first.min() < 0.1


@pytest.mark.parametrize(
    "plane",
    [
        np.zeros((1, 1)),
        np.ones((5, 7), np.uint8),
        np.full((40, 40), np.nan),
        np.where(np.eye(64) > 0, np.nan, np.arange(64.0)),
        np.where(np.eye(64) > 0, np.inf, np.arange(64.0)),
        np.arange(33 * 47 * 3).reshape(33, 47, 3),
    ],
)
def test_odd_planes_have_a_range(plane):
    stats = measure(plane, ROBUST)
    assert np.isfinite([stats.low, stats.high]).all() and stats.high > stats.low


@pytest.mark.parametrize("grain_", [0, 2])
def test_a_speck_does_not_make_noise_look_like_something(grain_):
    plane = grain(grain_, amplitude=10.0)
    plane[90:93, 40:43] = 255
    plane[200:202, 9:13] = 255
    shown = to_input(plane, measure(plane))[0]
    shown[88:95, 38:45] = shown[198:204, 7:15] = shown[0, 0]
    assert np.ptp(gaussian_filter(shown, 2)) < 0.15, "nothing that could be an object"


def test_ordinary_images_keep_the_range_of_the_percentiles(data_root):
    """The shipped weights were trained with that one."""
    for name in ("nuclei_dsb2018", "nuclei_tissue", "polyps_kvasir"):
        files = sorted((data_root / name / "train/images").iterdir())
        images = [read_image(path) for path in files[:: len(files) // 12]]
        widths = []
        for image in images:
            found, robust = measure(image), measure(image, ROBUST)
            low, high = np.percentile(image, (1, 99.8))
            assert found.low == pytest.approx(low, abs=1) and found.high >= high - 1
            widths.append((robust.high - robust.low) / (found.high - found.low))
        assert 0.9 < np.median(widths) < 1.15


def test_the_range_of_noise_is_told_in_intensities_of_the_image():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    assert measure(noise).high > 5000, "so that it is not stretched"
    assert reported_range(noise, measure(noise)) == (0, 255)
    assert reported_range(SIXTY_FOUR, measure(SIXTY_FOUR)) == (
        measure(SIXTY_FOUR).low,
        measure(SIXTY_FOUR).high,
    )
    constant = np.full((9, 9), 7, np.uint8)
    assert reported_range(constant, measure(constant)) == pytest.approx((7, 7), abs=1e-3)


def test_the_shipped_model_finds_three_nuclei_whatever_surrounds_them():
    model = load_model("nuclei", device="cpu")
    for plane in (THREE, np.pad(THREE, ((0, 512), (0, 512)))):
        assert segment(plane, model, level=2, scale=1.0).labels.max() == 3
