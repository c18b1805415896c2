"""The model card: what a model finds, and the rules by which images enter it and its maps become objects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from napari_unetpp._types.common import UnetppError
from napari_unetpp._types.network import NetConfig

Task = Literal["instances", "semantic"]

EDGE_CAP = 9
"""Pixels of the working grid at which the output ``edge_distance`` of an instance model is 1."""

SMALLEST_SCALE, LARGEST_SCALE = 1 / 16, 8.0
"""Between these an image can be shrunk or magnified before the network sees it."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """How the range of intensities is measured, once per image (see `engine.input.normalise`).

    Attributes
    ----------
    low, high : float
        Percentiles of the pixels that become 0 and 1 (rule ``percentile``).
    rule : {"percentile", "robust"}
        ``robust``: from what stands out of the background, whatever share of the image that is.
        ``percentile``: between two percentiles, unless they are far from that.
    """

    low: float = 1.0
    high: float = 99.8
    rule: Literal["percentile", "robust"] = "percentile"


@dataclass(frozen=True, slots=True)
class ScaleSearch:
    """How the scale of an image with objects of unknown size is found (see `engine.input.scale_search`).

    Attributes
    ----------
    level : int
        Level of the network that evaluates the sample.
    size : float
        What it costs where the objects found are an octave larger or smaller than the model's own, in octaves
        of the uncertainty per foreground pixel.
    fineness : float
        What an octave of magnification costs, in the same unit.
    unsure : float
        Above this uncertainty per foreground pixel no scale is accepted: that at scale 1 of objects of the
        model's own size; elsewhere the costs above are added.
    near : float
        A scale that differs by less than this factor from 1 becomes 1.
    lead : float
        By how much another scale must fit better than 1, in octaves of the uncertainty.
    far : float
        By how much more for each octave beyond a factor of 4.
    correction : float
        The share (0 to 1) by which the best scale is moved to the one that follows from the size of the
        objects found there.

    The defaults are for models with ``edge_distance``, which find objects of a third to three times their own
    size: then size tells more than certainty.
    """

    level: int = 2
    size: float = 2.0
    fineness: float = 0.2
    unsure: float = 8.0
    near: float = 1.2
    lead: float = 0.0
    far: float = 2.0
    correction: float = 1.0


SEARCH_WITH_OLDER_MAPS = ScaleSearch(size=0.7, fineness=0.2, unsure=3.5, lead=0.2, far=1.0, correction=0.5)
"""For instance models without ``edge_distance``."""


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """How the working grid follows from the image.

    ``frame``: the longer side of its lit part becomes `value` px; ``pixel``: a pixel becomes
    `value` micrometres; ``object``: a typical object becomes `value` px in diameter, which is searched
    for as `search` says (None: see `ModelInfo.search`) where nobody gives it.
    """

    kind: Literal["frame", "pixel", "object"] = "object"
    value: float = 20.0
    search: ScaleSearch | None = None


@dataclass(frozen=True, slots=True)
class DecodeRule:
    """How maps become labels (see `engine.decode.labelling`). Everything is counted on the working grid.

    Attributes
    ----------
    threshold : float
        Foreground probability from which a pixel counts as foreground, in (0, 1).
    seeds : str
        The landscape whose peaks are objects: the name of a separating output (``"edge_distance"``,
        ``"object_border"``; of older models ``"boundary"``, ``"distance"``, ``"centre"``) or ``"mask"``, the
        smoothed distance transform of the thresholded mask.
    seed_threshold : float
        What a peak must reach in the landscape, in [0, 1].
    min_size : int
        Smaller objects are dropped (pixels).
    certainty : float
        An object is dropped unless the foreground logit of one of its pixels exceeds that of the threshold by
        this (a threshold with hysteresis, of Canny, PAMI 1986, section VIII).
    split : bool
        Separate touching objects; False: every connected part of the mask is one object. This and the
        next three are set by the user, not stored in the model file.
    max_size : int or None
        Larger objects are dropped (pixels); None: none are.
    fill_holes : bool
        Fill background that one object encloses.
    drop_border : bool
        Drop objects that touch the border of the plane.
    prominence, prominence_share : float
        How far a peak must rise above the saddle to a higher one, in the slightly smoothed landscape: the
        larger of `prominence` (of ``"edge_distance"`` 1 px is 1 / `EDGE_CAP`) and this share of its height.
        Both 0: every connected part above `seed_threshold` is a seed.
    """

    threshold: float = 0.5
    seeds: Literal["boundary", "distance", "centre", "edge_distance", "object_border", "mask"] = "mask"
    seed_threshold: float = 0.5
    min_size: int = 15
    prominence: float = 0.0
    prominence_share: float = 0.0
    certainty: float = 0.0
    split: bool = True
    max_size: int | None = None
    fill_holes: bool = False
    drop_border: bool = False

    @property
    def sure_from(self) -> float:
        """The foreground probability that one pixel of an object must reach."""
        if self.certainty == 0:
            return self.threshold
        odds = self.threshold / (1 - self.threshold) * math.exp(self.certainty)
        return odds / (1 + odds)


@dataclass(frozen=True, slots=True)
class ObjectOptions:
    """What a user asks of the objects of a result; what is None stays as the model has it.

    Attributes
    ----------
    threshold : float or None
        Foreground probability from which a pixel counts.
    min_size, max_size : float or None
        Smaller and larger objects are dropped (pixels of the image).
    fill_holes, drop_border, split : bool
        As in `DecodeRule`.
    """

    threshold: float | None = None
    min_size: float | None = None
    max_size: float | None = None
    fill_holes: bool = False
    drop_border: bool = False
    split: bool = True

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise UnetppError(f"threshold {self.threshold:g} was given; expected a number between 0 and 1.")
        for name, size in (("minimum", self.min_size), ("maximum", self.max_size)):
            if size is not None and not 0 <= size < math.inf:
                raise UnetppError(f"the {name} size {size:g} was given; expected pixels, from 0.")
        if self.min_size is not None and self.max_size is not None and self.min_size > self.max_size:
            raise UnetppError(
                f"a minimum size of {self.min_size:g} px and a maximum size of {self.max_size:g} px were "
                "given; expected a minimum below the maximum."
            )

    @property
    def given(self) -> dict[str, float | bool]:
        """What differs from the model's own rule, by name."""
        defaults = ObjectOptions()
        names = (field.name for field in fields(self))
        return {name: getattr(self, name) for name in names if getattr(self, name) != getattr(defaults, name)}

    def rule(self, own: DecodeRule, scale: float) -> DecodeRule:
        """The model's own rule with these options; `scale`: working grid = grid of the image times this."""
        least, most = self.min_size, self.max_size
        return replace(
            own,
            threshold=own.threshold if self.threshold is None else self.threshold,
            min_size=own.min_size if least is None else round(least * scale**2),
            max_size=own.max_size if most is None else round(most * scale**2),
            fill_holes=self.fill_holes,
            drop_border=self.drop_border,
            split=self.split,
        )


