"""What a step looks like at each point of a run, as tables."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from napari_unetpp.train import schedule
from napari_unetpp.train.schedule import Stage
from napari_unetpp.train.scratch.loop import TrainingOptions


@pytest.mark.parametrize(("progress", "level"), [(0, 2), (0.11, 2), (0.2, 3), (0.31, 4), (0.9, 4), (1, 4)])
def test_shallow_levels_come_first_from_scratch(progress: float, level: int) -> None:
    assert schedule.stage(progress, depth=4, patch=256, batch=8, grow=True) == Stage(level, 256, 8)
    assert schedule.stage(progress, depth=2, patch=256, batch=8, grow=True).level == 2


@pytest.mark.parametrize("progress", [0, 0.2, 0.9])
def test_a_trained_network_does_not_grow_again(progress: float) -> None:
    assert schedule.stage(progress, depth=4, patch=256, batch=4, grow=False) == Stage(4, 256, 4)


@pytest.mark.parametrize(("steps", "said"), [(0, "0 steps"), (1, "1 step in"), (99, "99 steps"), (100, None)])
def test_far_too_few_steps_are_said(steps: int, said: str | None) -> None:
    warning = schedule.too_few_steps(steps)
    assert warning is None if said is None else warning is not None and said in warning
    assert schedule.too_few_steps(inf) is None


def test_a_step_is_counted_in_pixels() -> None:
    assert Stage(4, 256, 4).pixels == 262_144


def test_the_rate_warms_up_and_falls() -> None:
    rates = [schedule.learning_rate(p, 1.0) for p in np.linspace(0, 1, 101)]
    assert rates[0] < 0.1 and max(rates) > 0.99 and rates[-1] == pytest.approx(schedule.FINAL_RATE)
    assert np.argmax(rates) <= 4


@pytest.mark.parametrize("steps", [200, 20_000])
def test_the_average_remembers_a_tenth_of_a_run_of_any_length(steps: int) -> None:
    """Half of its weight lies on the last steps, and almost none on the first half."""
    kept = np.cumprod([schedule.average_decay(step) for step in range(steps)][::-1])
    half = int(np.argmax(kept < 0.5))
    assert 0.04 * steps < half < 0.15 * steps
    assert kept[steps // 2] < 0.01
    assert schedule.average_decay(10_000, 0.9) == 0.9


@pytest.mark.parametrize(("megapixels", "between"), [(1.0, 50.0), (600.0, 50.0), (4000.0, 200.0), (inf, inf)])
def test_looks_follow_from_the_length(megapixels: float, between: float) -> None:
    assert schedule.validation_megapixels(megapixels) == between


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"megapixels": 4.81}, 74),
        ({"megapixels": 0.262144}, 4),
        ({"steps": 5, "megapixels": 4.0}, 5),
        ({}, inf),
    ],
)
def test_a_run_takes_the_steps_that_it_names_beforehand(options: dict[str, float], steps: float) -> None:
    """The step in which the last megapixel is reached counts."""
    assert TrainingOptions(patch=128, batch=4, **options).steps_planned == steps
