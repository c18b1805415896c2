"""How an image enters the network: the range of its intensities, and its scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
        What an octave of magnification costs, in the same unit; an octave of shrinking gains it.
    distance : float
        What an octave away from 1 costs, in the same unit: most images need about 1.
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
    fineness: float = 0.0
    distance: float = 0.4
    unsure: float = 8.0
    near: float = 1.2
    lead: float = 0.0
    far: float = 2.0
    correction: float = 1.0


SEARCH_WITH_OLDER_MAPS = ScaleSearch(
    size=0.7, fineness=0.2, distance=0.0, unsure=3.5, lead=0.2, far=1.0, correction=0.5
)
"""For instance models without ``edge_distance``."""


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """How the working grid follows from the image.

    ``frame``: the longer side of its lit part becomes `value` px; ``pixel``: a pixel becomes
    `value` micrometres; ``object``: a typical object becomes `value` px in diameter. Where nobody gives its
    size, the scale is `usual`: that of the images on which the model was fine-tuned. Without (None) it is
    searched for as `search` says (None: see `ModelInfo.search`).
    """

    kind: Literal["frame", "pixel", "object"] = "object"
    value: float = 20.0
    search: ScaleSearch | None = None
    usual: float | None = None

    @property
    def expects_size(self) -> bool:
        """Whether objects are to have the diameter `value` on the working grid."""
        return self.kind == "object" and self.usual is None
