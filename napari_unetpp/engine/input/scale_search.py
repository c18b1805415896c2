"""The scale at which the network knows the objects of an image, where nobody says how large they are.

The image is shown to a shallow level at scales from coarse to fine. Where the model fits, it is sure of what
it calls foreground, and what it finds there is about as large as the objects that it was trained on. Neither
tells enough alone: of an image that is magnified further than it needs to be, the network is as sure, and
large objects at too fine a scale fall into pieces of just the right size. So both count, and of two scales
that fit alike the coarser one is taken, at which objects are lost last and work is least.

Only a sample is looked at: the whole image at coarse scales, at finer ones a window in which something is,
so that the search takes at most a third of the FLOPs of L3 for the image at scale 1. Of images that are
only some objects wide, a window of `ACROSS` objects is looked at, whatever it costs. A window lies inside
the sample of the next coarser scale, and the two are compared there: where most is, the network is
surer at any scale.
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
    Node,
    Region,
    ScaleChoice,
    ScaleSearch,
    ShouldStop,
    never_stop,
)
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.input.normalise import NormStats, intensities_outside, pixel_noise, to_input
from napari_unetpp.engine.input.sampling import resample, working_shape
from napari_unetpp.engine.input.specks import without_specks
from napari_unetpp.engine.tiles import padded_shape
from napari_unetpp.net import graph

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel

UNSURE = "not sure of any scale: 1 kept; give the diameter of an object"

FIRST = (0.25, 0.5, 1.0)
"""Scales that are looked at in any case; then one beyond the better end, and the neighbours of the best."""

COARSER, FINER = 0.125, 2.0

STEP = math.sqrt(2)
"""From a scale to its neighbours."""

LOOKS = len(FIRST) + 3

SHARE = 1 / 3
"""Of the FLOPs of `YARDSTICK` for the image at scale 1, what all looks take together at most."""

YARDSTICK = 3

ACROSS = 4
"""Objects of the model's own diameter that the sample is wide, even where that takes more than `SHARE`."""

ENOUGH = 512**2
"""Pixels of the working grid that are enough for a look."""

NARROWEST = 16
"""Side (px of the working grid) of the smallest image that is looked at."""

FOREGROUND = 0.5
"""Probability from which a pixel counts as foreground for the uncertainty."""

SUREST = 1e-3
"""Uncertainty below which there is no difference."""

SPECK, SPECK_NOISE = 0.1, 7.0
"""What differs from its surroundings by this share of the range, and by so many standard deviations of the
noise, is a speck where it is tiny; few of them are no objects whose size could be looked for."""

FULL = 0.9
"""Share of foreground from which a sample tells no size: it is one object, or lies inside of one."""

SMALLEST_OBJECT = 10
"""Pixels of the working grid; smaller objects do not count for the diameter."""

THUMBNAIL = 512
"""Longer side (px) of the copy of the image in which a window is chosen."""

BLUR = 3
"""Side (px) of the squares over which that copy is averaged."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the network says of the sample at one scale.

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


def search_scale(
    evaluator: LoadedModel, plane: NDArray[Any], stats: NormStats, should_stop: ShouldStop = never_stop
) -> ScaleChoice:
    """Look for the scale of an image whose objects have an unknown size.

    Parameters
    ----------
    evaluator : LoadedModel
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
    if intensities_outside(plane, stats):
        return choose((), evaluator.info.sampling.value, ScaleSearch())
    return _Search(evaluator, plane, stats, should_stop).run()


# ------------------------------------------------------------------ the decision


def misfit(look: Look, own: float, rule: ScaleSearch) -> float:
    """How badly a scale fits, the less the better; `own` is the model's diameter, px."""
    if look.diameter == 0 or look.uncertainty == math.inf:
        return math.inf
    off = abs(math.log2(look.diameter / own))
    return math.log2(max(look.uncertainty, SUREST)) + rule.size * off + rule.fineness * math.log2(look.scale)


