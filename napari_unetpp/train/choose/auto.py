"""The stopping rule of Auto, chosen on held-out images (see `engine.auto.stopping`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from napari_unetpp._types import AUTO, LevelScores, ModelInfo, StoppingRule, UnetppError, UsageError
from napari_unetpp.engine.auto import squares, stopping
from napari_unetpp.engine.auto.node_plan import NodePlan
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.device import choose_device
from napari_unetpp.engine.tiles import padded_shape
from napari_unetpp.files.models.model_file import read_tensors, save_model
from napari_unetpp.files.text import counted
from napari_unetpp.net import graph
from napari_unetpp.train.choose.levels import LEVEL_MARGIN, Predicted, mean_dice, pooled_ap50, predict_samples
from napari_unetpp.train.data.held_out import split_samples
from napari_unetpp.train.data.samples import read_samples
from napari_unetpp.train.parent import load_network

TOLERANCE = 0.003
"""Dice that Auto may lose against the deepest level."""

LIMITS = (0.1, 0.07, 0.05, 0.035, 0.025, 0.018, 0.0125, 0.009, 0.006, 0.004, 0.0025, 0.0015)
"""Limits that are tried for the share of pixels expected to change in a square that stops, loosest first."""

FINER_LIMITS = 3
"""So many more limits are tried between the loosest good one and the next looser one."""

LARGEST_SHARE = 0.6
"""A rule that executes more than this share of the deepest level's FLOPs saves too little."""


def choose_stopping(
    predicted: Sequence[Predicted], info: ModelInfo, *, tolerance: float = TOLERANCE
) -> StoppingRule | None:
    """The loosest rule with which Auto is within the tolerance of the deepest level.

    First, for each level, the share of a square that will still change is fitted to its uncertainty and its
    last change (non-negative least squares over all squares).

    Parameters
    ----------
    predicted : sequence of Predicted
        All levels of held-out images.
    info : ModelInfo
    tolerance : float
        Dice that may be lost. AP50, where it is defined, may lose `LEVEL_MARGIN`.

    Returns
    -------
    StoppingRule or None
        None where no rule within the tolerance saves enough, and for a network without a head for every
        level.
    """
    if not predicted or len(info.net.levels) < max(2, info.net.depth):
        return None
    doubt, change = zip(*(_weights(predicted, level, info) for level in info.net.levels[:-1]), strict=True)
    depth = info.net.depth
    dice, iou = mean_dice(predicted, info, depth)
    deepest = LevelScores(dice, iou, pooled_ap50(predicted, info, depth), graph.parameters(depth, info.net))
    rule = StoppingRule(doubt, change, 0.0, tolerance, 1.0, deepest, stopping.SQUARE)
    found = _loosest(predicted, info, rule, LIMITS)
    if found is not None and found.limit < LIMITS[0]:
        looser = min(limit for limit in LIMITS if limit > found.limit)
        between = np.geomspace(looser, found.limit, FINER_LIMITS + 2)[1:-1]
        found = _loosest(predicted, info, rule, [float(f"{limit:.2g}") for limit in between]) or found
    return found if found is not None and found.share <= LARGEST_SHARE else None


def _loosest(
    predicted: Sequence[Predicted], info: ModelInfo, rule: StoppingRule, limits: Sequence[float]
) -> StoppingRule | None:
    measured = (_measured(predicted, info, replace(rule, limit=limit)) for limit in limits)
    return next((found for found in measured if found is not None), None)


def _measured(predicted: Sequence[Predicted], info: ModelInfo, rule: StoppingRule) -> StoppingRule | None:
    """The rule with the scores of Auto and the share of FLOPs it executes; None where Auto loses too much.

    `rule.scores` are those of the deepest level.
    """
    found = [simulate_auto(p, info, rule) for p in predicted]
    results, best = [p for p, _ in found], rule.scores
    dice, iou = mean_dice(results, info, AUTO)
    if best.dice is None or dice < best.dice - rule.tolerance:
        return None
    ap50 = pooled_ap50(results, info, AUTO)
    if ap50 is not None and best.ap50 is not None and ap50 < best.ap50 - LEVEL_MARGIN:
        return None
    whole = sum(graph.flops(info.net.depth, info.net, *_plane(p, info)) for p in predicted)
    share = sum(flops for _, flops in found) / whole
    return replace(rule, share=share, scores=replace(best, dice=dice, iou=iou, ap50=ap50))


