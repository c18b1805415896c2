"""Where patches lie, on real samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unetpp.train.data.augment import Augmentation
from napari_unetpp.train.data.placement import JITTER, Placement, sampling_weights
from napari_unetpp.train.data.samples import Sample

MODEL = 20.0


def sizes_shown(samples: list[Sample], variation: Augmentation, count: int = 400) -> np.ndarray:
    """Diameters of typical objects in patches."""
    placing = Placement(samples, sampling_weights(samples), variation, diameter=MODEL)
    placed = placing.draw(count, 256, np.random.default_rng(0))
    zoom = np.abs(np.linalg.det(placed.matrix)) ** -0.5
    own = np.array([samples[n].diameter for n in placed.which])
    return own * zoom


def test_sizes_cover_a_factor_of_three_each_way_around_the_model(nuclei: list[Sample]) -> None:
    shown = sizes_shown(nuclei, Augmentation(zoom=(0.5, 2.0), sizes=3.0))
    assert shown.min() > MODEL / 3.01 and shown.max() < 3.01 * MODEL
    assert np.percentile(shown, 3) < MODEL / 2 and np.percentile(shown, 97) > 1.8 * MODEL
    assert 0.3 < (np.abs(np.log(shown / MODEL)) < np.log(1.4)).mean() < 0.8, "most lie near the model's own"


def test_images_of_large_objects_are_shrunk(nuclei: list[Sample]) -> None:
    large = replace(
        nuclei[0],
        image=nuclei[0].image.repeat(6, 1).repeat(6, 2),
        labels=nuclei[0].labels.repeat(6, 0).repeat(6, 1),
        ignore=nuclei[0].ignore.repeat(6, 0).repeat(6, 1),
    )
    placing = Placement([large], np.ones(1), Augmentation(sizes=3.0), diameter=MODEL)
    placed = placing.draw(50, 128, np.random.default_rng(1))
    assert large.diameter and large.diameter > 3 * MODEL
    assert placed.level.min() >= 1, "read from a smoothed copy"


def test_patches_lie_on_objects(nuclei: list[Sample]) -> None:
    placing = Placement(nuclei, sampling_weights(nuclei), Augmentation(on_foreground=1.0), diameter=MODEL)
    placed = placing.draw(200, 64, np.random.default_rng(0))
    zoom = np.abs(np.linalg.det(placed.matrix)) ** -0.5
    for n, where, z in zip(placed.which, placed.centre, zoom, strict=True):
        y, x = np.nonzero(nuclei[n].labels)
        nearest = np.min(np.maximum(np.abs(y - where[0]), np.abs(x - where[1])))
        assert nearest <= JITTER * 64 / z + nuclei[n].labels.max()


def test_every_turn_and_both_sides_are_drawn(nuclei: list[Sample]) -> None:
    placing = Placement(nuclei, sampling_weights(nuclei), Augmentation(), diameter=MODEL)
    matrix = placing.draw(200, 64, np.random.default_rng(0)).matrix
    mirrored = np.linalg.det(matrix) < 0
    assert 0.3 < mirrored.mean() < 0.7
    turn = np.arctan2(matrix[:, 1, 0], matrix[:, 0, 0])
    assert np.histogram(turn, 8, (-np.pi, np.pi))[0].min() > 8


def test_noise_is_drawn_as_often_as_asked(nuclei: list[Sample]) -> None:
    noise = [replace(nuclei[0], labels=np.zeros_like(nuclei[0].labels)) for _ in range(3)]
    placing = Placement(
        [*nuclei, *noise], sampling_weights(nuclei), Augmentation(empty=0.25), diameter=MODEL, noise=3
    )
    which = placing.draw(800, 64, np.random.default_rng(0)).which
    assert abs((which >= len(nuclei)).mean() - 0.25) < 0.06
    assert set(which[which >= len(nuclei)]) == {len(nuclei) + k for k in range(3)}