def best_look(looks: Sequence[Look], own: float, rule: ScaleSearch) -> Look | None:
    """The look that fits best; None where nothing was found at any scale."""
    best = min(looks, key=lambda look: misfit(look, own, rule), default=None)
    return None if best is None or misfit(best, own, rule) == math.inf else best


def choose(looks: Sequence[Look], own: float, rule: ScaleSearch) -> ScaleChoice:
    """The scale that follows from all looks: half-way between the best and what its objects say."""
    best = best_look(looks, own, rule)
    if best is None or misfit(best, own, rule) > math.log2(rule.unsure):
        return ScaleChoice(1.0, UNSURE, weak=True)
    scale = best.scale * math.sqrt(min(max(own / best.diameter, 1 / STEP), STEP))
    reason = f"objects of about {own / scale:.0f} px"
    if 1 / rule.near <= scale <= rule.near:
        scale = 1.0
    return ScaleChoice(round(scale, 3), reason)


def typical_diameter(areas: NDArray[np.int64]) -> float:
    """The diameter (px) of a disc of the mean area.

    The median is misled by the many small pieces into which objects fall that are shown too large.
    """
    return 2 * math.sqrt(float(areas.mean()) / math.pi) if areas.size else 0.0


# --------------------------------------------------------------------- the looks


@dataclass(frozen=True, eq=False)
class _Seen:
    """A look, the part of the plane that it saw, and the foreground probabilities (Y, X) there."""

    look: Look
    part: Region
    p: NDArray[np.float32]

    def within(self, region: Region) -> NDArray[np.float32]:
        """The probabilities in a region of the plane that lies in the part."""
        shown = region.relative_to(self.part)
        return self.p[shown.scaled(self.look.scale, self.p.shape).slices]


