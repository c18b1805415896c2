"""Properties that hold for all inputs: axes, rectangles, tiles, normalisation, labels."""

from __future__ import annotations

import io
import itertools
import json
from typing import Any

import numpy as np
import pytest

pytest.importorskip("hypothesis")

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_unetpp._types import DecodeRule, NetConfig, Region, UnetppError
from napari_unetpp.engine import tiles
from napari_unetpp.engine.decode.holes import without_holes
from napari_unetpp.engine.decode.labelling import border_numbers, kept_numbers, new_numbers
from napari_unetpp.engine.input.normalise import clean_plane, measure, to_input
from napari_unetpp.engine.input.sampling import resample_labels
from napari_unetpp.files.objects.coco import write_coco
from napari_unetpp.files.objects.planes import ObjectPlane, Subject
from napari_unetpp.session.segment.objects import follow
from napari_unetpp.volumes.axes import ORDER, axes_from_letters, axes_from_names, axes_from_shape
from napari_unetpp.volumes.linking import Linker

settings.register_profile(
    "tests", max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
settings.load_profile("tests")

SIDES = st.integers(1, 3000)
SHAPES = st.tuples(SIDES, SIDES)
CONFIG = NetConfig()
PLANES = st.tuples(st.integers(1, 24), st.integers(1, 24))
LABELS = PLANES.flatmap(lambda shape: arrays.arrays(np.int32, shape, elements=st.integers(0, 5)))


@st.composite
def regions(draw: Any) -> Region:
    y0, x0 = draw(st.integers(0, 200)), draw(st.integers(0, 200))
    return Region(y0, x0, y0 + draw(st.integers(1, 200)), x0 + draw(st.integers(1, 200)))


# ------------------------------------------------------------------- axes


@given(st.lists(st.integers(1, 600), min_size=2, max_size=6))
def test_every_shape_is_read_or_refused_in_words(shape: list[int]) -> None:
    try:
        found = axes_from_shape(shape)
    except UnetppError as error:
        assert str(tuple(shape)) in str(error)
        return
    assert found.shape == tuple(shape) and len(found.names) == len(shape)
    assert all(found.names.count(letter) <= 1 for letter in ORDER) and {"Y", "X"} <= set(found.names)
    assert str(found)


@given(st.permutations(list("TCZYX")), st.integers(2, 5), st.data())
def test_letters_are_taken_as_they_are(order: list[str], count: int, data: Any) -> None:
    letters = "".join(order[:count])
    shape = tuple(data.draw(st.integers(2, 50)) for _ in letters)
    if {"Y", "X"} <= set(letters):
        found = axes_from_letters(letters, shape, "given")
        assert found.names == letters and found.shape == shape
        assert [found.size(letter) for letter in letters] == list(shape)
    else:
        with pytest.raises(UnetppError, match="expected a Y and an X"):
            axes_from_letters(letters, shape, "given")


@given(st.lists(st.text(max_size=8), min_size=2, max_size=5), st.data())
def test_names_that_say_nothing_do_no_harm(names: list[str], data: Any) -> None:
    shape = tuple(data.draw(st.integers(1, 50)) for _ in names)
    try:
        assert len(axes_from_names(names, shape).names) == len(shape)
    except UnetppError as error:
        assert str(error)


# ------------------------------------------------------------------- rectangles and tiles


@given(regions(), regions(), st.integers(0, 50))
def test_rectangles(one: Region, other: Region, margin: int) -> None:
    plane = np.zeros((500, 500), bool)
    plane[one.slices] = True
    inside = np.zeros_like(plane)
    inside[other.slices] = True
    both = one.clipped(other)
    assert one.overlaps(other) == other.overlaps(one) == bool((plane & inside).any())
    assert both.is_empty or (plane & inside).sum() == np.prod(both.shape)
    grown = one.grown(margin, plane.shape)
    assert grown.clipped(one) == one and one.shifted(3, 4).relative_to(Region(3, 4, 9, 9)) == one


@given(st.integers(1, 20_000), st.integers(16, 2048))
def test_intervals_cover_a_side_once(length: int, longest: int) -> None:
    parts = tiles.split(length, longest, 16)
    assert parts[0][0] == 0 and parts[-1][1] == length
    assert all(before[1] == after[0] for before, after in itertools.pairwise(parts))
    assert all(start % 16 == 0 and 0 < stop - start < longest + 16 for start, stop in parts)


@given(SHAPES, st.integers(1, 4), st.one_of(st.none(), regions()), st.integers(0, 2**31))
def test_tiles_cover_a_plane_once_and_read_what_they_need(
    shape: tuple[int, int], level: int, view: Region | None, budget: int
) -> None:
    visible = None if view is None else view.clipped(Region.whole(shape))
    assume(visible is None or not visible.is_empty)
    plan = tiles.plan(shape, CONFIG, level, viewport=visible, budget=budget)
    found = [*plan.live, *plan.batch]
    assert sum(np.prod(tile.core.shape) for tile in found) == np.prod(plan.padded)
    whole = Region.whole(plan.padded)
    for n, tile in enumerate(found):
        assert tile.core.clipped(whole) == tile.core and tile.read.clipped(whole) == tile.read
        assert tile.read.clipped(tile.core) == tile.core
        assert tile.read.y0 % CONFIG.multiple == tile.read.x0 % CONFIG.multiple == 0
        assert not any(tile.core.overlaps(other.core) for other in found[n + 1 :])


# ------------------------------------------------------------------- normalisation


@given(
    st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64, np.bool_]),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.data(),
)
def test_any_plane_is_normalised(dtype: Any, shape: tuple[int, int], data: Any) -> None:
    elements = st.one_of(arrays.from_dtype(np.dtype(dtype)), st.just(dtype(0)))
    image = data.draw(arrays.arrays(dtype, shape, elements=elements, fill=st.just(dtype(0))))
    with np.errstate(all="ignore"):
        plane, _ = clean_plane(image)
        stats = measure(plane)
        found = to_input(plane, stats)
    assert np.isfinite([stats.low, stats.high]).all() and stats.low < stats.high
    assert found.shape == (3, *shape) and np.isfinite(found).all()
    assert found.min() >= -0.5 and found.max() <= 2


