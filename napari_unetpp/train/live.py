"""What is told of a training while it runs: scores of the averaged weights, as a line and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from napari_unetpp._types import ModelInfo
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.fit import Progress
from napari_unetpp.train.samples import Sample
from napari_unetpp.train.validate import mean_dice, predict_samples

LIVE_IMAGES, LIVE_CROP = 16, 256
"""The live line is measured on the middles of this many held-out images; the final scores on all of them."""


def live_scores(net: UNetPlusPlus, held: Sequence[Sample], info: ModelInfo, device: str) -> dict[int, float]:
    """Dice per level on a part of the held-out images; empty without any."""
    if not held:
        return {}
    predicted = predict_samples(
        net, held[:: max(1, len(held) // LIVE_IMAGES)], info, device=device, crop=LIVE_CROP
    )
    return {d: mean_dice(predicted, info, d)[0] for d in info.net.levels}


def line(report: Progress, dice: dict[int, float]) -> str:
    """One line for people."""
    levels = "  ".join(f"L{d} {v:.3f}" for d, v in dice.items()) or "no validation"
    return (
        f"{100 * report.progress:3.0f} %  {report.seconds / 60:6.1f} min  step {report.step:6d}  "
        f"loss {report.loss:.4f}  Dice {levels}"
    )


def entry(report: Progress, dice: dict[int, float]) -> dict[str, Any]:
    """The same as plain values, for ``train --json``."""
    return {
        "step": report.step,
        "seconds": report.seconds,
        "loss": report.loss,
        "dice": dice,
        **asdict(report.stage),
    }
