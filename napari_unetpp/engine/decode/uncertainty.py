"""Where a result is most likely wrong: uncertainty per pixel, and the most uncertain places.

Measured on held-out images (`tests/benchmarks/bench_uncertainty.py`; figures in docs/how-it-works.md), the
entropy of the shown level about its threshold finds wrong pixels better than the disagreement of the levels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.feature import peak_local_max

from napari_unetpp._types import DecodeRule, ModelInfo, Spot
from napari_unetpp.engine.decode.labelling import foreground

Maps = NDArray[np.float32]

SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1."""

SMOOTHING = 0.25
"""Gaussian sigma of the map in which places are peaks, as a share of an object's diameter."""

APART = 0.5
"""Least distance of two places, as a share of an object's diameter."""

FAINTEST = 0.1
"""Least value of a place in the smoothed map: less is an ordinary contour."""

MOST_PLACES = 500


def uncertainty(maps: Maps, info: ModelInfo, rule: DecodeRule | None = None) -> Maps:
    """Binary entropy (bits) of the foreground probability, 1 where it equals the threshold.

    The probability is shifted on the logit scale so that the threshold becomes one half. With several
    classes the larger of this and the entropy of the classes, as a share of the largest possible, counts.

    Parameters
    ----------
    maps : ndarray of float32, shape (K, Y, X)
    info : ModelInfo
    rule : DecodeRule, optional
        Gives the threshold; without it that of the model.

    Returns
    -------
    ndarray of float32, shape (Y, X), in [0, 1]
    """
    threshold = (rule or info.decode).threshold
    classes = foreground(maps, info)
    whole = np.clip(classes.sum(axis=0), SMALLEST, 1 - SMALLEST)
    odds = whole / (1 - whole) * ((1 - threshold) / threshold)
    p = np.clip(odds / (1 + odds), SMALLEST, 1 - SMALLEST)
    doubt: Maps = -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
    if len(classes) > 1:
        share = np.clip(classes / whole, SMALLEST, 1)
        between = -(share * np.log2(share)).sum(axis=0) / np.log2(len(classes))
        doubt = np.maximum(doubt, np.minimum(whole * between, 1))
    return doubt.astype(np.float32, copy=False)


def places(doubt: Maps, diameter: float) -> tuple[Spot, ...]:
    """The most uncertain places in descending order, at least half a diameter apart.

    Every contour is uncertain along a thin line, which smoothing removes; wider areas stay.

    Parameters
    ----------
    doubt : ndarray of float32, shape (Y, X)
        Uncertainty.
    diameter : float
        Of a typical object, px.
    """
    smooth = gaussian_filter(doubt, SMOOTHING * diameter)
    peaks = peak_local_max(
        smooth,
        min_distance=max(1, round(APART * diameter)),
        threshold_abs=FAINTEST,
        exclude_border=False,
        num_peaks=MOST_PLACES,
    )
    return tuple(Spot(int(y), int(x), float(smooth[y, x])) for y, x in peaks)
