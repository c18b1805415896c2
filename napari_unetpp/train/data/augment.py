"""How patches of a kind of image are drawn and varied: plain numbers, and what else may happen to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from torch import Generator, Tensor

Disturb = Callable[["Tensor", "Tensor", np.random.Generator, "Generator"], tuple["Tensor", "Tensor"]]
"""From images (N, 3, Y, X) and labels (N, 1, Y, X) to disturbed ones.

Plain numbers come from the first generator, fields of random numbers from the second.
"""


@dataclass(frozen=True, slots=True)
class Variation:
    """How patches are drawn and varied.

    Attributes
    ----------
    on_foreground : float
        Share of patches that are placed on an object (a foreground pixel where none are told apart).
    roam : float
        Share of the image (each way, around its middle) in which the middles of the others lie.
    empty : float
        Share of patches that show nothing but noise, in which nothing is to be found.
    zoom : tuple of float
        Range of magnifications (log-uniform).
    sizes : float or None
        With this, half of the patches are magnified until a typical object of their image measures the
        model's diameter, give or take this factor; and no patch shows typical objects beyond it.
    stretch : float
        How far height and width are stretched against each other (logarithm).
    padding : {"reflection", "zeros"}
        What lies beyond the image.
    invert, grey : float
        Chances that a patch is inverted, and that a colour patch is turned grey.
    dim : float
        Chance that most of the contrast of a patch is taken away.
    tint : float
        How far the channels of a colour patch are changed against each other (factor - 1).
    disturb : callable or None
        What else may happen to a batch.
    """

    on_foreground: float = 0.8
    roam: float = 1.0
    empty: float = 0.03
    zoom: tuple[float, float] = (0.6, 1.7)
    sizes: float | None = None
    stretch: float = 0.1
    padding: Literal["reflection", "zeros"] = "reflection"
    invert: float = 0.12
    grey: float = 0.2
    dim: float = 0.1
    tint: float = 0.15
    disturb: Disturb | None = None


PLAIN = Variation()
