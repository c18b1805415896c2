"""One object for every summit that stands out, in landscapes of real nuclei and in drawn ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from skimage.morphology import reconstruction
from skimage.segmentation import watershed

from napari_unetpp._types import DecodeRule
from napari_unetpp.engine.decode.watershed import find_basins, is_prominent
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import SHIPPED

SQUARE = np.ones((3, 3))


def rule(prominence=0.0, share=0.0, least=0.0):
    return DecodeRule(seed_threshold=least, prominence=prominence, prominence_share=share)


def objects(height, chosen, region=None):
    region = height > 0 if region is None else region
    basins = find_basins(height.astype(np.float32), region)
    return basins.image(basins.objects(chosen))


@pytest.fixture(scope="module")
def nuclei():
    """Foreground of crowded nuclei, and a rough landscape with many summits in it, in (0, 1]."""
    found = read_image(SHIPPED.parent / "samples" / "dense_fluorescence.png") > 40
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(found), 1.0)
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=found.shape), 2)
    height = (distance / distance.max() + 0.3 * noise).clip(0.01, 1)
    return found, np.where(found, height, 0).astype(np.float32)


@pytest.mark.parametrize(
    ("peak", "height", "chosen", "expected"),
    [
        (0.5, 0.4, rule(0.1), True),
        (0.5, 0.41, rule(0.1), False),
        (0.5, 0.2, rule(0.1, least=0.6), False),
        (0.5, 0.4, rule(share=0.1), True),
        (0.9, 0.8, rule(share=0.2), False),
        (0.9, 0.6, rule(0.05, 0.2), True),
        (0.2, 0.15, rule(0.1, 0.2), False),
        (0.6, 0.5, rule(least=0.5), True),
        (0.6, 0.51, rule(least=0.5), False),
        (0.5, 0.1, rule(least=0.6), False),
    ],
)
def test_what_is_prominent(peak, height, chosen, expected):
    assert is_prominent(peak + 1e-9, height, chosen) == expected


@pytest.mark.parametrize("prominence", [0.03, 0.1, 0.3])
def test_objects_are_the_maxima_that_rise_far_enough(nuclei, prominence):
    """As many as there are h-maxima, and each holds one; a part of the mask without any is an object, too."""
    found, height = nuclei
    passes = reconstruction(height - np.float32(prominence), height, footprint=SQUARE)
    tops, count = ndimage.label(height - passes >= 0.999 * prominence, SQUARE)
    labels = objects(height, rule(prominence), found)
    assert count > 50
    pairs = np.unique(np.stack([tops[tops > 0], labels[tops > 0]]), axis=1)
    assert pairs.shape[1] == count == np.unique(pairs[1]).size, "one maximum, one object"
    parts, _ = ndimage.label(found)
    without = np.setdiff1d(np.unique(parts), np.unique(parts[tops > 0]))
    assert labels.max() == count + without.size - 1


def test_objects_are_those_of_an_eight_connected_flooding(nuclei):
    found, height = nuclei
    labels = objects(height, rule(0.05), found)
    summits = ndimage.maximum_position(height, labels, np.arange(1, labels.max() + 1))
    seeds = np.zeros(labels.shape, np.int32)
    seeds[tuple(np.transpose(summits))] = np.arange(1, labels.max() + 1)
    flooded = watershed(-height, seeds, mask=found, connectivity=2)
    assert labels.max() > 100
    assert (labels == flooded)[found].mean() > 0.98


def test_every_pixel_of_the_region_has_an_object_and_no_other(nuclei):
    found, height = nuclei
    np.testing.assert_array_equal(objects(height, rule(0.05), found) > 0, found)


def test_a_part_alone_is_as_in_the_whole(nuclei):
    found, height = nuclei
    whole = objects(height, rule(0.05), found)
    parts, count = ndimage.label(found)
    for number in np.argsort(np.bincount(parts[found]))[-5:]:
        box = ndimage.find_objects(parts)[number - 1]
        part = parts[box] == number
        alone = objects(height[box], rule(0.05), part)
        pairs = np.unique(np.stack([alone[part], whole[box][part]]), axis=1)
        assert pairs.shape[1] == alone.max() == np.unique(pairs[1]).size
    assert count > 20


def test_a_flat_top_is_one_object():
    """A separating map is 1 all over the inside of a large object."""
    height = np.zeros((40, 60))
    height[5:35, 5:55] = 0.5
    height[8:32, 8:24] = height[8:32, 36:52] = 1
    labels = objects(height, rule(0.1))
    assert labels.max() == 2
    assert len(np.unique(labels[8:32, 8:24])) == len(np.unique(labels[8:32, 36:52])) == 1


def test_a_step_of_a_slope_is_no_object():
    height = np.minimum(np.arange(1.0, 41), 20)[None] * np.ones((30, 1))
    height[:, 30:] = 25
    height[10:14, 10:20] = height[10, 10]
    assert objects(height / 40, rule(1e-6)).max() == 1


def test_a_flat_landscape_is_quick_and_gives_the_parts_of_the_mask():
    region = np.zeros((600, 600), bool)
    region[10:290, 10:590] = region[310:590, 10:590] = True
    labels = objects(np.full(region.shape, 0.7), rule(0.1), region)
    assert labels.max() == 2


def test_parts_that_meet_at_a_corner_are_apart():
    height = np.zeros((20, 20))
    height[2:10, 2:10] = height[10:18, 10:18] = 1
    assert objects(height, rule(0.5)).max() == 2
    assert objects(height, rule(0.5)).astype(bool).sum() == 128


def test_nothing_gives_nothing():
    assert not objects(np.zeros((7, 9)), rule(0.1)).any()
    assert not objects(np.zeros((0, 9)), rule(0.1)).any()


@pytest.mark.parametrize("degrees", [20, 30, 60, 75])
def test_a_slanted_border_has_no_straight_steps(degrees):
    """A four-connected watershed gave borders of 8 px and more along the axes."""
    y, x = np.mgrid[-40:41, -40:41]
    dy, dx = 13 * np.sin(np.radians(degrees)), 13 * np.cos(np.radians(degrees))
    cones = [1 - np.hypot(y - s * dy, x - s * dx) / 25 for s in (1, -1)]
    height = np.maximum(*cones).clip(0)
    labels = objects(height, rule(0.1))
    assert labels.max() == 2
    ideal = (cones[0] > cones[1])[height > 0]
    assert (labels[height > 0] == labels[labels.shape[0] // 2 + round(dy), 40 + round(dx)])[
        ideal
    ].mean() > 0.98
    longest = 0
    for grid in (labels, labels.T):
        border = (grid[:, 1:] != grid[:, :-1]) & (grid[:, 1:] > 0) & (grid[:, :-1] > 0)
        for line in border.T:
            edges = np.flatnonzero(np.diff(np.concatenate([[0], line, [0]])))
            longest = max(longest, *(edges[1::2] - edges[::2]), 0)
    assert longest < 8
