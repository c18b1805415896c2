"""The scale at which the network knows the objects of an image best, where nobody says how large they are.

The image is shown to a shallow level at scales from coarse to fine. Where the model fits, it is sure of what
it calls foreground, and what it finds there is about as large as the objects that it was trained on. Neither
tells enough alone. Of an image that is magnified further than it needs to be, the network is as sure; large
objects at too fine a scale fall into pieces of just the right size, but of these it is unsure.

Only a sample is looked at: the whole image at coarse scales, at finer ones a window in which something is,
so that the search takes at most a third of the FLOPs of L3 for the image at scale 1 (but for
small images, of which a window of `FEWEST` px is looked at at every scale).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_unetpp._types import (
    ModelInfo,
    NetConfig,
    Node,
    Region,
    ScaleChoice,
    ScaleSearch,
    ShouldStop,
    never_stop,
)
from napari_unetpp.engine import decode
from napari_unetpp.engine.normalise import NormStats, to_input
from napari_unetpp.engine.sampling import resample, working_shape
from napari_unetpp.engine.tiles import padded_shape
from napari_unetpp.net import graph

if TYPE_CHECKING:
    from napari_unetpp.engine.evaluator import Evaluator

UNSURE = "not sure of any scale: 1 kept; set the circle or --diameter"

SHARE = 1 / 3
"""Of the FLOPs of the yardstick, what the search takes at most."""

YARDSTICK = 3
"""The level whose FLOPs for the image at scale 1 are the measure."""

FEWEST = 96**2
"""Pixels of the working grid that are looked at even of a small image."""

MOST = 512**2
"""Pixels of the working grid that are enough."""

PAINTED = 0.5
"""Probability from which a pixel counts as foreground for the uncertainty."""

SMALLEST_OBJECT = 10
"""Pixels of the working grid; smaller ones do not count for the diameter."""

COARSE = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Scales that are looked at first; then the two half-way steps beside the best of them."""

STEP = math.sqrt(2)

LOOKS = len(COARSE) + 2

NARROWEST = 16
"""Side (px of the working grid) of the smallest sample that is looked at."""

THUMBNAIL = 512
"""Longer side (px) of the copy in which a window is chosen."""

BLUR = 3
"""Side (px) of the squares over which that copy is averaged."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the network says of the sample at one scale.

    Attributes
    ----------
    scale : float
    uncertainty : float
        Sum of 4p(1 - p) over all pixels, per pixel of foreground (p > 0.5); infinite where there is none.
    diameter : float
        Median of the objects found, px of the working grid; 0 where there is none.
    """

    scale: float
    uncertainty: float
    diameter: float


def search_scale(
    evaluator: Evaluator, plane: NDArray[Any], stats: NormStats, should_stop: ShouldStop = never_stop
) -> ScaleChoice:
    """Look for the scale of an image whose objects have an unknown size.

    Parameters
    ----------
    evaluator : Evaluator
        Of a model for instances that goes by the diameter of objects.
    plane : ndarray of shape (Y, X) or (Y, X, 3)
    stats : NormStats
        The range of intensities of the whole plane.
    should_stop : callable
        Asked between network nodes.

    Returns
    -------
    ScaleChoice
        1 where the evidence is weak, or when stopped. The same plane and model give the same scale.
    """
    sampling = evaluator.info.sampling
    rule = sampling.search or ScaleSearch()
    looker = _Looker(evaluator, plane, stats, rule, should_stop)
    looks = [look for scale in COARSE if (look := looker.look(scale))]
    best = best_look(looks, sampling.value, rule)
    if best is not None:
        beside = (best.scale / STEP, best.scale * STEP)
        looks += [look for scale in beside if (look := looker.look(scale))]
    return choose(looks, sampling.value, rule)


def best_look(looks: Sequence[Look], own: float, rule: ScaleSearch) -> Look | None:
    """The look at which the network is sure of objects of its `own` diameter; None: nothing was found."""
    found = [look for look in looks if look.diameter > 0 and math.isfinite(look.uncertainty)]
    return min(found, key=lambda look: cost(look, own, rule), default=None)


def cost(look: Look, own: float, rule: ScaleSearch) -> float:
    """How badly a scale fits: how unsure the network is, and how many octaves the objects are off its own."""
    return look.uncertainty + rule.weight * abs(math.log2(look.diameter / own))


def choose(looks: Sequence[Look], own: float, rule: ScaleSearch) -> ScaleChoice:
    """The scale that follows from all looks; `own` is the diameter that the model was trained on, px."""
    best = best_look(looks, own, rule)
    if best is None or best.uncertainty > rule.unsure:
        return ScaleChoice(1.0, UNSURE, weak=True)
    step = min(max(own / best.diameter, 1 / STEP), STEP)
    scale = best.scale * step
    if 1 / rule.near <= scale <= rule.near:
        scale = 1.0
    return ScaleChoice(round(scale, 3), f"objects of about {own / scale:.0f} px")


# -------------------------------------------------------------------- the sample


