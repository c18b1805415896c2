"""Looks at held-out images while a training runs: which of them, what is told, and what it costs the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("monai")
import torch

from napari_unetpp._types import ModelInfo, NetConfig, SamplingRule
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.levels import at_model_size
from napari_unetpp.train.data.samples import Sample, load_sample
from napari_unetpp.train.scratch.progress.validation import (
    CROP,
    FEWEST,
    ValidationScores,
    validate,
    validation_samples,
)

NARROW = NetConfig(outputs=2, widths=(4, 8, 8, 16, 16))
OUTPUTS = ("foreground", "edge_distance")
NUCLEI = ModelInfo("", "instances", ("nucleus",), OUTPUTS, NARROW)


@pytest.fixture(scope="module")
def sample(data_root: Path) -> Sample:
    """A section of tissue with nuclei of about 30 px."""
    pair = next(p for p in read_pairs(data_root / "nuclei_tissue" / "train") if "63x" in p.stem)
    return load_sample(pair, NUCLEI)


@pytest.mark.parametrize(
    ("held", "shown"),
    [((53,), (16,)), ((53, 5, 2, 3), (4, 4, 2, 3)), ((53, *[2] * 7), (3, *[2] * 7)), ((), ())],
)
def test_every_folder_is_validated(sample: Sample, held: tuple[int, ...], shown: tuple[int, ...]) -> None:
    samples = [
        replace(sample, folder=folder, stem=f"{folder} {n}")
        for folder, count in enumerate(held)
        for n in range(count)
    ]
    chosen = validation_samples(samples, NUCLEI)
    assert tuple(sum(s.folder == folder for s in chosen) for folder in range(len(held))) == shown
    assert len({s.stem for s in chosen}) == len(chosen) and max((*shown, FEWEST)) >= FEWEST
    assert all(max(s.labels.shape) <= CROP for s in chosen)


@pytest.mark.parametrize("diameter", [8.0, 100.0])
def test_an_image_is_brought_to_the_size_that_the_model_knows(sample: Sample, diameter: float) -> None:
    info = replace(NUCLEI, sampling=SamplingRule("object", diameter))
    found = at_model_size(sample, info)
    assert found.diameter == pytest.approx(diameter, rel=0.1)
    assert found.image.shape[1:] == found.labels.shape == found.ignore.shape
    assert set(np.unique(found.labels)) <= set(np.unique(sample.labels))
    inside, outside = (float(found.image[0][mask].mean()) for mask in (found.labels > 0, found.labels == 0))
    assert inside > outside + 0.1, "labels still lie on their objects"


def test_an_image_of_about_the_size_is_left_as_it_is(sample: Sample) -> None:
    assert sample.diameter is not None
    for factor in (0.7, 1.4):
        info = replace(NUCLEI, sampling=SamplingRule("object", sample.diameter * factor))
        assert at_model_size(sample, info) is sample
    for kind in ("frame", "pixel"):
        assert at_model_size(sample, replace(NUCLEI, sampling=SamplingRule(kind, 9.0))) is sample
    nothing = replace(sample, labels=np.zeros_like(sample.labels))
    assert at_model_size(nothing, NUCLEI) is nothing


def test_validation_changes_no_network_and_draws_nothing(sample: Sample) -> None:
    torch.manual_seed(0)
    net = UNetPlusPlus(NARROW)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    state = torch.get_rng_state()
    subset = validation_samples([sample, replace(sample, folder=1)], NUCLEI)
    scores = validate(net, subset, NUCLEI, device="cpu", dtype="bfloat16")
    assert scores == validate(net, subset, NUCLEI, device="cpu", dtype="bfloat16")
    assert torch.equal(state, torch.get_rng_state()) and net.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert set(scores.folders) == {0, 1} and set(scores.dice) == set(scores.ap50) == {1, 2, 3, 4}
    assert all(0 <= value <= 1 for value in (*scores.dice.values(), *scores.ap50.values()))


def test_quality_is_what_every_level_finds() -> None:
    dice, ap50 = {1: 0.6, 2: 0.8}, {1: 0.2, 2: 0.6}
    assert ValidationScores(dice, ap50, {}).quality == pytest.approx(0.4)
    assert ValidationScores(dice, {}, {}).quality == pytest.approx(0.7)
    assert ValidationScores({}, {}, {}).quality is None
