"""What a training step looks like at each point of the run: pure functions of the progress in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

WARM_UP = 0.03
FINAL_RATE = 0.01


@dataclass(frozen=True, slots=True)
class Stage:
    """Level whose nodes are trained (with all heads up to it), patch side and patches per batch."""

    level: int
    patch: int
    batch: int


def stage(
    progress: float, *, depth: int, patch: int, batch: int, grow: bool = True, last_patch: int | None = None
) -> Stage:
    """Growing stages: shallow levels first (their steps cost a third), large patches last.

    The nodes of a level are a subset of those of the next, so nothing that was learned
    is lost; the deep nodes then start from features that already segment. A network that
    was trained before does not `grow`: all its levels are trained from the start.
    The last patches have `last_patch` px; None: half as much again as the others.
    """
    if grow and progress < 0.12:
        return Stage(min(2, depth), patch, batch)
    if grow and progress < 0.30:
        return Stage(min(3, depth), patch, batch)
    if progress < 0.85:
        return Stage(depth, patch, batch)
    return Stage(depth, patch * 3 // 2 if last_patch is None else last_patch, batch)


def learning_rate(progress: float, peak: float) -> float:
    """Linear warm-up, then half a cosine down to `FINAL_RATE` times the peak."""
    if progress < WARM_UP:
        return peak * (0.05 + 0.95 * progress / WARM_UP)
    rest = min(1.0, (progress - WARM_UP) / (1 - WARM_UP))
    return peak * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + cos(pi * rest)))


def average_decay(step: int, decay: float) -> float:
    """Decay of the weight average: short memory at first, `decay` in the end."""
    return min(decay, (1 + step) / (10 + step))
