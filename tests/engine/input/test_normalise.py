"""The intensity range of one plane."""

import numpy as np
import pytest

from napari_unetpp.engine.input.normalise import measure
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import SHIPPED

SHARES = 1.0, 99.8


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("name", ["dense_fluorescence", "histology"])
def test_percentiles_are_those_of_the_pixels(name, dtype):
    """They are counted where there are few values, and sorted where there are many."""
    image = read_image(SHIPPED.parent / "samples" / f"{name}.png").astype(dtype) * (
        1 if dtype == "uint8" else 7
    )
    found = measure(image)
    expected = np.percentile(image.astype(np.float64), SHARES)
    assert (found.low, found.high) == pytest.approx(tuple(expected), rel=1e-6)


def test_a_single_pixel_has_a_range():
    found = measure(np.full((1, 1), 9, np.uint8))
    assert found.low == 9 < found.high
