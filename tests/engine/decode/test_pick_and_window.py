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


def test_a_box_takes_objects_that_lie_mostly_inside(maps):
    inside = np.zeros((40, 60), bool)
    inside[:, :12] = True
    assert objects_inside(maps, INFO, INFO.decode, inside).astype(bool).sum() == 100
    inside[:, 9:] = False
    assert not objects_inside(maps, INFO, INFO.decode, inside).any()
