"""Search for the scale at which the network recognises the objects of an image of unknown object size.

A shallow level evaluates the image at scales from coarse to fine. At the right scale it is sure of its
foreground, and finds objects about as large as those it was trained on. Neither is enough alone: the network
is also sure of an image that is magnified too far, and at too fine a scale large objects fall into pieces of
just the right size. So both count, and of two scales that fit equally the one nearer to 1 is taken
(`engine.input.scale_decision`).

Only a sample is evaluated: the whole image at coarse scales, at finer ones a window that shows something, so
that the search takes at most a third of the FLOPs of L3 for the image at scale 1. Of images that are only
some objects wide, a window of `ACROSS` objects is evaluated, whatever it costs. A window lies inside the
sample of the next coarser scale, and uncertainties are compared on this common part: where an image shows
most, the network is surer at any scale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import (
    ModelInfo,
    Node,
    Region,
    ScaleChoice,
    ShouldStop,
    never_stop,
)
from napari_unetpp.engine.decode import labelling
from napari_unetpp.engine.input.normalise import NormStats, pixel_noise, to_input
from napari_unetpp.engine.input.range_notes import intensities_outside, shows_nothing
from napari_unetpp.engine.input.sampling import resample, working_shape
from napari_unetpp.engine.input.scale_decision import STEP, Trial, best_trial, choose
from napari_unetpp.engine.input.scale_sample import THUMBNAIL, sample, sample_pixels, thumbnail
from napari_unetpp.engine.input.specks import without_specks
from napari_unetpp.engine.tiles import padded_shape

if TYPE_CHECKING:
    from napari_unetpp.engine.loaded_model import LoadedModel

EMPTY = "nothing is seen, so it stays 1"
FIRST = (0.25, 0.5, 1.0, 2.0)
"""Scales that are always tried; then a coarser one if the coarsest fits best, and both neighbours of the
best. Without the finest, clusters of small nuclei at a coarse scale would be compared with nothing better."""

COARSER = 0.125

TRIALS = len(FIRST) + 3

NARROWEST = 16
"""Side (px of the working grid) of the smallest image that is tried."""

FOREGROUND = 0.5
"""Probability from which a pixel counts as foreground for the uncertainty."""

SPECK, SPECK_NOISE = 0.1, 7.0
"""Tiny parts that differ from their surroundings by this share of the range, and by so many standard
deviations of the noise, are specks; a few of them are no objects whose size could be found."""

FULL = 0.9
"""With a larger share of foreground a sample tells no size: it is one object, or lies inside one."""

SMALLEST_OBJECT = 10
"""Pixels of the working grid; smaller objects do not count for the diameter."""


CERTAIN = 0.5
"""Where objects have to be certain (`DecodeRule.certainty`), at least this share of their area must be so;
else the network takes texture for objects at this scale."""

FAIR = 0.4
"""Objects of less than this share of that certainty do not count for the diameter: they are small pieces of
texture. Without this stained sections are magnified too far; with more, sections of crowded small nuclei are
shrunk too far."""


def search_scale(
    model: LoadedModel, plane: NDArray[Any], stats: NormStats, should_stop: ShouldStop = never_stop
) -> ScaleChoice:
    """Search for the scale of an image whose objects have an unknown size.

    Parameters
    ----------
    model : LoadedModel
        Of a model for instances that goes by the diameter of objects.
    plane : ndarray of shape (Y, X) or (Y, X, 3)
    stats : NormStats
        The range of intensities of the whole plane.
    should_stop : callable
        Asked between network nodes.

    Returns
    -------
    ScaleChoice
        Scale 1 where the evidence is weak, or when stopped. The same plane and model give the same scale.
    """
    if intensities_outside(plane, stats):
        return ScaleChoice(1.0, EMPTY, weak=True, searched=True)
    found = _Search(model, plane, stats, should_stop).run()
    return replace(found, reason=EMPTY) if found.weak and shows_nothing(plane, stats) else found


@dataclass(frozen=True, eq=False)
class _Evaluated:
    """A trial, the part of the plane that it evaluated, and the foreground probabilities (Y, X) there."""

    trial: Trial
    part: Region
    p: NDArray[np.float32]

    def within(self, region: Region) -> NDArray[np.float32]:
        """The probabilities in a region of the plane that lies in the part."""
        shown = region.relative_to(self.part)
        return self.p[shown.scaled(self.trial.scale, self.p.shape).slices]


class _Search:
    """Evaluates samples of one plane at several scales."""

    def __init__(
        self, model: LoadedModel, plane: NDArray[Any], stats: NormStats, should_stop: ShouldStop
    ) -> None:
        self.model, self.plane, self.stats, self.should_stop = model, plane, stats, should_stop
        self.info = model.info
        self.rule = self.info.search
        levels = self.info.net.levels
        self.level = self.rule.level if self.rule.level in levels else levels[0]
        self.pixels = sample_pixels(plane.shape, self.info, self.level, TRIALS)
        self.step = max(1, math.ceil(max(plane.shape[:2]) / THUMBNAIL))
        self.thumbnail = thumbnail(plane[:: self.step, :: self.step], stats)
        self.evaluated: list[_Evaluated] = []
        self.clean: tuple[Region, NDArray[Any]] | None = None

    def run(self) -> ScaleChoice:
        """All trials and what follows from them."""
        self._try(*FIRST)
        best = self._best()
        if best is not None and best.scale == FIRST[0]:
            self._try(COARSER)
        best = self._best()
        if best is not None:
            self._try(best.scale / STEP, best.scale * STEP)
        trials = [] if self.should_stop() else [done.trial for done in self.evaluated]
        return choose(trials, self.info.sampling.value, self.rule)

    def _best(self) -> Trial | None:
        return best_trial([done.trial for done in self.evaluated], self.info.sampling.value, self.rule)

    def _try(self, *scales: float) -> None:
        """Evaluate the sample at these scales; not where the image would be too small."""
        for scale in scales:
            if self.should_stop() or min(working_shape(self.plane.shape, scale)) < NARROWEST:
                continue
            nearest = self._nearest(scale)
            part = self._part(scale, nearest)
            maps = self._maps(resample(self._cleaned(part), scale))
            if maps is None:
                continue
            unsure = foreground_uncertainty(maps[0])
            if nearest is not None:
                unsure = carried_over(
                    unsure, nearest.trial.uncertainty, foreground_uncertainty(nearest.within(part))
                )
            self.evaluated.append(
                _Evaluated(Trial(scale, unsure, found_diameter(maps, self.info)), part, maps[0])
            )

    def _nearest(self, scale: float) -> _Evaluated | None:
        """The trial at the next coarser scale, else at the coarsest; None before the first trial."""
        coarser = [done for done in self.evaluated if done.trial.scale < scale]
        if coarser:
            return max(coarser, key=lambda done: done.trial.scale)
        return min(self.evaluated, key=lambda done: done.trial.scale, default=None)

    def _part(self, scale: float, nearest: _Evaluated | None) -> Region:
        """The sample at a scale, inside that of `nearest`."""
        height, width = self.plane.shape[:2]
        outer = Region(0, 0, height, width) if nearest is None else nearest.part
        if nearest is not None and scale < nearest.trial.scale:
            return outer
        y0, x0, y1, x1 = (edge // self.step for edge in (outer.y0, outer.x0, outer.y1, outer.x1))
        content = self.thumbnail[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        part = sample(content, outer.shape, scale, self.pixels, self.info.net.multiple)
        return part.shifted(outer.y0, outer.x0)

    def _cleaned(self, part: Region) -> NDArray[Any]:
        """Pixels of a part without specks; all parts lie inside the first one."""
        if self.clean is None:
            least = max(SPECK * (self.stats.high - self.stats.low), SPECK_NOISE * pixel_noise(self.plane))
            self.clean = part, without_specks(self.plane[part.slices], least)
        outer, pixels = self.clean
        return pixels[part.relative_to(outer).slices]

    def _maps(self, work: NDArray[Any]) -> NDArray[np.float32] | None:
        """Maps (K, Y, X) of a part of the plane on the working grid; None when stopped."""
        x = to_input(work, self.stats, self.info.net.in_channels)
        height, width = x.shape[1:]
        padded = padded_shape((height, width), self.info.net.multiple)
        x = np.pad(x, ((0, 0), (0, padded[0] - height), (0, padded[1] - width)), mode="edge")
        known: dict[Node, Any] = {}
        if not self.model.nodes(self.model.tensor(x), self.level, known, self.should_stop):
            return None
        return self.model.maps(self.level, known, Region(0, 0, height, width))


def foreground_uncertainty(p: NDArray[np.float32]) -> float:
    """Sum of 4p(1 - p) over all pixels (Y, X), per pixel of foreground; infinite if that is none or all."""
    foreground = int(np.count_nonzero(p > FOREGROUND))
    if foreground == 0 or foreground > FULL * p.size:
        return math.inf
    return float((4 * p * (1 - p)).sum()) / foreground


def carried_over(here: float, outer: float, outer_here: float) -> float:
    """Estimate the uncertainty of a sample at a scale at which only a window of it was evaluated.

    `here` is that of the window; `outer` and `outer_here` are those of the whole sample and of the window in
    it, at the scale of the sample. Where one of them is infinite, `here` is taken.
    """
    return here if math.inf in (here, outer, outer_here) else outer * here / outer_here


def found_diameter(maps: NDArray[np.float32], info: ModelInfo) -> float:
    """Typical diameter (px) of the objects in maps (K, Y, X); 0 where too few of them are certain."""
    every = replace(info.decode, min_size=SMALLEST_OBJECT, certainty=0.0)
    numbers = labelling.labels(maps, info, every)
    areas = np.bincount(numbers.ravel())[1:]
    certain = labelling.sizes_of_sure(numbers, labelling.sure(maps, info, info.decode))[1:]
    if certain.sum() < CERTAIN * areas.sum():
        return 0.0
    fair = replace(info.decode, certainty=FAIR * info.decode.certainty)
    counted = labelling.sizes_of_sure(numbers, labelling.sure(maps, info, fair))[1:]
    return diameter_of_mean_area(areas[counted > 0])


def diameter_of_mean_area(areas: NDArray[np.int64]) -> float:
    """The diameter (px) of a disc of the mean area.

    The median would be wrong where the scale is too fine: large objects fall into many small pieces.
    """
    return 2 * math.sqrt(float(areas.mean()) / math.pi) if areas.size else 0.0
