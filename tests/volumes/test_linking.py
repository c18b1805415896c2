"""Objects keep their numbers through planes and frames; against a plain reference, and on real cells."""

from itertools import pairwise

import numpy as np
import pytest
import tifffile
from one_by_one import link_planes
from scipy import ndimage

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes.linking import Linker, match
from napari_unetpp.volumes.tracks import track_rows, track_table


def plain_match(before, after, threshold):
    """The same in plain words: pair after pair, the best first."""
    pairs = []
    for a in np.unique(before[before > 0]):
        for b in np.unique(after[after > 0]):
            common = np.count_nonzero((before == a) & (after == b))
            iou = common / np.count_nonzero((before == a) | (after == b))
            if common and iou >= threshold:
                pairs.append((-iou, int(a), int(b)))
    found, used = set(), (set(), set())
    for _, a, b in sorted(pairs):
        if a not in used[0] and b not in used[1]:
            found.add((a, b))
            used[0].add(a)
            used[1].add(b)
    return found


def plain_linked(planes, threshold):
    """Numbers of the objects of each plane: {number on the plane: number through all planes}."""
    names, count, found = {}, 0, []
    for n, plane in enumerate(planes):
        known = {b: names[a] for a, b in plain_match(planes[n - 1], plane, threshold)} if n else {}
        for number in np.unique(plane[plane > 0]):
            if int(number) not in known:
                count += 1
                known[int(number)] = count
        names = known
        found.append(names)
    return found


def assert_linked_as_plain(planes, threshold):
    for plane, linked, names in zip(
        planes, link_planes(planes, threshold), plain_linked(planes, threshold), strict=True
    ):
        expected = np.zeros(plane.shape, np.uint32)
        for number, name in names.items():
            expected[plane == number] = name
        np.testing.assert_array_equal(linked, expected)


@pytest.fixture(scope="module")
def film(data_root):
    """Ten frames of growing yeast, as drawn."""
    paths = sorted((data_root / "yeast_phase").glob("*/labels/*.tif"), key=lambda path: path.name)
    return [tifffile.imread(path) for path in paths]


@pytest.fixture(scope="module")
def nuclei(data_root):
    """Drawn nuclei, crowded."""
    return tifffile.imread(sorted((data_root / "nuclei_colon/test/labels").iterdir())[0])[:300, :300]


def shuffled(labels, rng):
    """The same objects with other numbers."""
    numbers = np.unique(labels[labels > 0])
    table = np.zeros(int(labels.max()) + 1, labels.dtype)
    table[numbers] = rng.permutation(numbers.size) + 1
    return table[labels]


