"""How maps become objects: by the rule of the model, and by what the user asks for."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Literal

from napari_unetpp._types.common import UnetppError

EDGE_CAP = 9
"""Pixels of the working grid at which the output ``edge_distance`` of an instance model is 1."""


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
