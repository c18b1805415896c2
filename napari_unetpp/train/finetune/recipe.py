"""Settings of a fine-tuning, and its stages: pure functions of the progress in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from napari_unetpp._types import NetConfig
from napari_unetpp.net import graph
from napari_unetpp.train.finetune.familiar import FAMILIAR


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings, chosen by measurement (see "Fine-tuning" in docs/how-it-works.md).

    Attributes
    ----------
    patch, batch : int
        Side of the patches in px (working grid), patches in a step.
    rate : float
        Peak learning rate of AdamW.
    decay : float
        Decay of the weight average, per step.
    growth : tuple of (level, share)
        Levels trained one after the other, and the share of the run's work for each.
    validations : tuple of float
        Progress at which the average is validated, besides at the end.
    norms : {"train", "keep"}
        Update batch-norm statistics from the batches, or keep those of the parent.
    norm_batches : int
        Batches of patches without augmentation on which the statistics of the average are measured before it
        is validated.
    familiar : float
        Agreement with the labels from which such images are familiar to the parent: then its norms are kept,
        and the learning rate is lower.
    familiar_rate : float
        Factor of the peak learning rate for familiar images.
    """

    patch: int = 128
    batch: int = 4
    rate: float = 2e-3
    decay: float = 0.9
    growth: tuple[tuple[int, float], ...] = ((2, 0.3), (3, 0.3), (4, 0.4))
    validations: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 0.9)
    norms: Literal["train", "keep"] = "train"
    norm_batches: int = 4
    familiar: float = FAMILIAR
    familiar_rate: float = 0.25


def recipe_for(recipe: Recipe, agreement: float) -> Recipe:
    """The recipe for a parent that agrees so far with the labels; familiar images get a gentler one."""
    if agreement < recipe.familiar:
        return recipe
    return replace(recipe, norms="keep", rate=recipe.rate * recipe.familiar_rate)


def level_at(progress: float, recipe: Recipe, depth: int) -> int:
    """The level whose nodes are trained at this share of the work."""
    done = 0.0
    for level, share in recipe.growth:
        done += share
        if progress < done:
            return min(level, depth)
    return depth


def work_done(steps: float, recipe: Recipe, net: NetConfig) -> float:
    """Share of the work that a share of the steps has done; steps of deep levels cost more FLOPs.

    Each level of `growth` gets steps until they make up its share of the work.
    """
    shares = [(share, share / _cost(min(level, net.depth), net)) for level, share in recipe.growth]
    all_steps = sum(count for _, count in shares)
    left, work = steps * all_steps, 0.0
    for share, count in shares:
        part = min(left, count)
        work += share * part / count
        left -= part
    return min(work, 1.0) if steps < 1 else 1.0


def _cost(level: int, net: NetConfig) -> float:
    return graph.flops(level, net, 128, 128) / graph.flops(net.depth, net, 128, 128)
