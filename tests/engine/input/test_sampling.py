"""Resampling, against scikit-image."""

import numpy as np
import pytest
from skimage.transform import resize

from napari_unetpp.engine.input.sampling import resample, resample_labels


@pytest.mark.parametrize("shape", [(41, 67), (30, 52, 3), (33, 20, 1)])
@pytest.mark.parametrize("scale", [0.37, 0.5, 1.02, 1.4, 2.0, 3.3])
def test_images_are_resampled_as_by_scikit_image(shape, scale):
    image = np.random.default_rng(0).integers(0, 60_000, shape).astype(np.uint16)
    found = resample(image, scale)
    expected = resize(image.astype(np.float32), found.shape, order=1, mode="edge", anti_aliasing=scale < 1)
    assert found.shape == (round(shape[0] * scale), round(shape[1] * scale), *shape[2:])
    assert found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, expected, atol=1e-4 * 60_000)


@pytest.mark.parametrize("new", [(20, 33), (41, 60), (97, 201), (1, 1)])
@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int32, np.uint32])
def test_labels_are_resampled_as_by_scikit_image(new, dtype):
    labels = np.random.default_rng(0).integers(0, 200, (41, 67)).astype(dtype)
    expected = resize(labels.astype(np.float64), new, order=0, mode="edge", anti_aliasing=False)
    found = resample_labels(labels, new)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected.astype(dtype))


def test_what_is_not_finite_is_resampled_as_zero():
    image = np.array([[np.nan, 1.0], [1.0, np.inf]])
    assert np.isfinite(resample(image, 2.0)).all()
