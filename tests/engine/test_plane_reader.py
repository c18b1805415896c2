"""Tiles of a plane are resampled one by one, and equal the whole plane bit for bit."""

import numpy as np
import pytest
from skimage.transform import resize

from napari_unetpp._types import Region, UnetppError
from napari_unetpp.engine.input.normalise import NormStats
from napari_unetpp.engine.input.plane import PlaneReader
from napari_unetpp.engine.input.sampling import resample, working_shape

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 4000, (203, 310)).astype(np.uint16)
COLOUR = RNG.integers(0, 255, (120, 97, 3)).astype(np.uint8)
SCALES = (0.13, 0.37, 0.5, 0.999, 1.0, 1.4, 3.0)


class Counting:
    """An image that counts the pixels that are read of it."""

    def __init__(self, image):
        self.image, self.shape, self.dtype, self.read = image, image.shape, image.dtype, 0

    def __getitem__(self, where):
        part = self.image[where]
        self.read += part.shape[0] * part.shape[1]
        return part

    def __array__(self, *_args, **_options):
        raise AssertionError("the whole image was read")


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("image", [GREY, COLOUR, GREY.astype(np.float32)], ids=["grey", "colour", "floats"])
def test_a_region_is_that_of_the_whole(image, scale):
    whole = resample(image, scale)
    height, width = working_shape(image.shape, scale)
    for y0, x0, y1, x1 in (
        (0, 0, 7, 9),
        (height // 3, width // 4, height, width),
        (height - 5, 0, height, 11),
    ):
        part = resample(image, scale, Region(y0, x0, y1, x1))
        np.testing.assert_array_equal(part, whole[y0:y1, x0:x1])


@pytest.mark.parametrize("scale", [scale for scale in SCALES if scale != 1])
@pytest.mark.parametrize("image", [GREY, COLOUR], ids=["grey", "colour"])
def test_it_is_the_usual_resizing(image, scale):
    expected = resize(
        image.astype(np.float32),
        (*working_shape(image.shape, scale), *image.shape[2:]),
        order=1,
        mode="edge",
        anti_aliasing=scale < 1,
    )
    np.testing.assert_allclose(resample(image, scale), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("scale", [0.25, 1.0, 2.0])
def test_a_tile_reads_what_it_needs(scale):
    image = Counting(np.broadcast_to(GREY[:100, :100].max(), (40_000, 50_000)))
    reader = PlaneReader(image, scale, NormStats(0, 4000), 3)
    assert reader.shape == working_shape(image.shape, scale) and image.read == 0
    assert reader.read(Region(1000, 2000, 1256, 2256)).shape == (3, 256, 256)
    assert image.read <= (256 / scale + 16) ** 2


def test_pixels_without_a_value_are_zero():
    image = GREY.astype(np.float32)
    image[20:30] = np.nan
    assert (
        np.isfinite(resample(image, 0.5)).all()
        and np.isfinite(resample(image, 0.5, Region(5, 5, 20, 20))).all()
    )


def test_a_scale_out_of_range_is_refused():
    with pytest.raises(UnetppError, match="scale 1000"):
        PlaneReader(GREY, 1000, NormStats(0, 1), 3)