@pytest.mark.parametrize("threshold", [0.01, 0.1, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_plain_rule(threshold, seed):
    rng = np.random.default_rng(seed)
    planes = [np.repeat(np.repeat(rng.integers(0, 6, (6, 6)), 2, 0), 2, 1) for _ in range(4)]
    assert_linked_as_plain(planes, threshold)


def test_ties_go_to_the_lower_number():
    before = np.array([[1, 1, 2, 2, 0, 3]])
    after = np.array([[0, 5, 5, 0, 0, 7]])
    assert set(zip(*match(before, after, 0.3), strict=True)) == {(1, 5), (3, 7)}
    assert set(zip(*match(after, before, 0.3), strict=True)) == {(5, 1), (7, 3)}


def test_the_threshold_itself_links():
    before, after = np.zeros((2, 1, 13), int)
    before[0, :6], after[0, 3:10] = 1, 1  # 3 of 10 px in common
    assert match(before, after, 0.3)[0].size == 1
    assert match(before, after, 0.3000001)[0].size == 0


def test_an_object_that_vanishes_for_a_plane_comes_back_with_a_new_number():
    here = np.array([[0, 4, 4, 0, 9]])
    gone = np.array([[0, 0, 0, 0, 9]])
    linked = [plane.tolist() for plane in link_planes([here, gone, here])]
    assert linked == [[[0, 1, 1, 0, 2]], [[0, 0, 0, 0, 2]], [[0, 3, 3, 0, 2]]]


def test_two_objects_that_merge_and_part():
    apart, merged = np.array([[1, 1, 1, 2, 2]]), np.array([[1, 1, 1, 1, 1]])
    linked = [plane.tolist() for plane in link_planes([apart, merged, apart])]
    assert linked == [[[1, 1, 1, 2, 2]], [[1, 1, 1, 1, 1]], [[1, 1, 1, 3, 3]]]


def test_large_numbers_and_empty_planes():
    plane = np.array([[0, 4_000_000_000, 3]], np.uint32)
    linker = Linker()
    assert linker.add(np.zeros_like(plane)).tolist() == [[0, 0, 0]]
    assert linker.add(plane).tolist() == [[0, 2, 1]]
    assert linker.add(plane[:, ::1] * np.uint32(1)).tolist() == [[0, 2, 1]]
    assert linker.add(np.full((1, 3), 4_000_000_000, np.uint32)).tolist() == [[1, 1, 1]]
    assert linker.count == 2


def test_memory_of_two_planes():
    """Planes are asked for one at a time, and answered before the next one."""
    seen = []

    def planes():
        for n in range(3):
            seen.append(n)
            yield np.ones((2, 2), int)

    linked = link_planes(planes())
    for n in range(3):
        next(linked)
        assert seen == list(range(n + 1))


def test_a_real_film(film):
    assert_linked_as_plain([frame[::4, ::4] for frame in film[:3]], 0.3)
    linked = list(link_planes(film))
    for frame, numbers in zip(film, linked, strict=True):
        assert len(np.unique(numbers)) == len(np.unique(frame)), "every cell is there, and once"
        assert ((numbers > 0) == (frame > 0)).all()
    for before, after in pairwise(linked):
        kept = np.isin(np.unique(before[before > 0]), after)
        assert kept.mean() > 0.9, "yeast hardly moves between frames"
    assert linked[-1].max() < 1.3 * len(np.unique(film[-1])), "few cells are lost on the way"


def test_cells_that_drift_keep_their_numbers(film):
    """One real frame that drifts by a pixel per frame: the true numbers are known."""
    rng = np.random.default_rng(0)
    true = np.pad(film[-1], 12)
    drifting = [shuffled(np.roll(true, (n, n), (0, 1)), rng) for n in range(10)]
    linked = list(link_planes(drifting))
    for n, numbers in enumerate(linked):
        np.testing.assert_array_equal(np.roll(numbers, (-n, -n), (0, 1)), linked[0])


def test_nuclei_cut_in_depth(nuclei):
    """Nuclei as hills of their distance to the border, cut at heights: a number a nucleus, none shared."""
    rng = np.random.default_rng(0)
    border = (ndimage.maximum_filter(nuclei, 3) != nuclei) | (ndimage.minimum_filter(nuclei, 3) != nuclei)
    height = ndimage.distance_transform_edt(~border & (nuclei > 0))
    true = np.stack([np.where(height > cut, nuclei, 0) for cut in (3, 2, 1, 0, 0, 1, 2, 3)])
    linked = np.stack(list(link_planes([shuffled(plane, rng) for plane in true], 0.1)))
    areas = np.stack([np.bincount(plane.ravel(), minlength=nuclei.max() + 1) for plane in true])
    for number in np.unique(true[true > 0]):
        there = areas[areas[:, number] > 0, number]
        gradual = np.minimum(there[1:] / there[:-1], there[:-1] / there[1:])  # one lies within the other
        assert np.unique(linked[true == number]).size == 1 or (gradual < 0.1).any()
    pairs = np.unique(np.stack([linked[linked > 0], true[linked > 0]]), axis=1)
    assert len(np.unique(pairs[0])) == pairs.shape[1], "no number is shared by two nuclei"


def test_stacks_are_linked_over_time(nuclei):
    rng = np.random.default_rng(0)
    stack = np.stack([nuclei, nuclei, np.zeros_like(nuclei)])
    linked = list(link_planes([shuffled(stack, rng), shuffled(stack, rng)]))
    np.testing.assert_array_equal(linked[0], linked[1])


def test_tracks(film):
    table = track_table(link_planes(film))
    assert table.shape[1] == 4 and len(table) == sum(len(np.unique(frame)) - 1 for frame in film)
    order = np.lexsort((table[:, 1], table[:, 0]))
    assert (order == np.arange(len(table))).all(), "an object after the other, in time"
    for _, track in zip(range(5), np.split(table, np.flatnonzero(np.diff(table[:, 0])) + 1), strict=False):
        assert (np.diff(track[:, 1]) == 1).all(), "no frame is missing in a track"
    first = next(link_planes(film[:1]))
    np.testing.assert_allclose(
        track_rows(first, 0)[:, 2:], ndimage.center_of_mass(first > 0, first, np.unique(first)[1:])
    )


def test_tracks_of_stacks_and_of_nothing():
    stack = np.zeros((2, 3, 4), np.uint32)
    assert track_table([stack], axes=3).shape == (0, 5)
    stack[1, 2, 1:4] = 5
    assert track_table([stack, stack], axes=3).tolist() == [[5, 0, 1, 2, 2], [5, 1, 1, 2, 2]]


@pytest.mark.parametrize("threshold", [0, -0.1, 1.5])
def test_an_overlap_that_is_none(threshold):
    with pytest.raises(UnetppError, match="intersection over union above 0"):
        Linker(threshold)


def test_planes_of_other_shapes():
    with pytest.raises(UnetppError, match=r"shape \(4, 4\) was given after one of \(4, 5\)"):
        list(link_planes([np.zeros((4, 5), int), np.zeros((4, 4), int)]))
