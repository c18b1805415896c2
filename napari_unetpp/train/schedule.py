"""Stages, learning rate and averaging over a training run: pure functions of the progress in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, inf, pi

from napari_unetpp.files.text import counted

WARM_UP = 0.03
FINAL_RATE = 0.01

VALIDATIONS = 20
"""Most validations in a run whose length is given in megapixels."""

VALIDATION_MEGAPIXELS = 50.0
"""Fewest megapixels between two validations: one costs as much as training for about two megapixels."""

FEWEST_STEPS = 100
"""In a shorter run the warm-up has less than three steps, and the average covers less than a dozen."""


def too_few_steps(steps: float) -> str | None:
    """A warning if a run is too short to learn anything, else None."""
    if steps >= FEWEST_STEPS:
        return None
    return (
        f"warning: {counted(round(steps), 'step')} in all, fewer than {FEWEST_STEPS}, are "
        "far too few to learn from. Give more --minutes, --epochs or --megapixels."
    )


@dataclass(frozen=True, slots=True)
class Stage:
    """Level whose nodes are trained (with all heads up to it), side of the patches, patches per batch."""

    level: int
    patch: int
    batch: int

    @property
    def pixels(self) -> int:
        """Pixels of the patches of one step."""
        return self.batch * self.patch**2


def stage(progress: float, *, depth: int, patch: int, batch: int, grow: bool) -> Stage:
    """The stage of a step. With `grow` (random weights) shallow levels come first: a step costs a third.

    The nodes of a level are a subset of those of the next, so nothing that was learned is lost, and deep
    nodes start from features that already segment. Without `grow` all levels are trained from the start.
    """
    if grow and progress < 0.12:
        return Stage(min(2, depth), patch, batch)
    if grow and progress < 0.30:
        return Stage(min(3, depth), patch, batch)
    return Stage(depth, patch, batch)


def learning_rate(progress: float, peak: float) -> float:
    """Linear warm-up, then half a cosine down to `FINAL_RATE` times the peak."""
    if progress < WARM_UP:
        return peak * (0.05 + 0.95 * progress / WARM_UP)
    rest = min(1.0, (progress - WARM_UP) / (1 - WARM_UP))
    return peak * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + cos(pi * rest)))


def average_decay(step: int, most: float = 1.0) -> float:
    """Decay of the weight average at a step: the average covers about the last ninth of the steps so far.

    This is right for a run of any length (power function average: Karras et al., *Analyzing and Improving the
    Training Dynamics of Diffusion Models*, CVPR 2024, section 3). The decay never exceeds `most`.
    """
    return min(most, (1 + step) / (10 + step))


def validation_megapixels(megapixels: float) -> float:
    """Megapixels between two validations; infinite for a run of infinite length.

    They depend on the length alone, so that a run is the same on any machine.
    """
    return inf if megapixels == inf else max(VALIDATION_MEGAPIXELS, megapixels / VALIDATIONS)