class _Looker:
    """Shows samples of one plane to the network."""

    def __init__(
        self,
        evaluator: Evaluator,
        plane: NDArray[Any],
        stats: NormStats,
        rule: ScaleSearch,
        should_stop: ShouldStop,
    ) -> None:
        self.evaluator, self.plane, self.stats, self.should_stop = evaluator, plane, stats, should_stop
        levels = evaluator.info.net.levels
        self.level = rule.level if rule.level in levels else levels[0]
        self.pixels = sample_pixels(plane.shape, evaluator.info.net, self.level)
        self.content = thumbnail(plane, stats)

    def look(self, scale: float) -> Look | None:
        """What is found at a scale; None where too little is left of the plane, or when stopped."""
        multiple = self.evaluator.info.net.multiple
        part = sample(self.content, self.plane.shape, scale, self.pixels, multiple)
        if min(part.shape) * scale < NARROWEST:
            return None
        maps = self._maps(self.plane[part.slices], scale)
        return None if maps is None else measured(maps, scale, self.evaluator.info)

    def _maps(self, part: NDArray[Any], scale: float) -> NDArray[np.float32] | None:
        info = self.evaluator.info
        x = to_input(resample(part, scale), self.stats, info.net.in_channels)
        height, width = x.shape[1:]
        padded = padded_shape((height, width), info.net.multiple)
        x = np.pad(x, ((0, 0), (0, padded[0] - height), (0, padded[1] - width)), mode="edge")
        known: dict[Node, Any] = {}
        if not self.evaluator.nodes(self.evaluator.tensor(x), self.level, known, self.should_stop):
            return None
        return self.evaluator.maps(self.level, known, Region(0, 0, height, width))


def measured(maps: NDArray[np.float32], scale: float, info: ModelInfo) -> Look:
    """Uncertainty and typical diameter in maps (K, Y, X)."""
    p = maps[0]
    painted = int(np.count_nonzero(p > PAINTED))
    if painted == 0:
        return Look(scale, math.inf, 0.0)
    areas = np.bincount(decode.labels(maps, info, min_size=SMALLEST_OBJECT).ravel())[1:]
    diameter = 2 * math.sqrt(float(np.median(areas)) / math.pi) if areas.size else 0.0
    return Look(scale, float((4 * p * (1 - p)).sum()) / painted, diameter)


def sample_pixels(shape: tuple[int, ...], config: NetConfig, level: int) -> int:
    """Pixels of the working grid that may be looked at in each of `LOOKS` looks."""
    yardstick = YARDSTICK if YARDSTICK in config.levels else config.depth
    whole = graph.flops(yardstick, config, *padded_shape((shape[0], shape[1]), config.multiple))
    side = config.multiple
    a_pixel = graph.flops(level, config, side, side) / side**2
    return int(np.clip(SHARE * whole / LOOKS / a_pixel, FEWEST, MOST))


def sample(
    content: NDArray[np.float32], shape: tuple[int, ...], scale: float, pixels: int, multiple: int
) -> Region:
    """The part of a plane of `shape` that is looked at: all of it, or the window where most varies.

    `content` is a thumbnail of the plane. On the working grid the part has at most `pixels` when its sides
    are padded to `multiple`.
    """
    height, width = shape[:2]
    grid = padded_shape(working_shape(shape, scale), multiple)
    if grid[0] * grid[1] <= pixels:
        return Region(0, 0, height, width)
    side = int(math.sqrt(pixels)) // multiple * multiple
    short = min(side, *grid)
    long = min(pixels // short // multiple * multiple, max(grid))
    rows, columns = (long, short) if height > width else (short, long)
    rows, columns = min(height, int(rows / scale)), min(width, int(columns / scale))
    y, x = _most_varied(content, rows / height, columns / width)
    y0 = min(max(0, int(y * height - rows / 2)), height - rows)
    x0 = min(max(0, int(x * width - columns / 2)), width - columns)
    return Region(y0, x0, y0 + rows, x0 + columns)


def _most_varied(content: NDArray[np.float32], rows: float, columns: float) -> tuple[float, float]:
    """Middle of the window of largest variance; all in shares of the height and width."""
    size = [max(1, round(share * n)) for share, n in zip((rows, columns), content.shape, strict=True)]
    mean, squares = (ndimage.uniform_filter(values, size) for values in (content, content**2))
    inside = tuple(slice(n // 2, total - (n - 1) // 2) for n, total in zip(size, content.shape, strict=True))
    varied = (squares - mean**2)[inside]
    y, x = np.unravel_index(int(varied.argmax()), varied.shape)
    return (y + size[0] / 2) / content.shape[0], (x + size[1] / 2) / content.shape[1]


def thumbnail(plane: NDArray[Any], stats: NormStats) -> NDArray[np.float32]:
    """A small grey copy (Y, X) in [0, 1], to see where something is; a speck or noise hardly shows."""
    step = max(1, math.ceil(max(plane.shape[:2]) / THUMBNAIL))
    small = np.clip(to_input(plane[::step, ::step], stats).mean(axis=0), 0, 1)
    return ndimage.uniform_filter(small, BLUR)  # type: ignore[no-any-return]
