"""Labels part by part are those that a plane in memory gives."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_unetpp._types import DecodeRule, ModelInfo, NetConfig, Region, TileDone
from napari_unetpp.engine.decode.map_store import MapStore, as_stored
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.volumes.stitching.labels import image_labels
from napari_unetpp.volumes.stitching.stitch import stitch

RULE = DecodeRule(seeds="distance", seed_threshold=0.2, min_size=12, prominence=0.05)
INFO = ModelInfo(
    "test", "instances", ("cell",), ("foreground", "distance"), NetConfig(outputs=2), decode=RULE
)
CLASSES = replace(INFO, task="semantic", classes=("a", "b"), outputs=("background", "a", "b"))


def hills(count):
    rng = np.random.default_rng(0)
    maps = np.stack([ndimage.gaussian_filter(rng.normal(size=(90, 75)), 3) for _ in range(count)])
    return (maps / maps.std() / 4 + 0.5).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("shape", [(90, 75), (200, 161), (41, 40)], ids=["same", "finer", "coarser"])
@pytest.mark.parametrize("info", [INFO, CLASSES], ids=["instances", "classes"])
def test_parts_equal_the_plane(info, shape):
    maps = hills(len(info.outputs))
    if info is CLASSES:
        maps /= maps.sum(axis=0)
    maps = as_stored(maps)
    store = MapStore(maps.shape[1:], len(maps))
    store.add(TileDone(0, 4, Region.whole(maps.shape[1:]), maps, 1, 1))
    expected = PlaneResult(store, info, 4, shape, info.decode).labels()

    numbers = np.zeros(maps.shape[1:], np.int32)
    *_, last = stitch(lambda r: maps[:, *r.slices], numbers.shape, info, numbers, side=32)
    found = np.full(shape, 99, np.uint32)
    for region, part in image_labels(
        lambda r: maps[:, *r.slices], numbers, last.labels(info.decode), info, shape, side=37
    ):
        found[region.slices] = part
    if info is CLASSES:
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(found > 0, expected > 0)
    assert len(np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1).T) == len(np.unique(expected))
    assert expected.max() > 1
