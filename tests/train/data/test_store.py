"""Images in the memory of a device, read at any points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unetpp._types import UnetppError
from napari_unetpp.engine.input.sampling import resample
from napari_unetpp.train.data.augment import Warp, upright
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.data.store import ImageStore, from_bytes, pack, to_bytes, unpack


def store_of(samples: list[Sample]) -> ImageStore:
    labels = [pack(s.labels, [s.ignore], s.stem) for s in samples]
    return ImageStore([s.image for s in samples], labels, "cpu")


def in_the_middle(samples: list[Sample]) -> Warp:
    """A patch over the middle of every image, neither turned nor mirrored."""
    return upright(range(len(samples)), np.array([(np.array(s.labels.shape) - 1) / 2 for s in samples]))


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
    found, packed = store_of(nuclei).read(in_the_middle(nuclei), 64, "reflection")
    labels, ignore = unpack(packed, 1)
    assert found.shape == (len(nuclei), 3, 64, 64) and not ignore.any()
    for n, sample in enumerate(nuclei):
        expected = np.broadcast_to(middle(sample.image, 64), (3, 64, 64)).astype(np.float32)
        np.testing.assert_allclose(found[n].numpy(), expected, atol=0.013)
        np.testing.assert_array_equal(labels[n, 0].numpy(), middle(sample.labels, 64))


def test_an_exact_store_keeps_what_bytes_round(nuclei: list[Sample]) -> None:
    sample = nuclei[0]
    store = ImageStore([sample.image], [pack(sample.labels, [], "a")], "cpu", exact=True)
    found, _ = store.read(in_the_middle([sample]), 64, "reflection")
    expected = np.broadcast_to(middle(sample.image, 64), (3, 64, 64)).astype(np.float32)
    np.testing.assert_allclose(found[0].numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("level", [1, 2])
def test_a_smaller_copy_is_as_inference_makes_it(nuclei: list[Sample], level: int) -> None:
    """Halved images equal what `resample` gives, but for the smoothing."""
    sample = max(nuclei, key=lambda s: s.labels.size)
    part = slice(256), slice(256)
    sample = replace(
        sample, image=sample.image[:1, *part], labels=sample.labels[part], ignore=sample.ignore[part]
    )
    warp = in_the_middle([sample])
    warp = replace(warp, matrix=warp.matrix * 2**level, level=np.array([level]))
    found = store_of([sample]).read(warp, 32, "reflection")[0][0, 0].numpy()
    expected = middle(resample(sample.image[0].astype(np.float32), 2**-level), 32)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99
    assert abs(found - expected).mean() < 0.02


def test_ignored_pixels_and_large_labels_come_through(nuclei: list[Sample]) -> None:
    sample = replace(nuclei[0], ignore=nuclei[0].labels == 3, labels=nuclei[0].labels * 100_000)
    labels, ignore = unpack(store_of([sample]).read(in_the_middle([sample]), 200, "reflection")[1], 1)
    np.testing.assert_array_equal(labels[0, 0].numpy(), middle(sample.labels, 200))
    np.testing.assert_array_equal(ignore[0, 0].numpy(), middle(sample.ignore, 200))
    assert ignore.any()


def test_masks_come_out_of_the_numbers_they_were_packed_into(nuclei: list[Sample]) -> None:
    labels, rng = nuclei[0].labels, np.random.default_rng(0)
    masks = [rng.random(labels.shape) < 0.5 for _ in range(4)]
    found, *flags = unpack(pack(labels, masks, "a").long(), 4)
    np.testing.assert_array_equal(found.numpy(), labels)
    for flag, mask in zip(flags, masks, strict=True):
        np.testing.assert_array_equal(flag.numpy(), mask)
    with pytest.raises(UnetppError, match="a has label 134217728; expected at most 134217727"):
        pack(np.array([[2**27]]), masks[:4], "a")


def test_beyond_the_image_lies_its_reflection_or_nothing(nuclei: list[Sample]) -> None:
    sample = nuclei[0]
    size = 2 * max(sample.labels.shape)
    store, warp = store_of([sample]), in_the_middle([sample])
    height, width = sample.labels.shape
    y, x = (size - height) // 2, (size - width) // 2
    mirrored = unpack(store.read(warp, size, "reflection")[1], 1)[0][0, 0].numpy()
    np.testing.assert_array_equal(mirrored[y - 9 : y], mirrored[y : y + 9][::-1])
    black, packed = store.read(warp, size, "zeros")
    nothing = unpack(packed, 1)[0][0, 0]
    assert not black[0, :, : y - 1].any() and not nothing[: y - 1].any()
    np.testing.assert_array_equal(nothing[y : y + height, x : x + width].numpy(), sample.labels)
