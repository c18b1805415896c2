"""Images in the memory of a device, read at any points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unetpp.engine.input.sampling import resample
from napari_unetpp.train.data.placement import Placed
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.data.store import ImageStore, from_bytes, to_bytes


def at_rest(samples: list[Sample], size: int, *, zoom: float = 1.0, level: int = 0) -> Placed:
    """A patch over the middle of every image, neither turned nor mirrored."""
    middles = np.array([(np.array(s.labels.shape) - 1) / 2 for s in samples])
    matrix = np.tile(np.eye(2) / zoom, (len(samples), 1, 1))
    return Placed(np.arange(len(samples)), middles, matrix, np.full(len(samples), level))


def middle(plane: np.ndarray, size: int) -> np.ndarray:
    y, x = ((side - size) // 2 for side in plane.shape[-2:])
    return plane[..., y : y + size, x : x + size]


def test_bytes_keep_dim_intensities_fine() -> None:
    x = torch.linspace(-0.5, 2, 5001)
    error = (from_bytes(to_bytes(x)) - x).abs()
    assert error.max() < 0.013
    assert error[(x > 0) & (x < 0.1)].max() < 0.003, "0.1 is a nucleus a tenth as bright as others"
    assert from_bytes(to_bytes(torch.zeros(1))).abs() < 1e-4


def test_an_image_is_read_as_it_is(nuclei: list[Sample]) -> None:
    store = ImageStore(nuclei, "cpu")
    placed = at_rest(nuclei, 64)
    points, which = placed.points(64, "cpu"), torch.from_numpy(placed.which)
    found = store.images(which, points, torch.from_numpy(placed.level), "reflection")
    labels, ignore = store.labels(which, points, "reflection")
    assert found.shape == (len(nuclei), 3, 64, 64) and not ignore.any()
    for n, sample in enumerate(nuclei):
        expected = np.broadcast_to(middle(sample.image, 64), (3, 64, 64)).astype(np.float32)
        np.testing.assert_allclose(found[n].numpy(), expected, atol=0.013)
        np.testing.assert_array_equal(labels[n, 0].numpy(), middle(sample.labels, 64))


@pytest.mark.parametrize("level", [1, 2])
def test_a_smaller_copy_is_as_inference_makes_it(nuclei: list[Sample], level: int) -> None:
    """Halved images equal what `resample` gives, but for the smoothing."""
    sample = max(nuclei, key=lambda s: s.labels.size)
    part = slice(256), slice(256)
    sample = replace(
        sample, image=sample.image[:1, *part], labels=sample.labels[part], ignore=sample.ignore[part]
    )
    shrunk = 2**-level
    store, placed = ImageStore([sample], "cpu"), at_rest([sample], 32, zoom=shrunk, level=level)
    points = placed.points(32, "cpu")
    found = store.images(torch.tensor([0]), points, torch.tensor([level]), "reflection")[0, 0].numpy()
    expected = middle(resample(sample.image[0].astype(np.float32), shrunk), 32)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99
    assert abs(found - expected).mean() < 0.02


def test_ignored_pixels_and_large_labels_come_through(nuclei: list[Sample]) -> None:
    sample = replace(nuclei[0], ignore=nuclei[0].labels == 3, labels=nuclei[0].labels * 100_000)
    placed = at_rest([sample], 200)
    labels, ignore = ImageStore([sample], "cpu").labels(
        torch.tensor([0]), placed.points(200, "cpu"), "reflection"
    )
    np.testing.assert_array_equal(labels[0, 0].numpy(), middle(sample.labels, 200))
    np.testing.assert_array_equal(ignore[0, 0].numpy(), middle(sample.ignore, 200))
    assert ignore.any()


def test_beyond_the_image_lies_its_reflection_or_nothing(nuclei: list[Sample]) -> None:
    sample = nuclei[0]
    size = 2 * max(sample.labels.shape)
    store, points = ImageStore([sample], "cpu"), at_rest([sample], size).points(size, "cpu")
    first, level = torch.tensor([0]), torch.tensor([0])
    height, width = sample.labels.shape
    y, x = (size - height) // 2, (size - width) // 2
    mirrored = store.labels(first, points, "reflection")[0][0, 0].numpy()
    np.testing.assert_array_equal(mirrored[y - 9 : y], mirrored[y : y + 9][::-1])
    black = store.images(first, points, level, "zeros")[0]
    nothing = store.labels(first, points, "zeros")[0][0, 0]
    assert not black[:, : y - 1].any() and not nothing[: y - 1].any()
    np.testing.assert_array_equal(nothing[y : y + height, x : x + width].numpy(), sample.labels)
