"""A stack seen from three sides."""

import numpy as np
import pytest
from scipy import ndimage

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes import directions
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.directions import mean_of_directions, stretch_of

STACK = np.random.default_rng(0).random((5, 7, 9)).astype(np.float32)


def blurred(plane):
    """A stand-in of the network that sees neighbours within a plane only; two maps."""
    return np.stack([ndimage.uniform_filter(plane, 3), plane]).astype(np.float32)


def test_the_mean_of_three_cuts():
    out = np.full((2, *STACK.shape), np.nan, np.float32)
    events = list(mean_of_directions(STACK, blurred, out))
    sizes = [(1, 3, 3), (3, 1, 3), (3, 3, 1)]
    expected = np.mean([ndimage.uniform_filter(STACK, size) for size in sizes], axis=0)
    np.testing.assert_allclose(out[0], expected, rtol=1e-5)
    np.testing.assert_allclose(out[1], STACK, rtol=1e-5)
    assert [event.done for event in events] == list(range(1, 5 + 7 + 9 + 1))
    assert events[-1].total == 21 and events[-1].direction == 2


def test_all_directions_count_alike():
    """A stack turned gives the result turned."""
    out, turned = (np.zeros((2, *shape), np.float32) for shape in (STACK.shape, STACK.T.shape))
    list(mean_of_directions(STACK, blurred, out))
    list(mean_of_directions(STACK.T, lambda plane: blurred(plane), turned))
    np.testing.assert_allclose(turned, out.transpose(0, 3, 2, 1), rtol=1e-5)


def test_a_lazy_stack_in_colour_and_an_output_on_disk(tmp_path):
    da = pytest.importorskip("dask.array")
    colour = np.stack([STACK] * 3, axis=-1)
    out = np.memmap(tmp_path / "out", np.float32, "w+", shape=(1, *STACK.shape))
    list(mean_of_directions(da.from_array(colour, chunks=3), lambda plane: plane.mean(axis=-1)[None], out))
    np.testing.assert_allclose(out[0], STACK, rtol=1e-5)


def test_stop():
    events = mean_of_directions(
        STACK, blurred, np.zeros((2, *STACK.shape), np.float32), should_stop=iter([False, True]).__next__
    )
    assert len(list(events)) == 1


def test_slabs_change_nothing(monkeypatch):
    out, slabs = (np.zeros((2, *STACK.shape), np.float32) for _ in range(2))
    list(mean_of_directions(STACK, blurred, out))
    monkeypatch.setattr(directions, "SLAB", 1000)
    list(mean_of_directions(STACK, blurred, slabs))
    np.testing.assert_array_equal(slabs, out)


@pytest.mark.parametrize(
    ("spacing", "stretch"), [((0.5, 0.5, 0.5), 1), ((2, 0.25, 0.25), 8), ((1, 4, 4), 0.25)]
)
def test_stretch(spacing, stretch):
    assert stretch_of(Axes("ZYX", STACK.shape, spacing=spacing)) == pytest.approx(stretch)


@pytest.mark.parametrize(
    ("axes", "problem"),
    [
        (Axes("YX", (7, 9)), "no depth"),
        (Axes("ZYX", STACK.shape), "nothing says how far apart .* --spacing Z,Y,X"),
        (Axes("ZYX", STACK.shape, spacing=(None, 1, 1)), "nothing says how far apart"),
        (Axes("ZYX", STACK.shape, spacing=(1, 1, 2)), "pixels are 1 x 2 µm"),
    ],
)
def test_what_cannot_be_seen_from_three_sides(axes, problem):
    with pytest.raises(UnetppError, match=problem):
        stretch_of(axes)
