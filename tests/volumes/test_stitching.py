"""Objects found piece by piece are those of the whole plane, up to their numbers."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from napari_unetpp._types import DecodeRule, ModelInfo, NetConfig, Region
from napari_unetpp.engine.decode import labelling
from napari_unetpp.volumes.stitching import mask_shape, seams
from napari_unetpp.volumes.stitching.stitch import MARGIN, PieceDone, Stitched, stitch

INFO = ModelInfo("test", "instances", ("cell",), ("foreground", "distance"), NetConfig(outputs=2))
RULES = {
    "parts": DecodeRule(threshold=0.5, seeds="distance", seed_threshold=0.5),
    "peaks": DecodeRule(threshold=0.5, seeds="distance", seed_threshold=0.2, prominence=0.05),
    "share": DecodeRule(threshold=0.5, seeds="distance", seed_threshold=0.1, prominence_share=0.2),
    "certain": DecodeRule(
        threshold=0.5, seeds="distance", seed_threshold=0.2, prominence=0.05, certainty=1.5
    ),
}


def stitched(maps, info, side, **options):
    """Labels piece by piece; no piece may be read with more than the margin."""
    shape = maps.shape[1:]
    numbers = np.zeros(shape, np.int32)

    def read(region):
        by_mask = info.task == "instances" and info.decode.seeds == "mask"
        assert by_mask or max(region.shape) <= side + 2 * MARGIN
        return maps[:, *region.slices]

    *pieces, last = stitch(read, shape, info, numbers, side=side, **options)
    assert [piece.done for piece in pieces] == list(range(1, pieces[-1].total + 1))
    assert isinstance(last, Stitched)
    sizes = np.bincount(last.object_of[numbers].ravel(), minlength=2)[1:]
    assert ((sizes == last.sizes[1:]) | (last.sizes[1:] == 0)).all()
    assert (last.sizes[1:] > 0).all() or info.decode.certainty
    return last.labels(info.decode)[numbers]


def assert_same_objects(found, expected):
    assert found.max() == expected.max()
    np.testing.assert_array_equal(found > 0, expected > 0)
    pairs = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(expected)), "every object is one object, whatever its number"


def rough(seed, steps=None, shape=(70, 83)):
    """Maps like a coastline, with plateaus if they have few steps: parts wind through many pieces."""
    rng = np.random.default_rng(seed)
    maps = np.stack([ndimage.gaussian_filter(rng.normal(size=shape), sigma) for sigma in (3, 2)])
    maps = (maps / maps.std(axis=(1, 2), keepdims=True) / 4 + 0.55).clip(0, 1).astype(np.float32)
    return maps if steps is None else np.round(maps * steps).astype(np.float32) / np.float32(steps)


@pytest.mark.parametrize("side", [5, 16, 33, 100])
@pytest.mark.parametrize("steps", [None, 20, 4, 1])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_rough_landscapes(rule, steps, side):
    info = replace(INFO, decode=replace(rule, min_size=4))
    for seed in range(2):
        maps = rough(seed, steps)
        assert_same_objects(stitched(maps, info, side), labelling.labels(maps, info))


@pytest.mark.parametrize("side", [7, 32])
def test_connected_parts(side):
    """Without splitting, and of models that give classes."""
    maps = rough(0)
    info = replace(INFO, decode=RULES["peaks"])
    assert_same_objects(
        stitched(maps, info, side, split=False),
        labelling.labels(maps, info, replace(info.decode, split=False)),
    )
    semantic = replace(info, task="semantic", outputs=("cell",), decode=DecodeRule(min_size=30))
    parts = labelling.objects(maps[:1], semantic)
    expected = labelling.new_numbers(np.bincount(parts.ravel()), 30)[parts]
    assert_same_objects(stitched(maps[:1], semantic, side), expected)


def test_a_single_object_larger_than_many_pieces():
    """A spiral of one height, and a hill whose only summit is far away."""
    yy, xx = np.mgrid[:120, :120] - 60.0
    turn = (np.hypot(yy, xx) / 9 - np.arctan2(yy, xx) / (2 * np.pi)) % 1
    spiral = ((turn < 0.6) & (np.hypot(yy, xx) < 55)).astype(np.float32)
    for height in (spiral, spiral * (1 - np.hypot(yy, xx) / 100).astype(np.float32)):
        info = replace(INFO, decode=RULES["peaks"])
        maps = np.stack([spiral, height]).astype(np.float32)
        expected = labelling.labels(maps, info)
        assert_same_objects(stitched(maps, info, 16), expected)
    assert expected.max() < 5


@pytest.mark.parametrize("shape", [(1, 50), (50, 1), (16, 16), (17, 32), (3, 3)])
def test_small_planes(shape):
    info = replace(INFO, decode=replace(RULES["parts"], min_size=1))
    maps = rough(1, 20, shape)
    assert_same_objects(stitched(maps, info, 16), labelling.labels(maps, info))


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_nothing_and_everything(value):
    maps = np.full((2, 40, 40), value, np.float32)
    assert stitched(maps, replace(INFO, decode=RULES["peaks"]), 16).max() == value


def test_parts_are_joined_in_groups(monkeypatch):
    monkeypatch.setattr(seams, "AT_ONCE", 10)
    info = replace(INFO, decode=RULES["peaks"])
    maps = rough(2, 255)
    assert_same_objects(stitched(maps, info, 16), labelling.labels(maps, info))


def test_another_threshold():
    info = replace(INFO, decode=RULES["peaks"])
    maps = rough(3)
    assert_same_objects(
        stitched(maps, info, 16, threshold=0.7),
        labelling.labels(maps, info, replace(info.decode, threshold=0.7)),
    )


def test_stop_between_pieces():
    maps, numbers = rough(0), np.zeros((70, 83), np.int32)
    info = replace(INFO, decode=RULES["peaks"])
    seen = []
    for event in stitch(
        lambda r: maps[:, *r.slices], (70, 83), info, numbers, side=32, should_stop=lambda: len(seen) == 2
    ):
        seen.append(event)
    assert all(isinstance(event, PieceDone) for event in seen) and seen[-1].core == Region(0, 32, 32, 64)


@pytest.mark.parametrize("side", [16, 33, 100])
@pytest.mark.parametrize("prominence", [0.0, 0.05])
def test_objects_by_the_shape_of_the_mask(side, prominence, monkeypatch):
    """Heights there depend on the whole connected part, and on borders that may be far away."""
    monkeypatch.setattr(mask_shape, "FIRST_MARGIN", 2)
    info = replace(INFO, decode=DecodeRule(seeds="mask", min_size=4, prominence=prominence))
    for seed in range(3):
        maps = rough(seed)
        assert_same_objects(stitched(maps, info, side), labelling.labels(maps, info))


def maps_of(labels):
    """What a network would say of drawn objects, with the noise of one that has not learned it well."""
    rng = np.random.default_rng(0)
    border = (ndimage.maximum_filter(labels, 3) != labels) | (ndimage.minimum_filter(labels, 3) != labels)
    distance = np.minimum(ndimage.distance_transform_edt((labels > 0) & ~border), 9) / 9
    foreground = ndimage.gaussian_filter((labels > 0).astype(np.float32), 1)
    noise = ndimage.gaussian_filter(rng.normal(0, 0.3, labels.shape).astype(np.float32), 1.5)
    return np.stack([foreground, (distance + noise).clip(0, 1)]).astype(np.float32)


def test_dense_nuclei_on_a_large_mosaic(data_root, tmp_path):
    """2048 x 2048 px of real crowded nuclei, of which many touch; the numbers are kept on disk."""
    paths = sorted((data_root / "nuclei_colon").glob("*/labels/*"))
    fields = [tifffile.imread(path)[:512, :512] for path in paths[:16]]
    mosaic = np.zeros((2048, 2048), np.int64)
    for n, field in enumerate(fields):
        y, x = n // 4 * 512, n % 4 * 512
        mosaic[y : y + 512, x : x + 512] = np.where(field, field.astype(np.int64) + n * 10_000, 0)
    maps = maps_of(mosaic)
    numbers = np.memmap(tmp_path / "numbers", np.int32, "w+", shape=mosaic.shape)
    info = replace(INFO, decode=replace(RULES["peaks"], min_size=15))
    expected = labelling.labels(maps, info)
    assert expected.max() > 5000
    *_, last = stitch(lambda region: maps[:, *region.slices], mosaic.shape, info, numbers, side=600)
    assert_same_objects(last.labels(DecodeRule(min_size=15))[np.asarray(numbers)], expected)
