"""Heads that are shifted so that one rule suits every level: the shipped model on real nuclei."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("monai")
import torch

from napari_unetpp._types import ModelInfo
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.models.model_file import read_tensors
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.head_shifts import choose_shifts, shift_heads, shift_maps
from napari_unetpp.train.choose.levels import Predicted, mean_dice, middle, pooled_ap50, predict_samples
from napari_unetpp.train.data.samples import Sample, load_sample
from napari_unetpp.train.data.targets import object_border

SHIFTS = {1: {0: -1.5}, 2: {0: 0.75, 1: -1.0}}


@pytest.fixture(scope="module")
def info() -> ModelInfo:
    model = find_model("nuclei")
    return replace(model, decode=replace(model.decode, seeds="edge_distance"))


@pytest.fixture(scope="module")
def net(info: ModelInfo) -> UNetPlusPlus:
    assert info.path is not None
    net = UNetPlusPlus(info.net)
    net.load_state_dict(read_tensors(info.path))
    return net.eval()


@pytest.fixture(scope="module")
def samples(data_root: Path, info: ModelInfo) -> list[Sample]:
    """The most crowded of a few images."""
    pairs = read_pairs(data_root / "nuclei_dsb2018" / "train")[:90:3]
    found = [middle(load_sample(p, info), 192) for p in pairs]

    def crowded(sample: Sample) -> float:
        return float(object_border(torch.from_numpy(sample.labels)[None, None]).mean())

    return sorted(found, key=crowded)[-3:]


@pytest.fixture(scope="module")
def predicted(net: UNetPlusPlus, samples: list[Sample], info: ModelInfo) -> list[Predicted]:
    return predict_samples(net, samples, info)


def test_shifted_maps_are_those_of_shifted_heads(
    net: UNetPlusPlus, samples: list[Sample], predicted: list[Predicted], info: ModelInfo
) -> None:
    shifted = UNetPlusPlus(info.net)
    shifted.load_state_dict(shift_heads(net.state_dict(), SHIFTS))
    for seen, expected in zip(predict_samples(shifted.eval(), samples, info), predicted, strict=True):
        (moved,) = shift_maps([expected], SHIFTS)
        assert np.abs(seen.maps.astype(float) - moved.maps).max() < 2e-3
        assert np.abs(moved.level(1)[0] - expected.level(1)[0]).max() > 0.1
        assert np.array_equal(moved.level(3), expected.level(3))


def test_a_level_that_was_spoiled_is_put_right(predicted: list[Predicted], info: ModelInfo) -> None:
    spoiled = shift_maps(predicted, {1: {0: -2.5}, 3: {0: 3.0, 1: -5.0}})
    shifts = choose_shifts(spoiled, info)
    mended = shift_maps(spoiled, shifts)
    assert shifts[1][0] > 0 and shifts[3][0] < 0
    for level in (1, 3):
        assert mean_dice(mended, info, level)[0] > mean_dice(spoiled, info, level)[0] + 0.01
        after, before = (pooled_ap50(p, info, level) for p in (mended, spoiled))
        assert after is not None and before is not None and after > before


def test_classes_that_compete_stay_as_they_are(predicted: list[Predicted], info: ModelInfo) -> None:
    several = replace(info, task="semantic", classes=("a", "b", "c"))
    assert choose_shifts(predicted, several) == {}
