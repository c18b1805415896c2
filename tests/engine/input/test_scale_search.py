"""The search for the scale: what follows from trials, the sample, its cost, real images of another size."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from napari_unetpp._types import NetConfig, Normalisation, Region, ScaleChoice, ScaleSearch
from napari_unetpp._types.image_rules import SEARCH_WITH_OLDER_MAPS
from napari_unetpp.api import load_model
from napari_unetpp.engine.collect import predict_maps
from napari_unetpp.engine.input import scale_sample, scale_search
from napari_unetpp.engine.input.normalise import measure
from napari_unetpp.engine.input.sampling import resample, resample_labels
from napari_unetpp.engine.input.scale_decision import UNSURE, Trial, choose
from napari_unetpp.engine.input.scale_sample import sample
from napari_unetpp.engine.input.scale_search import (
    EMPTY,
    carried_over,
    diameter_of_mean_area,
    found_diameter,
    search_scale,
)
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.files.models.model_list import SHIPPED
from napari_unetpp.net import graph
from napari_unetpp.train.choose.scores import match_objects

OWN = 20.0
OLDER, RULE = SEARCH_WITH_OLDER_MAPS, ScaleSearch()
MULTIPLE = NetConfig().multiple


@pytest.fixture(scope="module")
def nuclei():
    return load_model(SHIPPED / "nuclei.safetensors", device="cpu")


def search(evaluator, plane, **options):
    return search_scale(evaluator, plane, measure(plane, evaluator.info.normalisation), **options)


def maps_of_discs(info, discs):
    """Maps of discs (y, x, radius, foreground probability) on an empty plane."""
    y, x = np.mgrid[:200, :200]
    maps = np.full((len(info.outputs), 200, 200), 0.01, np.float32)
    for row, column, radius, p in discs:
        inside = np.hypot(y - row, x - column) <= radius
        maps[:, inside] = p
    return maps


def test_what_is_hardly_seen_tells_no_size(nuclei):
    """Three nuclei, and faint specks as texture gives: the size is that of the nuclei."""
    nuclei_discs = [(50, 50, 10, 0.99), (50, 150, 10, 0.99), (150, 50, 10, 0.99)]
    faint = nuclei.info.decode.threshold + 0.03
    specks = [(110 + 15 * k, 110 + 15 * m, 3, faint) for k in range(3) for m in range(3)]
    alone, among = (
        found_diameter(maps_of_discs(nuclei.info, d), nuclei.info)
        for d in (nuclei_discs, nuclei_discs + specks)
    )
    assert among == alone == pytest.approx(20, abs=1)


def test_a_scale_at_which_little_is_certain_tells_no_size(nuclei):
    faint = nuclei.info.decode.threshold + 0.03
    discs = [(50, 50, 10, 0.99), (50, 150, 10, faint), (150, 50, 10, faint)]
    assert found_diameter(maps_of_discs(nuclei.info, discs), nuclei.info) == 0


# ----------------------------------------------------------------- the decision


@pytest.mark.parametrize(
    ("case", "trials", "scale"),
    [
        ("nothing tried", [], 1),
        ("nothing found", [Trial(0.5, math.inf, 0), Trial(1, math.inf, 0)], 1),
        ("objects but nothing sure", [Trial(0.5, 9, 20), Trial(1, 8, 20)], 1),
        ("fits at 1", [Trial(0.5, 0.6, 10), Trial(1, 0.4, 20), Trial(2, 0.4, 40)], 1),
        ("nearly fits at 1", [Trial(0.5, 0.6, 9), Trial(1, 0.4, 18), Trial(2, 0.4, 36)], 1),
        ("three times too large", [Trial(0.25, 0.5, 15), Trial(0.35, 0.35, 21), Trial(1, 1.4, 60)], 1 / 3),
        ("large, in pieces of the right size at 1", [Trial(0.35, 0.4, 21), Trial(1, 1.5, 20)], 1 / 3),
        ("small", [Trial(0.5, 3, 4), Trial(1, 0.9, 7), Trial(2, 0.5, 14), Trial(2.83, 0.48, 20)], 2.83),
        ("as sure when magnified further", [Trial(1, 0.32, 20), Trial(1.41, 0.31, 28), Trial(2, 0.3, 41)], 1),
        (
            "surer only where it is noise",
            [Trial(0.7, 2.0, 17), Trial(1, 2.1, 22), Trial(2.83, 1.9, 20)],
            1,
        ),
        ("hardly better than 1", [Trial(1, 0.7, 32), Trial(1.41, 0.67, 38), Trial(2, 0.66, 38)], 1),
        (
            "a texture that is surer the smaller it is shown",
            [Trial(0.088, 1.1, 9), Trial(0.125, 0.98, 11), Trial(0.25, 1.33, 10), Trial(1, 1.53, 15)],
            1,
        ),
    ],
)
def test_what_follows_from_trials_with_older_maps(case, trials, scale):
    choice = choose(trials, OWN, OLDER)
    assert 1 / 1.1 < choice.scale / scale < 1.1, choice
    weak = case in ("nothing tried", "nothing found", "objects but nothing sure")
    assert (choice.reason == UNSURE) == weak
    if weak:
        assert choice.scale == 1.0


@pytest.mark.parametrize(
    ("case", "trials", "scale"),
    [
        ("fits at 1", [Trial(0.5, 0.6, 12), Trial(1, 0.4, 20), Trial(2, 0.4, 32)], 1),
        ("nearly fits at 1", [Trial(0.5, 0.6, 11), Trial(1, 0.4, 18), Trial(2, 0.4, 30)], 1),
        (
            "surer where objects are too small",
            [Trial(0.25, 0.4, 8), Trial(0.5, 0.5, 14), Trial(1, 0.7, 20)],
            1,
        ),
        ("three times too large", [Trial(0.25, 0.5, 16), Trial(0.35, 0.35, 21), Trial(1, 0.9, 40)], 1 / 3),
        ("large, in pieces of the right size at 1", [Trial(0.35, 0.4, 21), Trial(1, 1.5, 20)], 1 / 3),
        ("small", [Trial(0.5, 3, 5), Trial(1, 0.9, 9), Trial(2, 0.5, 15), Trial(2.83, 0.5, 20)], 2.83),
        ("moved all the way", [Trial(0.5, 0.6, 16), Trial(0.707, 0.5, 25), Trial(1, 0.5, 30)], 0.57),
        ("hardly too large", [Trial(0.707, 0.5, 16.5), Trial(1, 0.5, 22)], 1),
        ("nothing certain but at 1", [Trial(0.35, 0.4, 0), Trial(1, 0.9, 20)], 1),
        ("clusters fit a little better, far away", [Trial(0.35, 1.1, 20), Trial(1, 1.5, 19)], 1),
        ("texture fits a little better, far away", [Trial(1, 1.5, 19), Trial(2.83, 1.1, 20)], 1),
    ],
)
def test_what_follows_from_trials(case, trials, scale):
    assert 1 / 1.1 < choose(trials, OWN, RULE).scale / scale < 1.1, case


def test_models_with_older_maps_keep_their_search(nuclei):
    info = replace(nuclei.info, sampling=replace(nuclei.info.sampling, search=None))
    assert replace(info, outputs=("foreground", "edge_distance")).search == RULE
    assert replace(info, outputs=("foreground", "boundary", "distance", "centre")).search == OLDER
    own = ScaleSearch(size=0.5)
    assert replace(info, sampling=replace(info.sampling, search=own)).search == own


def test_the_reason_names_the_size_that_the_scale_stands_for():
    """So that ``--diameter`` with it gives the same; near 1 it is what was found."""
    assert choose([Trial(0.354, 0.4, 20.5)], OWN, RULE) == ScaleChoice(
        0.345, "objects of about 58 px", searched=True
    )
    assert choose([Trial(1, 0.4, 17)], OWN, RULE) == ScaleChoice(1.0, "objects of about 17 px", searched=True)


def test_pieces_move_the_typical_diameter_less_than_the_median():
    whole, pieces = np.full(10, 314), np.full(12, 30)  # discs of 20 px, and of 6
    assert diameter_of_mean_area(np.concatenate([whole, pieces])) > 14
    assert diameter_of_mean_area(whole) == pytest.approx(20, abs=0.1)
    assert diameter_of_mean_area(np.empty(0, int)) == 0


@pytest.mark.parametrize(("p", "known"), [(0.1, False), (0.8, False), (None, True)])
def test_all_foreground_tells_no_size(p, known):
    """Neither does none."""
    maps = np.full((4, 64, 64), 0.05 if p is None else p, np.float32)
    if p is None:
        maps[:, 10:30, 10:30] = 0.9
    assert math.isfinite(scale_search.foreground_uncertainty(maps[0])) == known


def test_a_window_is_compared_with_what_was_seen_there_before():
    """Surer in the window than outside of it at both scales: that is no reason for the finer one."""
    assert carried_over(0.5, 2.0, 0.5) == 2.0
    assert carried_over(0.25, 2.0, 0.5) == 1.0
    for unknown in ((0.5, math.inf, 0.5), (0.5, 2.0, math.inf)):
        assert carried_over(*unknown) == 0.5
    assert carried_over(math.inf, 2.0, 0.5) == math.inf


# ------------------------------------------------------------------- the sample


@pytest.mark.parametrize("shape", [(512, 512), (300, 2000), (2000, 300), (97, 4000), (130, 121), (60, 40)])
@pytest.mark.parametrize("scale", [0.125, 0.25, 0.5, 1, 2, 2.83])
def test_the_sample_lies_inside_and_costs_no_more_than_allowed(shape, scale):
    pixels = 6400
    thumbnail = np.random.default_rng(0).random((64, 64), np.float32)
    part = sample(thumbnail, shape, scale, pixels, MULTIPLE)
    assert 0 <= part.y0 < part.y1 <= shape[0]
    assert 0 <= part.x0 < part.x1 <= shape[1]
    rows, columns = (-(-round(side * scale) // MULTIPLE) * MULTIPLE for side in part.shape)
    assert rows * columns <= pixels
    assert part == Region.whole(shape) or rows * columns > pixels / 2, "no more is left out than needed"


def test_the_sample_is_where_something_is():
    plane = np.zeros((600, 800), np.float32)
    plane[400:440, 100:140] = 1
    part = sample(plane[::2, ::2], plane.shape, 1.0, 128**2, MULTIPLE)
    assert part.y0 <= 400 and part.y1 >= 440 and part.x0 <= 100 and part.x1 >= 140


# --------------------------------------------------------------------- the cost


def counted(evaluator, monkeypatch):
    """FLOPs of all nodes that are evaluated from now on, in a list."""
    flops = []
    nodes, config = evaluator.nodes, evaluator.info.net

    def count(x, level, known, should_stop):
        done = nodes(x, level, known, should_stop)
        flops.append(sum(graph.node_flops(node, config, *x.shape[-2:]) for node in known))
        return done

    monkeypatch.setattr(evaluator, "nodes", count)
    return flops


@pytest.mark.parametrize("shape", [(256, 256), (520, 696), (200, 1000, 3)])
def test_a_search_takes_at_most_a_third_of_one_run_at_level_3(nuclei, monkeypatch, shape):
    """Down to images of 256 px; with every look that there can be."""
    flops = counted(nuclei, monkeypatch)
    rng = np.random.default_rng(0)
    best = iter([Trial(0.25, 0.5, 20), Trial(2.0, 0.5, 20)])
    monkeypatch.setattr(scale_search, "best_trial", lambda *_: next(best, None))
    search(nuclei, rng.integers(0, 255, shape, np.uint8))
    assert len(flops) == scale_search.TRIALS
    padded = [-(-side // MULTIPLE) * MULTIPLE for side in shape[:2]]
    assert sum(flops) <= graph.flops(3, nuclei.info.net, *padded) / 3


@pytest.mark.parametrize("shape", [(64, 64), (30, 200), (150, 150)])
def test_of_a_tiny_image_no_more_is_looked_at_than_some_objects(nuclei, monkeypatch, shape):
    flops = counted(nuclei, monkeypatch)
    search(nuclei, np.random.default_rng(0).integers(0, 255, shape, np.uint8))
    side = scale_sample.ACROSS * nuclei.info.sampling.value
    assert len(flops) <= scale_search.TRIALS
    assert max(flops) <= graph.flops(2, nuclei.info.net, int(side), int(side))


def test_a_large_image_costs_no_more_than_enough(nuclei):
    pixels = scale_sample.sample_pixels((20000, 20000), nuclei.info, 2, scale_search.TRIALS)
    assert pixels == scale_sample.ENOUGH


# ---------------------------------------------------------------- real and empty


@pytest.mark.parametrize("case", ["constant", "noise", "shot noise", "tiny", "one pixel", "colour noise"])
def test_where_nothing_is_1_is_kept(nuclei, case):
    rng = np.random.default_rng(0)
    plane = {
        "constant": np.full((200, 220), 100, np.uint16),
        "noise": rng.normal(100, 3, (200, 220)).round().astype(np.uint16),
        "shot noise": rng.poisson(20, (200, 220)).astype(np.uint8),
        "tiny": rng.normal(100, 3, (20, 14)),
        "one pixel": np.zeros((1, 1)),
        "colour noise": rng.normal(100, 3, (100, 80, 3)).round().astype(np.uint8),
    }[case]
    choice = search(nuclei, plane)
    assert choice.scale == 1.0 and choice.weak and choice.reason in (EMPTY, UNSURE)


@pytest.mark.parametrize("grain", [1, 2, 5])
def test_smooth_noise_has_no_scale_where_the_range_is_robust(nuclei, grain):
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(100, 30, (200, 220)), grain)
    choice = search_scale(nuclei, noise, measure(noise, Normalisation(rule="robust")))
    assert choice.scale == 1.0 and choice.weak and choice.reason in (EMPTY, UNSURE)


def test_stopped_is_1(nuclei):
    plane = np.random.default_rng(0).random((100, 100))
    assert search(nuclei, plane, should_stop=lambda: True).scale == 1.0


def real(data_root, data, number, side=256):
    pair = read_pairs(data_root / data / "train")[number]
    window = np.s_[:side, :side]
    return read_image(pair.image)[window], read_label(pair.label)[window]


@pytest.mark.parametrize(
    ("data", "number"), [("nuclei_dsb2018", 138), ("nuclei_dsb2018", 414), ("nuclei_tissue", 10)]
)
def test_nuclei_magnified_three_times_are_found_again(nuclei, data_root, data, number):
    """Scale 1 finds next to none of them; the scale that is found, most of what was found before."""
    image, labels = real(data_root, data, number)
    large = resample(image, 3.0)
    large_labels = resample_labels(labels, large.shape[:2])

    def ap50(plane, truth, **options):
        found = predict_maps(plane, nuclei, level=2, **options)
        return match_objects(found.labels(), truth).ap50, found.scale

    before, _ = ap50(image, labels, scale=1.0)
    lost, _ = ap50(large, large_labels, scale=1.0)
    again, choice = ap50(large, large_labels)
    assert lost < before / 2
    assert again > 0.75 * before, (before, lost, again)
    assert choice.scale < 0.7 and choice.reason.startswith("objects of about")


def test_the_same_plane_gives_the_same_scale(nuclei, data_root):
    image, _ = real(data_root, "nuclei_dsb2018", 100)
    assert search(nuclei, image) == search(nuclei, image)


def test_a_bright_background_in_colour(nuclei, data_root):
    """Nuclei that are dark on a bright ground; three times larger they are found at about a third."""
    image, _ = real(data_root, "nuclei_dsb2018", 3)
    assert image.ndim == 3
    native, large = search(nuclei, image), search(nuclei, resample(image, 3.0))
    assert 2 < native.scale / large.scale < 4.5
