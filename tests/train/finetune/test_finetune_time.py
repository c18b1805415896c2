"""What the user waits for a fine-tuning, by a clock of our own; and what is compared with what."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("monai")
import torch

from napari_unetpp._types import (
    FinetuneDone,
    FinetuneEvent,
    FinetuneProgress,
    FinetuneRequest,
    LabelledPlane,
    ModelInfo,
)
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import read_label, read_pairs
from napari_unetpp.train.finetune import report, teacher
from napari_unetpp.train.finetune import run as learning
from napari_unetpp.train.finetune import step as tuner
from napari_unetpp.train.finetune.data import planes as preparation
from napari_unetpp.train.finetune.data.examples import Example
from napari_unetpp.train.finetune.data.planes import cropped
from napari_unetpp.train.finetune.recipe import Recipe
from napari_unetpp.train.finetune.validate import AROUND, Predictor

SMALL = Recipe(patch=32, batch=1, rate=1e-2, norm_batches=1)
SIDE = 256
A_STEP = 1.0


@pytest.fixture(scope="module")
def cells(data_root) -> list[LabelledPlane]:  # type: ignore[no-untyped-def]
    """Twelve crops of phase-contrast images, every pixel labelled, seen at their own scale."""
    pairs = read_pairs(data_root / "cells_phase" / "train")[:24:2]
    window = (slice(300, 300 + SIDE), slice(300, 300 + SIDE))
    return [
        LabelledPlane(p.stem, read_image(p.image)[window], read_label(p.label)[window], "reviewed", scale=1)
        for p in pairs
    ]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A machine that takes so many seconds to look at a megapixel, a second for a step, 2 for a search."""
    now = 0.0

    def spend(seconds: float) -> None:
        nonlocal now
        now += seconds

    def set_up(megapixel: float) -> None:
        monkeypatch.setattr(time, "monotonic", lambda: now)
        maps, step, read = Predictor.maps, tuner.Tuner.step, preparation.with_scale_and_range
        example = preparation.make_example

        def slow_maps(self: Predictor, example: Any, region: Any, levels: int) -> Any:
            height, width = (
                min(n + 2 * AROUND, whole) for n, whole in zip(region.shape, example.shape, strict=True)
            )
            spend(megapixel * height * width / 1e6)
            return maps(self, example, region, levels)

        def slow_step(self: tuner.Tuner, progress: float) -> float:
            spend(A_STEP)
            return step(self, progress)

        def slow_read(plane: LabelledPlane, evaluator: Any) -> LabelledPlane:
            spend(0.0 if plane.scale else 2.0)
            return read(replace(plane, scale=1.0), evaluator)

        def slow_example(plane: LabelledPlane, info: ModelInfo) -> Example:
            spend(50e-6 * plane.labels.size)  # a crop takes 3.3 s
            return example(plane, info)

        monkeypatch.setattr(Predictor, "maps", slow_maps)
        monkeypatch.setattr(tuner.Tuner, "step", slow_step)
        monkeypatch.setattr(preparation, "with_scale_and_range", slow_read)
        monkeypatch.setattr(preparation, "make_example", slow_example)

    return set_up


def events_of(model: ModelInfo, planes: Sequence[LabelledPlane], **options: Any) -> list[FinetuneEvent]:
    request = FinetuneRequest(model, tuple(planes), device="cpu", **options)
    return list(learning.finetune(request, recipe=SMALL))


@pytest.mark.parametrize("megapixel", [0.1, 2.0, 10.0])
def test_the_budget_is_what_the_user_waits(
    megapixel: float, tiny_model: ModelInfo, cells: list[LabelledPlane], slow: Callable[[float], None]
) -> None:
    """Twelve images whose scale has to be found: preparation, looks and scores are within the 60 seconds."""
    slow(megapixel)
    planes = [replace(plane, scale=None) for plane in cells]
    *events, done = events_of(tiny_model, planes, seconds=60.0)
    assert isinstance(done, FinetuneDone) and done.after is not None
    assert time.monotonic() - A_STEP <= done.seconds <= 60 + A_STEP
    assert done.steps >= 25, "most of the time is spent on learning"
    progress = [event for event in events if isinstance(event, FinetuneProgress)]
    assert 0 < progress[0].seconds < 30 and progress[-1].fraction == 1
    assert done.info.provenance["seconds"] == round(done.seconds, 1)
    assert any("Time was short" in note for note in done.notes)


