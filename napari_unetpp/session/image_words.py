"""How an image is read, in words: its axes, its scale and the reason for it, its contrast. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from napari_unetpp._types import ModelInfo, ScaleChoice
from napari_unetpp.session.scales import is_searched
from napari_unetpp.session.values import Interval, Plane, Tone

COLOUR = "a colour image is displayed as it is, without contrast limits: its range is measured"
RANGE_UNKNOWN = "intensities: told by Segment"
UNKNOWN = "auto: Segment looks for the object size"
SOON = "auto: as the model has it"
WEAK = "no clear object size"


@dataclass(frozen=True, slots=True)
class ScaleShown:
    """What the dock shows of the scale.

    Attributes
    ----------
    value : float or None
        Given by the user; None: automatic.
    auto : float or None
        What automatic stands for; None: not known yet.
    hint : str
    tone : Tone
    circle : bool
        Whether the circle makes sense.
    """

    value: float | None
    auto: float | None
    hint: str
    tone: Tone
    circle: bool


def plane_text(plane: Plane, choice: ScaleChoice | None) -> str:
    """How an image is read: ``read as: Y 520, X 696, grey; × 0.35, objects of about 58 px``."""
    height, width = plane.shape
    kind = "colour" if plane.rgb else "grey"
    size = f" · {plane.pixel_size:.3g} µm/px" if plane.pixel_size else ""
    level = "" if plane.level is None else f", level {plane.level}"
    scale = "" if choice is None else f"; {times(choice.scale)}, {reason(choice)}"
    return f"read as: Y {height}, X {width}, {kind}{level}{size}{scale}"


def scale_shown(given: bool, choice: ScaleChoice | None, model: ModelInfo) -> ScaleShown:
    """What is shown of a scale that the user gave, or that was chosen, or is still to be chosen (None)."""
    rule = model.sampling
    circle = rule.kind == "object"
    if choice is None:
        return ScaleShown(None, None, UNKNOWN if is_searched(model) else SOON, "info", circle)
    if given:
        size = f": fits objects of about {rule.value / choice.scale:.0f} px" if circle else ""
        return ScaleShown(choice.scale, None, f"given{size}", "info", circle)
    hint = f"auto: {times(choice.scale)}, {reason(choice)}"
    if choice.weak:
        return ScaleShown(None, choice.scale, f"{hint}. Drag the circle to one object.", "warning", circle)
    return ScaleShown(None, choice.scale, hint, "info", circle)


def times(scale: float) -> str:
    """A scale, short: ``× 0.35``; the space does not break."""
    return f"×\u00a0{scale:.2f}" if scale >= 0.1 else f"×\u00a0{scale:.3f}"


def reason(choice: ScaleChoice) -> str:
    """Why this scale."""
    return WEAK if choice.weak else choice.reason


def range_text(used: Interval) -> str:
    """Which intensities were 0 and 1 for the network in what is shown."""
    return f"intensities {used[0]:.4g} to {used[1]:.4g}"
