"""Decode rules that are tried on held-out images (`validate.choose_decode`)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import EDGE_CAP, DecodeRule

THRESHOLDS = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)

SEED_THRESHOLDS: Mapping[str, tuple[float, ...]] = {
    "boundary": (0.4, 0.5, 0.6, 0.7),
    "object_border": (0.4, 0.5, 0.6, 0.7),
    "distance": (0.35, 0.45, 0.55, 0.65),
    "centre": (0.35, 0.45, 0.55, 0.65),
    "mask": (0.5, 0.65, 0.8),
}
"""Connected parts above these are tried as seeds."""

PEAK_THRESHOLD, PEAKS = 0.2, (0.02, 0.05)
"""Peaks that reach the threshold and rise by so much are tried, too."""

EDGE_PIXELS, EDGE_SHARES = (0.5, 1.0, 1.5, 2.0), (0.0, 0.06, 0.12, 0.2)
"""Of ``edge_distance`` peaks are tried that rise by so many px, and by such a share of their height."""

SIZES = 8
"""So many minimum sizes are tried."""


def seed_rules(base: DecodeRule, outputs: tuple[str, ...]) -> list[list[DecodeRule]]:
    """Rules for seeds, simple ones first, in groups of one landscape.

    Of a model with ``edge_distance`` nothing else is tried: it parts objects best (docs/how-it-works.md).
    """
    if "edge_distance" in outputs:
        rises = itertools.product(EDGE_SHARES, EDGE_PIXELS)
        return [[_rule(base, "edge_distance", 0.0, px / EDGE_CAP, share) for share, px in rises]]
    groups = []
    for name, thresholds in SEED_THRESHOLDS.items():
        if name == "mask" or name in outputs:
            groups.append([_rule(base, name, threshold, 0.0, 0.0) for threshold in thresholds])
            groups.append([_rule(base, name, PEAK_THRESHOLD, peak, 0.0) for peak in PEAKS])
    return groups


def _rule(base: DecodeRule, name: str, threshold: float, prominence: float, share: float) -> DecodeRule:
    return replace(
        base,
        seeds=name,  # type: ignore[arg-type]
        seed_threshold=threshold,
        prominence=prominence,
        prominence_share=share,
    )


def min_sizes(areas: NDArray[np.integer]) -> tuple[int, ...]:
    """Minimum sizes (px) that suit objects of these areas: from none to half of the median, denser below."""
    half = float(np.median(areas)) / 2
    return tuple(sorted({round(half * (n / (SIZES - 1)) ** 2) for n in range(SIZES)}))