class _Search:
    """Shows samples of one plane to the network."""

    def __init__(
        self, evaluator: LoadedModel, plane: NDArray[Any], stats: NormStats, should_stop: ShouldStop
    ) -> None:
        self.evaluator, self.stats, self.should_stop = evaluator, stats, should_stop
        least = max(SPECK * (stats.high - stats.low), SPECK_NOISE * pixel_noise(plane))
        self.plane = plane = without_specks(plane, least)
        self.info = evaluator.info
        self.rule = self.info.sampling.search or ScaleSearch()
        levels = self.info.net.levels
        self.level = self.rule.level if self.rule.level in levels else levels[0]
        self.pixels = sample_pixels(plane.shape, self.info, self.level)
        self.step = max(1, math.ceil(max(plane.shape[:2]) / THUMBNAIL))
        self.thumbnail = thumbnail(plane[:: self.step, :: self.step], stats)
        self.seen: list[_Seen] = []

    def run(self) -> ScaleChoice:
        """All looks and what follows from them."""
        self._look(*FIRST)
        best = self._best()
        if best is None or best.scale == FIRST[-1]:
            self._look(FINER)
        elif best.scale == FIRST[0]:
            self._look(COARSER)
        best = self._best()
        if best is not None:
            self._look(best.scale / STEP, best.scale * STEP)
        looks = [] if self.should_stop() else [seen.look for seen in self.seen]
        return choose(looks, self.info.sampling.value, self.rule)

    def _best(self) -> Look | None:
        return best_look([seen.look for seen in self.seen], self.info.sampling.value, self.rule)

    def _look(self, *scales: float) -> None:
        """Look at the sample at these scales, as long as something is left of it there."""
        for scale in scales:
            if self.should_stop() or min(working_shape(self.plane.shape, scale)) < NARROWEST:
                continue
            nearest = self._nearest(scale)
            part = self._part(scale, nearest)
            maps = self._maps(resample(self.plane[part.slices], scale))
            if maps is None:
                continue
            unsure = uncertainty(maps[0])
            if nearest is not None:
                unsure = carried_over(unsure, nearest.look.uncertainty, uncertainty(nearest.within(part)))
            self.seen.append(_Seen(Look(scale, unsure, found_diameter(maps, self.info)), part, maps[0]))

    def _nearest(self, scale: float) -> _Seen | None:
        """What was seen at the next coarser scale, else at the coarsest; None before the first look."""
        coarser = [seen for seen in self.seen if seen.look.scale < scale]
        if coarser:
            return max(coarser, key=lambda seen: seen.look.scale)
        return min(self.seen, key=lambda seen: seen.look.scale, default=None)

    def _part(self, scale: float, nearest: _Seen | None) -> Region:
        """The sample at a scale, inside of that of `nearest`."""
        height, width = self.plane.shape[:2]
        outer = Region(0, 0, height, width) if nearest is None else nearest.part
        if nearest is not None and scale < nearest.look.scale:
            return outer
        y0, x0, y1, x1 = (edge // self.step for edge in (outer.y0, outer.x0, outer.y1, outer.x1))
        content = self.thumbnail[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        part = sample(content, outer.shape, scale, self.pixels, self.info.net.multiple)
        return part.shifted(outer.y0, outer.x0)

    def _maps(self, work: NDArray[Any]) -> NDArray[np.float32] | None:
        """Maps (K, Y, X) of a part of the plane on the working grid; None when stopped."""
        x = to_input(work, self.stats, self.info.net.in_channels)
        height, width = x.shape[1:]
        padded = padded_shape((height, width), self.info.net.multiple)
        x = np.pad(x, ((0, 0), (0, padded[0] - height), (0, padded[1] - width)), mode="edge")
        known: dict[Node, Any] = {}
        if not self.evaluator.nodes(self.evaluator.tensor(x), self.level, known, self.should_stop):
            return None
        return self.evaluator.maps(self.level, known, Region(0, 0, height, width))


def uncertainty(p: NDArray[np.float32]) -> float:
    """Of foreground probabilities (Y, X), per pixel of foreground; infinite where that is none or all."""
    foreground = int(np.count_nonzero(p > FOREGROUND))
    if foreground == 0 or foreground > FULL * p.size:
        return math.inf
    return float((4 * p * (1 - p)).sum()) / foreground


def carried_over(here: float, outer: float, outer_here: float) -> float:
    """The uncertainty of the outer sample at the scale at which a window of it was looked at.

    `here` is that of the window, `outer` and `outer_here` those of the outer sample and of the window in it,
    at the scale of the outer sample. Where nothing was found at that scale, the window has to do.
    """
    return here if math.inf in (here, outer, outer_here) else outer * here / outer_here


def found_diameter(maps: NDArray[np.float32], info: ModelInfo) -> float:
    """Typical diameter (px) of the objects in maps (K, Y, X)."""
    return typical_diameter(np.bincount(labelling.labels(maps, info, min_size=SMALLEST_OBJECT).ravel())[1:])


# -------------------------------------------------------------------- the sample


def sample_pixels(shape: tuple[int, ...], info: ModelInfo, level: int) -> int:
    """Pixels of the working grid that may be looked at in each of `LOOKS` looks."""
    config, side = info.net, info.net.multiple
    yardstick = YARDSTICK if YARDSTICK in config.levels else config.depth
    whole = graph.flops(yardstick, config, *padded_shape((shape[0], shape[1]), side))
    a_pixel = graph.flops(level, config, side, side) / side**2
    fewest = (ACROSS * info.sampling.value) ** 2
    return int(min(max(SHARE * whole / LOOKS / a_pixel, fewest), max(ENOUGH, fewest)))


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
    """A grey copy (Y, X) in [0, 1], to see where something is; a speck or noise hardly shows."""
    small = np.clip(to_input(plane, stats).mean(axis=0), 0, 1)
    return ndimage.uniform_filter(small, BLUR)  # type: ignore[no-any-return]