@dataclass(frozen=True, slots=True)
class LevelScores:
    """Quality and cost of one level; what is undefined is None, never 0."""

    dice: float | None
    iou: float | None
    ap50: float | None
    parameters: int
    seconds_per_megapixel: float | None = None


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """Scores of all levels on one set of images."""

    data: str
    images: int
    levels: Mapping[int, LevelScores]


@dataclass(frozen=True, slots=True)
class StoppingRule:
    """When Auto goes no deeper in a square of the working grid (see `engine.auto.stopping`).

    At level d, `doubt[d - 1]` times the mean uncertainty of the square plus `change[d - 1]` times the share
    of its pixels that changed since level d - 1 is the share of its pixels expected to change on the
    way to the deepest level. It goes deeper while that is more than `limit`.

    Attributes
    ----------
    doubt, change : tuple of float
        One value for each level but the deepest; at level 1 nothing has changed yet.
    limit : float
    tolerance : float
        Dice that Auto was allowed to lose against the deepest level on the validation data.
    share : float
        FLOPs executed there, as a share of those of the deepest level.
    scores : LevelScores
        Of Auto, on the validation data.
    square : int
        Side of a square, px.
    """

    doubt: tuple[float, ...]
    change: tuple[float, ...]
    limit: float
    tolerance: float
    share: float
    scores: LevelScores
    square: int = 16


@dataclass(frozen=True)
class ModelInfo:
    """The model card, stored as metadata of the model file.

    Attributes
    ----------
    name : str
        Short name, also the stem of the file.
    outputs : tuple of str
        Names of the head channels. Instances: ``"foreground"`` first, then separating
        outputs, each a sigmoid. Semantic with one class: one sigmoid. Semantic with
        several: softmax, ``"background"`` first.
    classes : tuple of str
        Foreground classes.
    validation : ScoreSet or None
        Held-out part of the training data; chose thresholds and levels.
    test : ScoreSet or None
        Measured once, never used to choose anything.
    stopping : StoppingRule or None
        Without it there is no Auto.
    provenance : mapping
        data, licence, parent, corrections, steps, seed, versions, command.
    path, sha256
        Filled in when the file is read.
    """

    name: str
    task: Task
    classes: tuple[str, ...]
    outputs: tuple[str, ...]
    net: NetConfig
    title: str = ""
    licence: str = ""
    normalisation: Normalisation = Normalisation()
    sampling: SamplingRule = SamplingRule()
    decode: DecodeRule = DecodeRule()
    recommended_level: int = 4
    validation: ScoreSet | None = None
    test: ScoreSet | None = None
    stopping: StoppingRule | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None
    sha256: str | None = None

    @property
    def search(self) -> ScaleSearch:
        """How the scale of an image is searched for: as the card says, else the defaults for its outputs."""
        older = "edge_distance" not in self.outputs
        return self.sampling.search or (SEARCH_WITH_OLDER_MAPS if older else ScaleSearch())
