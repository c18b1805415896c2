"""Specks: a few tiny things are none of the objects whose size is looked for."""

import numpy as np
import pytest

from napari_unetpp.api import load_model, segment
from napari_unetpp.engine.input.specks import FEW, without_specks


def noise(side, dtype=np.uint8, seed=0):
    return np.random.default_rng(seed).normal(40, 3, (side, side)).round().astype(dtype)


def with_specks(plane, places, value=255):
    plane = plane.copy()
    for y, x in places:
        plane[y : y + 3, x : x + 3] = value
    return plane


@pytest.fixture(scope="module")
def nuclei():
    return load_model("nuclei", device="cpu")


@pytest.mark.parametrize("side", [160, 256])
@pytest.mark.parametrize("places", [[], [(100, 100)], [(20, 30), (100, 140), (77, 5)]])
def test_noise_with_specks_has_no_object_size(nuclei, side, places):
    result = segment(with_specks(noise(side), places), nuclei, level=2)
    assert result.scale == 1.0 and result.scale_reason.startswith(("not sure", "nothing is seen"))


def test_a_speck_on_black_has_no_object_size(nuclei):
    result = segment(with_specks(np.zeros((256, 256), np.uint8), [(100, 100)]), nuclei, level=1)
    assert result.scale == 1.0 and result.scale_reason.startswith("not sure")


def test_a_nucleus_is_no_speck(nuclei):
    y, x = np.mgrid[:256, :256]
    plane = noise(256) + 150 * ((y - 120) ** 2 + (x - 100) ** 2 < 30**2).astype(np.uint8)
    result = segment(with_specks(plane, [(200, 200)]), nuclei, level=2)
    assert 0.2 < result.scale < 0.6 and result.labels.max() >= 1


@pytest.mark.parametrize("colour", [False, True])
def test_a_few_specks_are_filled_and_the_rest_is_as_before(colour):
    plane = with_specks(noise(64), [(10, 10), (30, 50)])
    plane[40:46, 5:25] = 200  # no speck
    plane[20, 20] = 0
    image = np.stack([plane] * 3, axis=-1) if colour else plane
    cleaned = without_specks(image, 30.0)
    filled = cleaned != image
    assert filled.any(axis=-1).sum() == 19 if colour else filled.sum() == 19
    assert cleaned[11, 11].max() < 60 and cleaned[20, 20].min() > 25 and (cleaned[40:46, 5:25] == 200).all()
    assert cleaned.dtype == image.dtype


def test_many_tiny_things_are_objects():
    places = [(y, x) for y in range(5, 250, 12) for x in range(5, 250, 12)]
    assert len(places) > FEW
    plane = with_specks(noise(256), places)
    assert without_specks(plane, 30.0) is plane
