"""The decode rule that does best on held-out images: counted fast, and chosen for the objects there are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("monai")

import torch
from scipy import ndimage

from napari_unetpp._types import EDGE_CAP, DecodeRule, ModelInfo, NetConfig
from napari_unetpp.engine.decode import labelling
from napari_unetpp.files.labels.folders import read_pairs
from napari_unetpp.files.models.model_file import read_tensors
from napari_unetpp.files.models.model_list import find_model
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose import decode_rule
from napari_unetpp.train.choose.decode_rule import CERTAINTIES, Overlaps, ap50_of_rules, choose_decode
from napari_unetpp.train.choose.levels import Predicted, mean_dice, middle, pooled_ap50, predict_samples
from napari_unetpp.train.choose.scores import match_objects
from napari_unetpp.train.data.samples import Sample, load_sample
from napari_unetpp.train.data.targets import edge_distance

INFO = ModelInfo(
    "new",
    "instances",
    ("nucleus",),
    ("foreground", "edge_distance"),
    NetConfig(outputs=2),
    decode=DecodeRule(seeds="edge_distance", seed_threshold=0.0, prominence=1 / EDGE_CAP),
)


@pytest.fixture(scope="module")
def nuclei() -> ModelInfo:
    return find_model("nuclei")


@pytest.fixture(scope="module")
def samples(data_root: Path, nuclei: ModelInfo) -> list[Sample]:
    """Crowded nuclei, the middles of a few images."""
    pairs = read_pairs(data_root / "nuclei_dsb2018" / "train")[:120:4]
    found = [middle(load_sample(pair, nuclei), 256) for pair in pairs]
    return sorted(found, key=lambda s: -s.areas.size)[:5]


@pytest.fixture(scope="module")
def predicted(samples: list[Sample], nuclei: ModelInfo) -> list[Predicted]:
    """What the shipped model says of them; a part of each is ignored."""
    net = UNetPlusPlus(nuclei.net)
    net.load_state_dict(read_tensors(Path(str(nuclei.path))))
    ignore = np.zeros(samples[0].labels.shape, bool)
    ignore[40:100, 30:90] = True
    part = [replace(s, ignore=ignore[: s.labels.shape[0], : s.labels.shape[1]]) for s in samples]
    return predict_samples(net, part[:3], nuclei)


RULES = [
    DecodeRule(0.65, "edge_distance", 0.2, prominence=0.05),
    DecodeRule(0.65, "edge_distance", 0.2, prominence=0.01, prominence_share=0.3),
    DecodeRule(0.5, "edge_distance", 0.5),
    DecodeRule(0.5, "mask", 0.65),
    DecodeRule(0.4, "edge_distance", 0.0, prominence=0.02),
]


@pytest.mark.parametrize("rule", RULES)
def test_matches_are_those_of_decoded_labels(
    rule: DecodeRule, predicted: list[Predicted], nuclei: ModelInfo
) -> None:
    sizes = (0, 10, 30, 200)
    for p in predicted:
        for level in (1, 4):
            overlaps = Overlaps(
                p.level(level), replace(nuclei, decode=rule), p.sample.labels, p.sample.ignore
            )
            ways = itertools.product(CERTAINTIES, sizes)
            for (certainty, size), found in zip(ways, overlaps.matches(rule, sizes), strict=True):
                info = replace(nuclei, decode=replace(rule, min_size=size, certainty=certainty))
                labels = labelling.labels(p.level(level), info)
                assert found == match_objects(labels, p.sample.labels, p.sample.ignore)
                assert found.true_positive + found.false_negative > 20


def test_an_image_without_foreground() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[3:8, 3:9] = 4
    nothing = Overlaps(np.zeros((2, 20, 30), np.float32), INFO, labels, labels > 9)
    found, *_ = nothing.matches(INFO.decode, (5,))
    assert (found.true_positive, found.false_positive, found.false_negative) == (0, 0, 1)


def test_minimum_sizes_fit_the_objects() -> None:
    assert decode_rule.min_sizes(np.array([1800, 2000, 1900])) == (8, 19, 78, 174, 310, 485, 698, 950)
    small = decode_rule.min_sizes(np.array([40, 50, 60]))
    assert small == (8, 13, 18, 25)


@pytest.mark.parametrize(
    ("outputs", "seeds"),
    [
        (("foreground",), {"mask"}),
        (("foreground", "edge_distance"), {"edge_distance"}),
        (("foreground", "edge_distance", "object_border"), {"edge_distance"}),
        (("foreground", "object_border"), {"object_border", "mask"}),
        (("foreground", "boundary", "distance", "centre"), {"boundary", "distance", "centre", "mask"}),
    ],
)
def test_only_seeds_that_the_model_has_are_tried(outputs: tuple[str, ...], seeds: set[str]) -> None:
    groups = decode_rule.seed_rules(DecodeRule(threshold=0.4), outputs)
    assert {rule.seeds for group in groups for rule in group} == seeds
    assert all(rule.threshold == 0.4 for group in groups for rule in group)
    for group in groups:
        landscapes = {(r.seeds, r.prominence > 0 or r.prominence_share > 0) for r in group}
        assert len(landscapes) == 1, "a group has one landscape"


Learned = Callable[..., list[Predicted]]


@pytest.fixture(scope="module")
def learned(samples: list[Sample]) -> Learned:
    """Maps as a network might have learned them: true, but blurred and noisy, with specks of debris."""

    def one(sample: Sample, rng: np.random.Generator, speck: int, noise: float, folder: int) -> Predicted:
        labels = sample.labels
        found = (labels > 0).astype(np.float32)
        for y, x in rng.integers(4, min(labels.shape) - 12, (400, 2)):
            if not found[y - 3 : y + speck + 3, x - 3 : x + speck + 3].any():
                found[y : y + speck, x : x + speck] = 1
        distance = edge_distance(torch.from_numpy(labels[None, None]))[0, 0].numpy()
        rough = ndimage.gaussian_filter(rng.normal(size=labels.shape), 2)
        maps = np.stack([ndimage.gaussian_filter(found, 0.5), distance + noise * rough / rough.std() * found])
        return Predicted(
            replace(sample, folder=folder), (1, 2, 3, 4), np.stack([maps.clip(0, 1)] * 4).astype("f2")
        )

    def make(speck: int = 5, noise: float = 0.02, folders: int = 1) -> list[Predicted]:
        rng = np.random.default_rng(0)
        return [one(s, rng, speck, noise, n % folders) for n, s in enumerate(samples)]

    return make


def test_debris_is_dropped_and_small_objects_are_kept(learned: Learned) -> None:
    """The largest size that was tried was once 30 px, whatever the objects measured."""
    for speck in (4, 7):
        rule = choose_decode(learned(speck), INFO)
        assert speck**2 < rule.min_size, "specks go"
    clean = choose_decode(learned(0), INFO)
    assert clean.min_size <= 12, "no object is given up for nothing"


def test_the_prominence_follows_the_noise(learned: Learned) -> None:
    """Rough maps need a larger one than smooth maps, and each rule is better where it was chosen."""
    smooth, rough = learned(0, 0.01), learned(0, 0.2)
    rules = [choose_decode(p, INFO) for p in (smooth, rough)]
    assert all(rule.seeds == "edge_distance" and rule.seed_threshold == 0 for rule in rules)
    rises = [max(rule.prominence, 0.8 * rule.prominence_share) for rule in rules]
    assert rises[0] < rises[1]
    for p, own, other in ((smooth, *rules), (rough, *rules[::-1])):
        mine, theirs = (pooled_ap50(p, replace(INFO, decode=rule), 4) for rule in (own, other))
        assert mine is not None and theirs is not None and mine > theirs
        assert mine > (0.9 if p is smooth else 0.6)


def test_what_is_hardly_seen_is_no_object_where_that_pays(learned: Learned) -> None:
    """Faint specks on the background of every image, as large as the objects."""

    def with_specks(p: Predicted) -> Predicted:
        maps = p.maps.copy()
        free = np.argwhere(ndimage.uniform_filter((p.sample.labels == 0).astype(float), 13) > 0.999)
        for y, x in free[:: max(1, len(free) // 6)]:
            maps[:, 0, y - 4 : y + 5, x - 4 : x + 5] = 0.7
            maps[:, 1, y - 4 : y + 5, x - 4 : x + 5] = 0.5
        return replace(p, maps=maps)

    clean = learned(0)
    specked = [with_specks(p) for p in clean]
    assert choose_decode(clean, INFO).certainty == 0, "where nothing is to be gained nothing is asked for"
    chosen = choose_decode(specked, INFO)
    assert chosen.certainty > 0
    mine, without = (
        pooled_ap50(specked, replace(INFO, decode=rule), 4) for rule in (chosen, replace(chosen, certainty=0))
    )
    assert mine is not None and without is not None and mine > without + 0.05


def test_every_data_set_and_level_counts_alike(predicted: list[Predicted], nuclei: ModelInfo) -> None:
    """Many images of one kind do not decide for the others."""
    folders = [predicted[:1], [replace(p, sample=replace(p.sample, folder=1)) for p in predicted[1:]]]
    rules, sizes = [nuclei.decode], (nuclei.decode.min_size,)
    (scores,) = ap50_of_rules([*folders[0], *folders[1]], nuclei, (2, 4), rules, sizes)
    each = [pooled_ap50(images, nuclei, level) for images in folders for level in (2, 4)]
    assert scores.shape == (len(CERTAINTIES), 1)
    score = scores[CERTAINTIES.index(nuclei.decode.certainty), 0]
    assert score == pytest.approx(np.mean(np.array(each, float)))
    together = [pooled_ap50(predicted, nuclei, level) for level in (2, 4)]
    assert abs(score - np.mean(np.array(together, float))) > 1e-3


SEMANTIC = replace(
    INFO,
    task="semantic",
    classes=("polyp",),
    outputs=("polyp",),
    net=NetConfig(outputs=1),
    decode=DecodeRule(0.9),
)


def test_semantic_models_have_a_threshold_chosen_where_all_is_certain(learned: Learned) -> None:
    predicted = [replace(p, maps=p.maps[:, :1]) for p in learned(0)]
    chosen = choose_decode(predicted, SEMANTIC)
    assert chosen == replace(SEMANTIC.decode, threshold=chosen.threshold) and chosen.threshold < 0.7


def test_a_hardly_seen_part_of_a_semantic_mask_is_dropped_where_that_pays(learned: Learned) -> None:
    """Frames in which the network half believes in a second polyp."""

    def with_ghost(p: Predicted) -> Predicted:
        maps = p.maps[:, :1].copy()
        free = np.argwhere(ndimage.uniform_filter((p.sample.labels == 0).astype(float), 13) > 0.999)
        for y, x in free[:: max(1, len(free) // 6)]:
            maps[:, 0, y - 4 : y + 5, x - 4 : x + 5] = 0.7
        return replace(p, maps=maps)

    predicted = [with_ghost(p) for p in learned(0)]
    chosen = choose_decode(predicted, replace(SEMANTIC, decode=DecodeRule()))
    assert chosen.certainty > 0
    mine, without = (
        mean_dice(predicted, replace(SEMANTIC, decode=rule), 4)[0]
        for rule in (chosen, replace(chosen, certainty=0.0))
    )
    assert mine > without + 0.01
