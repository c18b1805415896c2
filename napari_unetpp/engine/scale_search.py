"""The scale at which the network knows the objects of an image best, where nobody says how large they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from napari_unetpp._types import ScaleChoice, ShouldStop, never_stop
from napari_unetpp.engine.normalise import NormStats

if TYPE_CHECKING:
    from napari_unetpp.engine.evaluator import Evaluator

UNSURE = "not sure of any scale: 1 kept; set the circle or --diameter"


def search_scale(
    evaluator: Evaluator, plane: NDArray[Any], stats: NormStats, should_stop: ShouldStop = never_stop
) -> ScaleChoice:
    """Look for the scale of a plane (Y, X[, 3]) of which `stats` is the range of intensities."""
    return ScaleChoice(1.0, UNSURE)