@given(st.floats(0.1, 50), st.floats(-100, 100), st.integers(0, 9))
def test_brightness_and_offset_do_not_matter(gain: float, offset: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plane = (rng.normal(100, 3, (48, 48)) + 80 * (rng.random((48, 48)) > 0.8)).astype(np.float64)
    other = gain * plane + offset
    one, two = (to_input(image, measure(image)) for image in (plane, other))
    assert np.abs(one - two).max() < 1e-3


# ------------------------------------------------------------------- labels


@given(LABELS)
def test_filling_holes_is_done_once_and_takes_nothing(labels: np.ndarray) -> None:
    filled = without_holes(labels)
    assert (filled[labels > 0] == labels[labels > 0]).all() and (without_holes(filled) == filled).all()
    assert set(np.unique(filled)) <= {0, *np.unique(labels)}


@given(LABELS, st.integers(0, 9), st.one_of(st.none(), st.integers(1, 40)), st.booleans())
def test_kept_objects_are_numbered_without_gaps(
    labels: np.ndarray, least: int, most: int | None, border: bool
) -> None:
    rule = DecodeRule(min_size=least, max_size=most, drop_border=border)
    sizes = np.bincount(labels.ravel(), minlength=6)
    numbers = kept_numbers(sizes, rule, border_numbers(labels, rule))
    kept = numbers[labels]
    assert sorted(numbers[numbers > 0]) == list(range(1, int(numbers.max()) + 1))
    for number in range(1, 6):
        size, touches = sizes[number], number in border_numbers(labels, DecodeRule(drop_border=True))
        stays = max(least, 1) <= size <= (most or size) and not (border and touches)
        assert (numbers[number] > 0) == bool(stays)
    assert ((kept > 0) <= (labels > 0)).all() and new_numbers(sizes, 1)[0] == 0


@given(LABELS)
def test_outlines_give_the_labels_back(labels: np.ndarray) -> None:
    file = io.BytesIO()
    write_coco(file, [ObjectPlane(labels)], Subject("a"))
    found = np.zeros(labels.T.size, np.int32)
    for annotation in json.loads(file.getvalue())["annotations"]:
        counts = annotation["segmentation"]["counts"]
        inside = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        found[: inside.size][inside] = annotation["label"]
        assert annotation["area"] == inside.sum()
    assert (found.reshape(labels.T.shape).T == labels).all()


@given(LABELS, st.data())
def test_following_only_renames_objects(labels: np.ndarray, data: Any) -> None:
    before = data.draw(arrays.arrays(np.int32, labels.shape, elements=st.integers(0, 5)))
    _same_objects(labels, follow(labels, before))


@given(PLANES, st.data())
def test_linking_only_renames_objects(shape: tuple[int, int], data: Any) -> None:
    linker = Linker(0.3)
    for _ in range(3):
        labels = data.draw(arrays.arrays(np.int32, shape, elements=st.integers(0, 4)))
        _same_objects(labels, linker.add(labels))


@given(LABELS, PLANES)
def test_resampled_labels_have_no_new_values(labels: np.ndarray, shape: tuple[int, int]) -> None:
    found = resample_labels(labels, shape)
    assert found.shape == shape and set(np.unique(found)) <= set(np.unique(labels))
    assert (resample_labels(labels, labels.shape) == labels).all()


def _same_objects(one: np.ndarray, other: np.ndarray) -> None:
    """Assert that both hold the same objects, whatever their numbers."""
    pairs = np.unique(np.stack([one.ravel(), other.ravel().astype(np.int64)]), axis=1)
    assert len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    assert ((one == 0) == (other == 0)).all()
