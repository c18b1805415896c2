"""What a click waits for: a window equals the whole plane, and finds the object that was meant."""

from __future__ import annotations

import numpy as np
import pytest
from untrained import collect

from napari_unetpp._types import DecodeRule, ModelInfo, NetConfig, Region
from napari_unetpp.engine.decode.click import object_at, objects_inside
from napari_unetpp.engine.decode.grids import Grids
from napari_unetpp.engine.decode.map_store import MAP_DTYPE
from napari_unetpp.engine.decode.window import Window, predict_window, stored_window
from napari_unetpp.engine.input.normalise import measure
from napari_unetpp.engine.input.sampling import working_shape

INFO = ModelInfo(
    "", "instances", ("cell",), ("foreground", "distance"), NetConfig(), decode=DecodeRule(seeds="mask")
)
CLASSES = ModelInfo("", "semantic", ("a", "b"), ("background", "a", "b"), NetConfig())


@pytest.mark.parametrize("scale", [1.0, 0.7])
@pytest.mark.parametrize(
    "window", [Region(0, 0, 50, 40), Region(101, 77, 160, 150), Region(200, 250, 301, 309)]
)
def test_a_window_equals_the_whole_plane(evaluator, phase, window, scale):
    part = phase[:301, :309]
    grids = Grids(working_shape(part.shape, scale), part.shape)
    store, _ = collect(evaluator, part, 3, scale=scale, dtype=MAP_DTYPE)
    whole = store.maps(3)
    stats = measure(part, evaluator.info.normalisation)
    alone = predict_window(evaluator, part, window, 3, scale, stats)
    assert alone.maps.std() > 0.01 and alone.grids == grids
    under = grids.under(window)
    assert under.clipped(alone.part) == under
    np.testing.assert_allclose(alone.maps, whole[:, *alone.part.slices], atol=6e-4)  # a step of `MAP_DTYPE`
    stored = stored_window(store, 3, window, part.shape)
    assert (stored.part, stored.region, stored.grids) == (alone.part, window, grids)
    np.testing.assert_array_equal(stored.maps, whole[:, *stored.part.slices])


@pytest.fixture
def maps():
    """A clear object, a faint one that touches nothing, and a faint one beside the clear one."""
    p = np.full((40, 60), 0.01, np.float32)
    p[5:15, 5:15] = 0.9
    p[25:35, 30:42] = 0.3
    p[5:15, 15:22] = 0.35
    return window_of(np.stack([p, p]))


def window_of(maps):
    """A whole plane whose grids are one."""
    whole = Region.whole(maps.shape[1:])
    return Window(maps, whole, whole, Grids(maps.shape[1:], maps.shape[1:]))


def test_a_clear_object(maps):
    found = object_at(maps, INFO, INFO.decode, 8, 8)
    assert found.sum() == 100 and (found[5:15, 5:15] == 1).all()


@pytest.mark.parametrize(
    "rule",
    [
        DecodeRule(seeds="mask", min_size=200),
        DecodeRule(seeds="mask", max_size=50),
        DecodeRule(seeds="mask", drop_border=True),
        DecodeRule(seeds="mask", certainty=4),
    ],
)
def test_a_click_means_the_object_whatever_would_be_dropped(maps, rule):
    maps.maps[:, 5:15, :5] = 0.9  # it reaches the border
    found = object_at(maps, INFO, rule, 8, 8)
    assert found.sum() == 150 and found[5:15, :15].all()


def test_a_click_gives_an_object_without_its_holes(maps):
    maps.maps[:, 9:11, 9:11] = 0.1
    assert object_at(maps, INFO, INFO.decode, 6, 6).sum() == 96
    for click in ((6, 6), (9, 9)):
        assert object_at(maps, INFO, DecodeRule(seeds="mask", fill_holes=True), *click).sum() == 100


def test_a_faint_object_is_found_where_it_is_clicked(maps):
    found = object_at(maps, INFO, INFO.decode, 30, 35)
    assert found.sum() == 120 and found[25:35, 30:42].all()


def test_a_faint_object_does_not_take_its_clear_neighbour(maps):
    found = object_at(maps, INFO, INFO.decode, 8, 18)
    assert found.sum() == 70 and found[5:15, 15:22].all()


def test_a_click_beside_an_object_means_that_object(maps):
    """It once took everything of the background that was as likely as the pixel."""
    found = object_at(maps, INFO, INFO.decode, 3, 8)
    assert found.sum() == 100 and found[5:15, 5:15].all()


def test_nothing_is_nothing(maps):
    assert not object_at(maps, INFO, INFO.decode, 38, 2).any()


def test_classes_give_the_connected_part():
    p = np.zeros((3, 20, 40), np.float32)
    p[0] = 1
    for x in (5, 25):
        p[:, 5:10, x : x + 5] = np.array([0, 0, 1])[:, None, None]
    found = object_at(window_of(p), CLASSES, CLASSES.decode, 7, 27)
    assert found.sum() == 2 * 25 and (found[5:10, 25:30] == 2).all()


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({}, [30, 84, 100]),
        ({"max_size": 90}, [30, 84]),
        ({"min_size": 40, "max_size": 90}, [84]),
        ({"drop_border": True}, [84, 100]),
        ({"fill_holes": True}, [30, 100, 100]),
    ],
)
def test_a_box_takes_what_the_result_has(options, left):
    """A window at the left border of a plane whose right half it does not see."""
    p = np.full((2, 40, 60), 0.01, np.float32)
    p[:, 5:15, 10:20] = 0.9
    p[:, 20:30, :3] = 0.9
    p[:, 22:32, 50:60] = 0.9
    p[:, 25:29, 53:57] = 0.01
    part = Region(0, 0, 40, 60)
    window = Window(p, part, part, Grids((80, 120), (80, 120)))
    found = objects_inside(window, INFO, DecodeRule(seeds="mask", **options), np.ones((40, 60), bool))
    assert sorted(np.bincount(found.ravel())[1:]) == left


def test_a_box_takes_objects_that_lie_mostly_inside(maps):
    inside = np.zeros((40, 60), bool)
    inside[:, :12] = True
    assert objects_inside(maps, INFO, INFO.decode, inside).astype(bool).sum() == 100
    inside[:, 9:] = False
    assert not objects_inside(maps, INFO, INFO.decode, inside).any()
