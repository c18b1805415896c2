"""Numbers through depth and time together, plane by plane, are those of whole stacks linked over time."""

import numpy as np
import pytest
from one_by_one import link_planes
from scipy import ndimage

from napari_unetpp._types import UnetppError
from napari_unetpp.volumes.axes import Axes
from napari_unetpp.volumes.selection import SelectionRequest, select
from napari_unetpp.volumes.series.numbering import check_links, numbered
from napari_unetpp.volumes.tracks import TrackRows, track_table


def labelled(frames, depth, seed=0):
    """Blobs that move slowly, numbered anew in each plane: (frames, depth, 60, 70)."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(frames, depth, 60, 70)), (1.5, 1.5, 4, 4))
    return np.stack([[ndimage.label(plane > 0.6 * noise.std())[0] for plane in frame] for frame in noise])


STACKS = labelled(4, 5)
SELECTION = select(Axes("TZYX", STACKS.shape))


def found(folder, selection=SELECTION, **links):
    planes = STACKS.reshape(-1, 60, 70)
    return np.stack(list(numbered(planes.__getitem__, selection, folder, **links))).reshape(STACKS.shape)


def test_both_ways(tmp_path):
    deep = [np.stack(list(link_planes(frame, 0.3))) for frame in STACKS]
    expected = np.stack(list(link_planes(deep, 0.2)))
    np.testing.assert_array_equal(found(tmp_path, stitch=0.3, track=0.2), expected)
    assert len(np.intersect1d(expected[0], expected[3])) > 3
    assert len(list(tmp_path.iterdir())) <= 2 * 5, "of two frames only"


def test_through_depth_alone_each_frame_begins_anew(tmp_path):
    expected = np.stack([np.stack(list(link_planes(frame, 0.3))) for frame in STACKS])
    np.testing.assert_array_equal(found(tmp_path, stitch=0.3, track=None), expected)


def test_without_links_planes_stay_as_they_are(tmp_path):
    np.testing.assert_array_equal(found(tmp_path, stitch=None, track=None), STACKS)


def test_tracks_of_stacks_are_those_of_whole_frames(tmp_path):
    linked = found(tmp_path, stitch=0.3, track=0.2)
    rows = TrackRows(deep=True)
    for t, frame in enumerate(linked):
        for z, plane in enumerate(frame):
            rows.add(plane, t, z)
    np.testing.assert_allclose(rows.table(), track_table(linked, axes=3))
    assert TrackRows(deep=False).table().shape == (0, 4) and TrackRows(deep=True).table().shape == (0, 5)


@pytest.mark.parametrize(
    ("wanted", "links", "problem"),
    [
        ({}, {"stitch": None, "track": 0.3}, "Give --stitch, too"),
        ({"z": (0, 1)}, {"stitch": 0.3, "track": None}, "one plane of depth"),
        ({"t": (0, 1)}, {"stitch": 0.3, "track": 0.3}, "one frame"),
        ({}, {"stitch": 0.0, "track": None}, "an overlap of 0"),
    ],
)
def test_links_that_cannot_be(wanted, links, problem):
    with pytest.raises(UnetppError, match=problem):
        check_links(select(SELECTION.axes, SelectionRequest(**wanted)), **links)
