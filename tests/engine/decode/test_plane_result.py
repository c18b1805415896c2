"""Results on the input grid: bands and blocks equal the whole, odd pixels are background."""

from dataclasses import replace

import numpy as np
import pytest
from untrained import collect

from napari_unetpp._types import DecodeRule, ModelInfo, NetConfig, Region, TileDone, UnetppError
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.decode import labelling, plane_result
from napari_unetpp.engine.decode.map_store import MAP_DTYPE, MapStore
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.level import resolve_level

INFO = ModelInfo(
    "test",
    "instances",
    ("cell",),
    ("foreground", "distance"),
    NetConfig(outputs=2),
    decode=DecodeRule(seeds="distance", min_size=5),
)


def discs(shape, count=60, seed=0):
    """Maps of touching discs: foreground, and a distance that is 1 in the middle of each."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[: shape[0], : shape[1]]
    distance = np.zeros(shape, np.float32)
    for y, x, r in zip(*(rng.integers(0, n, count) for n in shape), rng.integers(3, 9, count), strict=True):
        distance = np.maximum(distance, 1 - np.hypot(yy - y, xx - x) / r)
    distance += rng.uniform(0, 1e-3, shape) * (distance > 0)  # of equal peaks either may win a pixel between
    return np.stack([np.minimum(distance * 4, 1), distance]).astype(np.float32)


def stored(maps, shape=None, info=INFO, **options):
    store = MapStore(maps.shape[1:], maps.shape[0], dtype=np.float32)
    store.add(TileDone(0, 4, Region.whole(maps.shape[1:]), maps, 1, 1))
    return PlaneResult(store, info, 4, shape or maps.shape[1:], info.decode, **options)


def test_bands_equal_the_whole(monkeypatch):
    maps = discs((100, 90))
    monkeypatch.setattr(plane_result, "BAND", 7)
    found = stored(maps)
    np.testing.assert_array_equal(found.mask(), labelling.mask(maps, INFO))
    np.testing.assert_array_equal(found.probability(), maps[:1])


@pytest.mark.parametrize("shape", [(100, 90), (143, 129)])
def test_uncertainty_by_bands_equals_the_whole(monkeypatch, shape):
    found = stored(discs((100, 90)), shape)
    whole = found.uncertainty()
    monkeypatch.setattr(plane_result, "BAND", 7)
    np.testing.assert_array_equal(found.uncertainty(), whole)
    assert whole.shape == shape and whole.max() > 0.9


RULES = {
    "parts": DecodeRule(seeds="distance", min_size=5),
    "peaks": DecodeRule(seeds="distance", seed_threshold=0.2, min_size=5, prominence=0.05),
    "mask": DecodeRule(seeds="mask", min_size=5),
    "certain": DecodeRule(seeds="distance", seed_threshold=0.2, min_size=5, prominence=0.05, certainty=1.4),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("seed", range(3))
def test_blocks_equal_the_whole_up_to_numbering(monkeypatch, rule, seed):
    info = replace(INFO, decode=rule)
    maps = discs((150, 130), count=70, seed=seed)
    if rule.certainty:
        maps[0] *= np.linspace(0.55, 1, 130, dtype=np.float32)
    expected = labelling.labels(maps, info)
    everything = labelling.labels(maps, replace(info, decode=replace(rule, certainty=0.0)))
    assert (expected.max() < everything.max()) == (rule.certainty > 0)
    monkeypatch.setattr(plane_result, "BLOCK", 40)
    found = stored(maps, info=info).labels()
    assert found.max() == expected.max()
    np.testing.assert_array_equal(found > 0, expected > 0)
    pairs = np.unique(np.stack([found.ravel(), expected.ravel()]), axis=1)
    assert pairs.shape[1] == expected.max() + 1, "every object is one object, whatever its number"


def same_up_to_numbering(a, b):
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return pairs.shape[1] == len(np.unique(a)) == len(np.unique(b))


def test_where_memory_runs_out_smaller_pieces_are_tried(monkeypatch):
    """Once, everything that the network had done was lost."""
    maps = discs((200, 180), count=120)
    expected, mask = labelling.labels(maps, INFO), labelling.mask(maps, INFO)
    sizes = []

    def scarce(real):
        def work(maps, *rest, **options):
            sizes.append(maps[0].size)
            if maps[0].size > 2500:
                raise MemoryError
            return real(maps, *rest, **options)

        return work

    for name in ("objects", "reaches", "foreground"):
        monkeypatch.setattr(labelling, name, scarce(getattr(labelling, name)))
    monkeypatch.setattr(plane_result, "BLOCK", 128)
    monkeypatch.setattr(plane_result, "BAND", 40)
    found = stored(maps)
    assert same_up_to_numbering(found.labels(), expected)
    assert max(sizes) > 2500
    np.testing.assert_array_equal(found.mask(), mask)
    np.testing.assert_array_equal(found.probability(), maps[:1])
    assert same_up_to_numbering(found.labels(), expected), "the maps are still there"


def test_what_fits_in_no_piece_is_an_error_that_leaves_the_maps(monkeypatch):
    found = stored(discs((60, 60)))
    with monkeypatch.context() as patch:
        patch.setattr(labelling, "objects", lambda *_, **__: np.empty((1 << 23, 1 << 23)))
        with pytest.raises(MemoryError):
            found.labels()
    assert found.labels().max() > 10


def test_peaks_split_what_one_threshold_joins():
    yy, xx = np.mgrid[:30, :50]
    centre = np.maximum(*(np.exp(-((yy - 15) ** 2 + (xx - x) ** 2) / 72) for x in (18, 30))).astype(
        np.float32
    )
    maps = np.stack([(centre > 0.2).astype(np.float32), centre])
    for prominence, objects in ((0.0, 1), (0.05, 2)):
        rule = DecodeRule(seeds="distance", seed_threshold=0.3, prominence=prominence)
        assert labelling.labels(maps, replace(INFO, decode=rule)).max() == objects


def test_an_object_that_is_nowhere_certain_is_dropped():
    """As the threshold is lowered, fainter objects come, and none goes."""
    p = np.full((40, 60), 0.01, np.float32)
    p[5:15, 5:15], p[9, 9] = 0.65, 0.96
    p[25:35, 30:42] = 0.85
    p[25:35, 42:44] = 0.99
    p[5:15, 30:40] = 0.8
    maps, rule = np.stack([p, p]), DecodeRule(0.6, seeds="mask", certainty=2.5)
    assert rule.sure_from == pytest.approx(0.948, abs=1e-3)
    assert DecodeRule(0.65).sure_from == 0.65
    found = labelling.labels(maps, INFO, rule)
    assert found.max() == 2 and found[10, 10] and found[30, 31] and not found[10, 35]
    assert (found > 0).sum() == 100 + 140, "all of an object is kept"
    np.testing.assert_array_equal(stored(maps, info=replace(INFO, decode=rule)).labels(), found)
    assert labelling.labels(maps, INFO, replace(rule, threshold=0.2)).max() == 3
    assert labelling.labels(maps, INFO, replace(rule, certainty=0.0)).max() == 3


@pytest.mark.parametrize("scale", [1, 2])
def test_holes_are_filled_of_certain_objects_only(scale):
    p = np.full((40, 60), 0.01, np.float32)
    p[5:15, 5:15], p[5:15, 30:40] = 0.98, 0.8
    p[8:11, 8:11] = p[8:11, 33:36] = 0.1
    rule = DecodeRule(0.6, seeds="mask", certainty=2.5, fill_holes=True)
    shape = (40 * scale, 60 * scale)
    found = stored(np.stack([p, p]), shape, info=replace(INFO, decode=rule)).labels()
    assert found.max() == 1 and found[9 * scale, 9 * scale] and not found[:, 30 * scale :].any()


def test_blocks_of_an_empty_plane(monkeypatch):
    monkeypatch.setattr(plane_result, "BLOCK", 40)
    assert not stored(np.zeros((2, 100, 100), np.float32)).labels().any()


def test_results_return_on_the_input_grid():
    found = stored(discs((50, 60)), (101, 119))
    for result in (found.mask(), found.labels(), found.probability()[0], found.uncertainty()):
        assert result.shape == (101, 119)
    assert found.labels().dtype == np.uint32


def test_pixels_without_a_value_are_background():
    invalid = np.zeros((50, 60), bool)
    invalid[10:20] = True
    found = stored(np.ones((2, 50, 60), np.float32), invalid=invalid)
    for result in (found.mask(), found.labels(), found.probability()[0]):
        assert not result[invalid].any()
        assert result[~invalid].all()


def test_nan_image_through_the_network(tiny):
    image = np.random.default_rng(0).random((40, 50))
    image[5:9, 5:9] = np.nan
    found = predict_maps(image, tiny, level=1)
    assert not found.probability()[0, 5:9, 5:9].any()
    assert np.isfinite(found.probability()).all()
    assert any("NaN" in note for note in found.notes)


def test_predict_maps_equals_predict(tiny):
    image = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    expected, _ = collect(tiny, image, 2, dtype=MAP_DTYPE)
    events = []
    found = predict_maps(image, tiny, level=2, all_levels=True, on_event=events.append)
    for level in (1, 2):
        np.testing.assert_array_equal(found.store.maps(level), expected.maps(level))
    assert len(events) == 4


def test_stopped_prediction_is_an_error(tiny):
    with pytest.raises(UnetppError, match="stopped"):
        predict_maps(np.zeros((20, 20)), tiny, should_stop=lambda: True)


@pytest.mark.parametrize("level", [0, 5, 2.5, "deep"])
def test_wrong_level_is_refused(level):
    with pytest.raises(UnetppError, match="levels 1 to 4"):
        resolve_level(INFO, level)
