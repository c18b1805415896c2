"""Which scale follows from the trials of a search: pure functions of their results."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from napari_unetpp._types import ScaleChoice, ScaleSearch

FOUND = "objects of about"

UNSURE = "not sure of any scale, so it stays 1; give the diameter of an object"

UNCLEAR = "no other scale fits clearly better"

FAR = 2
"""Octaves from 1 beyond which a scale needs a larger lead."""

STEP = math.sqrt(2)
"""From a scale to its neighbours."""

SUREST = 1e-3
"""Smaller uncertainties count as this one."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of the network on the sample at one scale.

    Attributes
    ----------
    scale : float
    uncertainty : float
        Of the first sample: the sum of 4p(1 - p) over all pixels, per pixel of foreground; infinite where
        there is no foreground, or nothing else.
    diameter : float
        Of a typical object found there, px of the working grid; 0 where there is none.
    """

    scale: float
    uncertainty: float
    diameter: float


def misfit(trial: Trial, own: float, rule: ScaleSearch) -> float:
    """How badly a scale fits, the lower the better; `own` is the model's diameter, px."""
    if trial.diameter == 0 or trial.uncertainty == math.inf:
        return math.inf
    off, finer = abs(math.log2(trial.diameter / own)), math.log2(trial.scale)
    cost = rule.size * off + rule.fineness * finer + rule.distance * abs(finer)
    return math.log2(max(trial.uncertainty, SUREST)) + cost


def best_trial(trials: Sequence[Trial], own: float, rule: ScaleSearch) -> Trial | None:
    """The trial that fits best; None where nothing was found at any scale."""
    best = min(trials, key=lambda trial: misfit(trial, own, rule), default=None)
    return None if best is None or misfit(best, own, rule) == math.inf else best


def choose(trials: Sequence[Trial], own: float, rule: ScaleSearch) -> ScaleChoice:
    """The scale that follows from all trials: the best one, moved towards that of its object size.

    It is 1 where the best fits hardly better than 1: such a difference may be chance, and most images need 1.
    """
    best = best_trial(trials, own, rule)
    if best is None or misfit(best, own, rule) > math.log2(rule.unsure):
        return ScaleChoice(1.0, UNSURE, weak=True, searched=True)
    lead = min((misfit(trial, own, rule) for trial in trials if trial.scale == 1), default=math.inf)
    lead -= misfit(best, own, rule)
    if best.scale != 1 and lead < rule.lead + rule.far * max(0, abs(math.log2(best.scale)) - FAR):
        return ScaleChoice(1.0, UNCLEAR, searched=True)
    scale = best.scale * min(max(own / best.diameter, 1 / STEP), STEP) ** rule.correction
    reason = f"{FOUND} {own / scale:.0f} px"
    if 1 / rule.near <= scale <= rule.near:
        scale = 1.0
    return ScaleChoice(round(scale, 3), reason, searched=True)