def test_a_budget_that_preparation_uses_up_still_learns_a_step(
    tiny_model: ModelInfo, cells: list[LabelledPlane], slow: Callable[[float], None]
) -> None:
    slow(50.0)
    *_, done = events_of(tiny_model, cells[:2], seconds=1.0)
    assert isinstance(done, FinetuneDone) and done.steps == 1


@pytest.mark.parametrize("pixels", [1, 900, 40_000, SIDE * SIDE, np.inf])
@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_a_part_of_a_large_plane(pixels: float, scale: float, cells: list[LabelledPlane]) -> None:
    """It holds a labelled pixel, and has no more pixels than there is time for."""
    certain = np.zeros((SIDE, SIDE), bool)
    certain[3:9, 240:250] = True
    plane = replace(cells[0], certain=certain, ignore=~certain, scale=scale)
    part = cropped(plane, pixels, np.random.default_rng(0))
    assert part.image.shape[:2] == part.labels.shape == part.certain.shape == part.ignore.shape  # type: ignore[union-attr]
    assert part.certain.any()  # type: ignore[union-attr]
    assert part.labels.size * scale**2 <= 1.1 * max(pixels, scale**2)
    assert (part is plane) == (SIDE * SIDE * scale**2 <= pixels)


def test_without_a_time_limit_every_example_is_asked_about(
    tiny_model: ModelInfo, cells: list[LabelledPlane], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, float]] = []
    real = teacher._predict

    def seen(looker: Predictor, example: Any, side: int, budget: float, rng: np.random.Generator) -> Any:
        asked.append((side, budget))
        return real(looker, example, side, budget, rng)

    monkeypatch.setattr(teacher, "_predict", seen)
    events_of(tiny_model, cells, seconds=None, steps=1)
    assert len(asked) == len(cells)
    assert all(side == teacher.TILE and budget >= teacher.TILE**2 for side, budget in asked)


# ------------------------------------------------------------ like with like


def test_every_look_is_at_all_levels(tiny_model: ModelInfo, cells: list[LabelledPlane]) -> None:
    """Two heads at 20 % were once compared with four heads at the end."""
    looks = [
        event.dice
        for event in events_of(tiny_model, cells[:2], seconds=None, steps=10)
        if isinstance(event, FinetuneProgress) and event.dice
    ]
    assert len(looks) >= 5 and all(list(dice) == [1, 2, 3, 4] for dice in looks)


def test_weights_and_scores_are_of_one_moment(
    tiny_model: ModelInfo, cells: list[LabelledPlane], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the moments that are looked at the best mean of all levels counts, and its own scores are told."""
    *events, done = events_of(tiny_model, cells[:2], seconds=None, steps=12)
    assert isinstance(done, FinetuneDone) and done.after is not None
    looks = [e.dice for e in events if isinstance(e, FinetuneProgress) and e.dice]
    best = max(looks, key=lambda dice: sum(dice.values()))
    told = {level: scores.dice for level, scores in done.after.levels.items()}
    assert told == pytest.approx(best)


def test_where_no_step_was_better_the_table_shows_no_losses(
    tiny_model: ModelInfo, cells: list[LabelledPlane], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent is used with its own threshold, before and after."""
    parent = replace(tiny_model, decode=replace(tiny_model.decode, threshold=0.3))

    def spoil(self: tuner.Tuner, progress: float) -> float:
        with torch.no_grad():
            for network in (self.net, self.average.net):
                for head in network.heads.values():
                    head.bias.fill_(-30.0)
        self.steps += 1
        return 1.0

    monkeypatch.setattr(tuner.Tuner, "step", spoil)
    *_, done = events_of(parent, cells[:2], seconds=None, steps=4)
    assert isinstance(done, FinetuneDone) and learning.NO_BETTER in done.notes
    assert done.before is not None and done.after == done.before and done.better is False
    assert any(scores.dice for scores in done.before.levels.values()), "the parent finds something"
    assert done.info.decode == parent.decode and done.info.validation == done.before
    text = report.scores_text(done)
    assert text.count("same") == 4 and "worse" not in text.replace("not better", "")
    assert {level["judged"] for level in report.plain(done, [])["levels"].values()} == {"same"}
