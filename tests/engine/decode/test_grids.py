"""Back on the grid of the image: the outline of the foreground, the objects of the working grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from skimage.transform import resize

from napari_unetpp._types import DecodeRule, ModelInfo, NetConfig, Region, TileDone
from napari_unetpp.engine.decode import labelling, plane_result
from napari_unetpp.engine.decode.click import object_at, objects_inside
from napari_unetpp.engine.decode.grids import Grids
from napari_unetpp.engine.decode.map_store import MapStore
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.decode.window import stored_window
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.models.model_list import SHIPPED

INFO = ModelInfo(
    "test",
    "instances",
    ("nucleus",),
    ("foreground", "edge_distance"),
    NetConfig(outputs=2),
    decode=DecodeRule(0.5, "edge_distance", 0.0, 12, 1 / 9),
)
IMAGES = [(97, 121), (199, 240), (260, 310), (520, 605)]
"""Shapes of images on a working grid of 199 x 240 px: scales 2.06, 1, 0.77 and 0.38."""


@pytest.fixture(scope="module")
def maps():
    """Maps of crowded nuclei as a network might give them: smooth, and unsure in places."""
    part = read_image(SHIPPED.parent / "samples" / "dense_fluorescence.png")[:199, :240].astype(float)
    rng = np.random.default_rng(0)
    found = ndimage.gaussian_filter(1.0 * (part > 40), 0.8)
    inside = np.minimum(ndimage.distance_transform_edt(part > 40) / 9, 1)
    noise = ndimage.gaussian_filter(rng.normal(size=part.shape), 1.5)
    return np.stack([found, (inside + 0.2 * noise).clip(0, 1)]).astype(np.float32)


def plane(maps, shape, info=INFO, **options):
    store = MapStore(maps.shape[1:], maps.shape[0], dtype=np.float32)
    store.add(TileDone(0, 4, Region.whole(maps.shape[1:]), maps, 1, 1))
    return PlaneResult(store, info, 4, shape, info.decode, **options)


def windows(shape):
    h, w = shape
    return Region(0, 0, h // 3, w // 2), Region(h // 3, w // 4, h // 2, w - 3), Region(h - 9, w - 17, h, w)


@pytest.mark.parametrize("shape", IMAGES)
def test_maps_are_interpolated_bit_for_bit_alike_in_a_window(maps, shape):
    grids = Grids(maps.shape[1:], shape)
    whole = grids.maps(maps, Region.whole(maps.shape[1:]), Region.whole(shape))
    resized = [resize(m, shape, order=1, mode="edge", anti_aliasing=False) for m in maps]
    np.testing.assert_allclose(whole, resized, atol=1e-5)
    assert whole.dtype == np.float32
    for window in windows(shape):
        part = grids.under(window)
        found = grids.maps(maps[:, *part.slices], part, window)
        np.testing.assert_array_equal(found, whole[:, *window.slices])


@pytest.mark.parametrize("shape", IMAGES)
def test_objects_fill_the_mask(maps, shape):
    every = plane(maps, shape, decode_with(min_size=0))
    mask = every.mask()
    np.testing.assert_array_equal(every.labels() > 0, mask)
    np.testing.assert_array_equal(mask, every.probability()[0] >= 0.5)


def decode_with(**changes):
    return replace(INFO, decode=replace(INFO.decode, **changes))


@pytest.mark.parametrize("shape", IMAGES)
def test_objects_and_their_size_do_not_depend_on_the_image(maps, shape):
    """Magnified twice, an image once had twice as many seeds, and specks above the minimum size."""
    expected = labelling.labels(maps, INFO)
    found = plane(maps, shape).labels()
    assert found.dtype == np.uint32 and found.max() == np.unique(found).size - 1
    lost = expected.max() - found.max()
    assert lost == 0 if shape >= maps.shape[1:] else lost <= 0.03 * expected.max()
    grids = Grids(maps.shape[1:], shape)
    here = np.array([grids.at(y, x) for y, x in np.argwhere(found)[::7]])
    pairs = np.stack([found[found > 0][::7], expected[tuple(here.T)]])
    both = pairs[:, pairs[1] > 0]
    assert both.shape[1] > 0.9 * pairs.shape[1]
    assert np.unique(both, axis=1).shape[1] == np.unique(both[0]).size, "one object is one object"


def test_nothing_changes_where_the_grids_are_one(maps):
    np.testing.assert_array_equal(plane(maps, maps.shape[1:]).labels(), labelling.labels(maps, INFO))


@pytest.mark.parametrize("shape", IMAGES)
@pytest.mark.parametrize("task", ["instances", "semantic"])
def test_blocks_and_bands_equal_the_whole(maps, shape, task, monkeypatch):
    info = INFO
    if task == "semantic":
        info = replace(INFO, task=task, classes=("a", "b"), outputs=("background", "a", "b"))
        maps = np.stack([1 - maps[0], maps[0] * maps[1], maps[0] * (1 - maps[1])])
    whole = plane(maps, shape, info).labels()
    monkeypatch.setattr(plane_result, "BLOCK", 50)
    monkeypatch.setattr(plane_result, "BAND", 37)
    found = plane(maps, shape, info).labels()
    assert whole.max() > (20 if task == "instances" else 1)
    if task == "semantic":
        np.testing.assert_array_equal(found, whole)
    pairs = np.unique(np.stack([found.ravel(), whole.ravel()]), axis=1)
    assert pairs.shape[1] == whole.max() + 1 == found.max() + 1


@pytest.mark.parametrize("shape", IMAGES)
def test_a_click_gives_the_object_of_the_whole_plane(maps, shape):
    result = plane(maps, shape, decode_with(min_size=0))
    labels = result.labels()
    window = Region(shape[0] // 8, shape[1] // 8, shape[0] - 3, shape[1] - 5)
    part = stored_window(result.store, 4, window, shape)
    inner = labels[window.slices]
    border = np.unique(np.concatenate([inner[0], inner[-1], inner[:, 0], inner[:, -1]]))
    numbers = np.setdiff1d(np.unique(inner), border)
    assert numbers.size > 10
    for number in numbers[:: numbers.size // 8]:
        y, x = np.argwhere(inner == number)[np.count_nonzero(inner == number) // 2]
        np.testing.assert_array_equal(object_at(part, INFO, INFO.decode, int(y), int(x)) > 0, inner == number)


@pytest.mark.parametrize("shape", IMAGES)
def test_a_box_gives_the_objects_of_the_whole_plane(maps, shape):
    result = plane(maps, shape)
    labels = result.labels()
    whole = Region.whole(shape)
    inside = np.zeros(shape, bool)
    inside[: shape[0] // 2, shape[1] // 4 :] = True
    found = objects_inside(stored_window(result.store, 4, whole, shape), INFO, INFO.decode, inside)
    assert 3 < np.unique(found).size < np.unique(labels).size
    assert set(np.unique(labels[found > 0])) == {
        n for n in np.unique(labels)[1:] if 2 * (inside & (labels == n)).sum() > (labels == n).sum()
    }
    np.testing.assert_array_equal(found > 0, np.isin(labels, np.unique(labels[found > 0])[:]))


def test_pixels_without_a_value_part_objects(maps):
    for shape in IMAGES:
        invalid = np.zeros(shape, bool)
        invalid[shape[0] // 2 : shape[0] // 2 + shape[0] // 20] = True
        result = plane(maps, shape, invalid=invalid)
        assert not result.labels()[invalid].any()
        assert result.labels().max() == np.unique(result.labels()).size - 1


def test_where_a_pixel_of_the_image_lies():
    grids = Grids((10, 10), (40, 20))
    assert grids.at(0, 0) == (0, 0) and grids.at(39, 19) == (9, 9) and grids.at(21, 9) == (5, 4)
