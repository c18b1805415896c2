"""The maps that separate objects, against plain references, on real labels."""

import numpy as np
import pytest
import torch

from napari_unetpp._types import EDGE_CAP
from napari_unetpp.files.labels.folders import read_label
from napari_unetpp.train.data.targets import NEAR_TWO, edge_distance, object_border


@pytest.fixture(scope="module")
def crowded(data_root):
    """Parts of label images: many small nuclei, and some larger ones."""
    return [
        read_label(sorted((data_root / name / "train/labels").iterdir())[0])[100:196, 100:180].astype(
            np.int64
        )
        for name in ("nuclei_colon", "nuclei_he")
    ]


def windows(labels, y, x, reach):
    return labels[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]


def reference_distance(labels):
    """Straight from the definition, pixel by pixel."""
    out = np.zeros(labels.shape)
    for y, x in np.argwhere(labels > 0):
        alone = [k for k in range(1, EDGE_CAP + 1) if (windows(labels, y, x, k - 1) == labels[y, x]).all()]
        out[y, x] = max(alone) / EDGE_CAP
    return out


def reference_border(labels):
    out = np.zeros(labels.shape)
    for y, x in np.ndindex(labels.shape):
        near = np.unique(windows(labels, y, x, NEAR_TWO))
        out[y, x] = (near > 0).sum() > 1
    return out


@pytest.mark.parametrize(
    "made, wanted", [(edge_distance, reference_distance), (object_border, reference_border)]
)
def test_maps_equal_their_definition_on_real_labels(crowded, made, wanted):
    for labels in crowded:
        expected = wanted(labels)
        assert expected.any()
        found = made(torch.from_numpy(labels)[None, None])[0, 0].numpy()
        np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_two_objects_that_touch_are_apart_in_both_maps():
    labels = torch.zeros(1, 1, 40, 40)
    labels[..., 5:35, 5:20], labels[..., 5:35, 20:35] = 3, 7
    distance, border = edge_distance(labels), object_border(labels)
    assert distance[0, 0, 20, 19] == distance[0, 0, 20, 20] == pytest.approx(1 / EDGE_CAP)
    assert distance[0, 0, 20, 12] == pytest.approx(8 / EDGE_CAP)
    assert border[0, 0, 20, 18:22].all() and not border[0, 0, 20, :18].any()


def test_the_edge_of_the_patch_is_no_edge_of_an_object():
    labels = torch.ones(1, 1, 32, 32)
    assert edge_distance(labels).min() == 1 and object_border(labels).max() == 0