def calibrate_folder(
    info: ModelInfo,
    folder: Path,
    out: Path,
    *,
    held_out: bool = False,
    tolerance: float = TOLERANCE,
    device: str = "auto",
    precision: str = "auto",
    log: Callable[[str], None],
) -> StoppingRule:
    """Write a copy of a model with a stopping rule chosen on a folder of labelled images.

    Parameters
    ----------
    info : ModelInfo
    folder, out : Path
    held_out : bool
        Use only the images that training holds out of `folder`.
    tolerance : float
        As in `choose_stopping`.
    device, precision
        As in `engine.device.choose_device`: the rule is measured as the model is used.
    log : callable
        Receives lines about what is done.

    Raises
    ------
    UnetppError
        No rule is within the tolerance, or there is nothing to measure.
    """
    assert info.path is not None, "a model of the list has a file"
    choice = choose_device(device, precision)
    if choice.note:
        log(f"note: {choice.note}")
    if choice.dtype == "int8":
        raise UsageError("the rule of Auto is measured in floating point. Leave --precision int8 out.")
    samples = read_samples(folder, info, log)
    if held_out:
        _, samples = split_samples(samples)
        if not samples:
            raise UnetppError(
                f"training holds no image of {folder} out: it has too few. Leave --held-out away, and give "
                "images that the model was not trained on."
            )
    if not any(sample.labels.any() for sample in samples):
        raise UnetppError(f"no label image in {folder} has any foreground, so there is nothing to measure.")
    log(f"measuring all levels on {counted(len(samples), 'image')}, {choice.label}")
    net = load_network(info)
    predicted = predict_samples(net, samples, info, device=choice.device, dtype=choice.torch_dtype)
    rule = choose_stopping(predicted, info, tolerance=tolerance)
    if rule is None:
        raise UnetppError(
            f"no stopping rule keeps {info.name!r} within {tolerance:g} Dice of its deepest level for less "
            f"than {LARGEST_SHARE:.0%} of its work on {counted(len(samples), 'image')} of {folder}; raise "
            "--tolerance, or give more images."
        )
    save_model(out, read_tensors(info.path), replace(info, stopping=rule), half=True)
    return rule


def simulate_auto(predicted: Predicted, info: ModelInfo, rule: StoppingRule) -> tuple[Predicted, int]:
    """Maps of Auto with a rule, as level `AUTO`, and its FLOPs; made of the maps of all levels."""
    config, plane = info.net, _plane(predicted, info)
    maps = predicted.level(1)
    active = np.ones(squares.square_grid(maps.shape[1:], rule.square), bool)
    coverage = NodePlan(config, plane, rule.square, graph.nodes(1, config.arch))
    flops = graph.flops(1, config, *plane)
    before: NDArray[np.float32] | None = None
    for level in range(2, config.depth + 1):
        active = stopping.go_deeper(maps, before, level - 1, active, info, rule)
        before, more = maps, active
        while more.any():
            flops += sum(map(coverage.flops, coverage.steps(level, more)))
            inside = squares.pixels(more, rule.square, maps.shape[1:])
            maps = np.where(inside, predicted.level(level), maps)
            active = active | more
            more = stopping.cut_off(labelling.mask(maps, info), active, rule.square)
    return Predicted(predicted.sample, (AUTO,), maps[None].astype(np.float16)), flops


def _weights(predicted: Sequence[Predicted], level: int, info: ModelInfo) -> tuple[float, float]:
    """Weights of uncertainty and last change in the change to expect from a level to the deepest one."""
    square = stopping.SQUARE
    signs, changed = [], []
    for p in predicted:
        before = p.level(level - 1) if level > 1 else None
        signs.append(stopping.stopping_signs(p.level(level), before, info, square).reshape(-1, 2))
        last = stopping.class_map(p.level(info.net.depth), info)
        now = stopping.class_map(p.level(level), info)
        changed.append(squares.square_means(now != last, square).ravel())
    weights, _ = nnls(np.concatenate(signs), np.concatenate(changed))
    return float(weights[0]), float(weights[1])


def _plane(predicted: Predicted, info: ModelInfo) -> tuple[int, int]:
    height, width = predicted.maps.shape[-2:]
    return padded_shape((height, width), info.net.multiple)
