"""How labels are read, and the scores that count on them: tables of cases."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import label as connected_components

from napari_unetpp.files.labels.folders import read_label
from napari_unetpp.train.choose.scores import Matches, class_dice_iou, dice_iou, match_objects
from napari_unetpp.train.data.labels import read_truth

TWO = np.array([[1, 0, 2], [1, 0, 2]])
ONE_VALUE = np.array([[7, 0, 7], [7, 0, 7]])
MYELIN = np.array([[0, 1, 2], [255, 1, 2]])


def test_instances_keep_their_numbers() -> None:
    truth = read_truth(TWO, "instances")
    assert truth.objects
    np.testing.assert_array_equal(truth.labels, TWO)


def test_a_single_value_means_connected_components() -> None:
    assert read_truth(ONE_VALUE, "instances").labels.max() == 2


def test_255_is_ignored_in_semantic_labels_only() -> None:
    assert read_truth(MYELIN, "semantic").ignore.sum() == 1
    assert read_truth(MYELIN, "instances").ignore.sum() == 0
    assert read_truth(MYELIN, "semantic").labels.max() == 2


def test_foreground_values_become_one_class_and_lose_their_objects() -> None:
    truth = read_truth(MYELIN, "instances", foreground=[2])
    assert not truth.objects
    np.testing.assert_array_equal(truth.labels > 0, MYELIN == 2)


def test_255_may_be_named_as_foreground() -> None:
    truth = read_truth(np.array([[0, 255]]), "semantic", foreground=[255])
    assert truth.labels.tolist() == [[0, 1]] and not truth.ignore.any()


def test_an_ignore_mask_counts_for_both_tasks() -> None:
    ignore = np.array([[255, 0, 0], [0, 0, 0]])
    for task in ("instances", "semantic"):
        assert read_truth(TWO, task, ignore=ignore).ignore.sum() == 1  # type: ignore[arg-type]


A = np.array([[1, 1, 0, 0]], bool)
B = np.array([[0, 1, 1, 0]], bool)
NONE = np.zeros((1, 4), bool)


@pytest.mark.parametrize(
    ("predicted", "truth", "ignore", "expected"),
    [
        (A, A, None, (1.0, 1.0)),
        (A, B, None, (0.5, 1 / 3)),
        (A, NONE, None, (0.0, 0.0)),
        (NONE, NONE, None, (1.0, 1.0)),
        (A, B, np.array([[1, 0, 1, 0]], bool), (1.0, 1.0)),
    ],
)
def test_dice_and_iou(predicted, truth, ignore, expected) -> None:  # type: ignore[no-untyped-def]
    assert dice_iou(predicted, truth, ignore) == pytest.approx(expected)


def test_several_classes_are_averaged_over_those_present() -> None:
    dice, _ = class_dice_iou(np.array([[1, 1, 0, 2]]), np.array([[1, 1, 0, 0]]))
    assert dice == pytest.approx(0.5)  # class 1: 1, class 2 (predicted only): 0


def test_matches_are_one_to_one_and_need_more_than_half() -> None:
    truth = np.array([[1, 1, 1, 1, 0, 2, 2]])
    half = np.array([[1, 1, 0, 0, 0, 2, 2]])  # IoU of the first: exactly 0.5, no match
    assert match_objects(half, truth) == Matches(1, 1, 1)
    assert match_objects(truth, truth).ap50 == 1.0
    assert match_objects(np.zeros_like(truth), np.zeros_like(truth)).ap50 is None


def test_ap50_of_real_labels_against_eroded_and_merged_ones(data_root) -> None:  # type: ignore[no-untyped-def]
    path = sorted((data_root / "nuclei_dsb2018" / "test" / "labels").iterdir())[0]
    labels = read_label(path)
    assert match_objects(labels, labels).ap50 == 1.0
    merged = connected_components(labels > 0, connectivity=2)
    found = match_objects(merged, labels)
    assert found.true_positive + found.false_negative == np.unique(labels[labels > 0]).size
    assert found.true_positive + found.false_positive == merged.max()
