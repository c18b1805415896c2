"""How an image is read, in words: its axes, its scale and the reason for it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_unetpp._types import ModelInfo, ScaleChoice
from napari_unetpp.session.messages.common import Offer
from napari_unetpp.session.segment.resolve import is_searched
from napari_unetpp.session.values import Plane, Step, Tone
from napari_unetpp.volumes.axes import GUESSED

NONE = "no image is open"
COLOUR = "a colour image is displayed as it is, without contrast limits: its range is measured"
TO_BE_SEARCHED = "auto: Segment looks for the object size"
CHANNELS = ("c", "ch", "channel", "channels", "colour", "color", "rgb", "s")
"""Labels of an axis of channels, in small letters."""

UNLABELLED = "plane"
"""Name of the only axis that is not displayed, where it has no label."""

MOST_CHANNELS = 4
COLOURS = 3
"""Channels that make up a colour image."""

BY_RULE = "auto: as the model has it"
WEAK = "no clear object size"

CHOOSE = "choose"
"""The action of the offer in `opened`."""


def opened(name: str, chosen: str) -> tuple[str, Tone, list[Offer]]:
    """An image was opened beside the chosen one, which Segment still means."""
    return f"{name} was opened; {chosen} is the one in Image.", "info", [(f"choose {name}", CHOOSE)]


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
    """How an image is read: ``read as: Y 520, X 696, grey; × 0.35, objects of about 58 px``.

    An image of several planes is told by `session.messages.stacks`.
    """
    height, width = plane.shape
    kind = "colour" if plane.rgb else "grey"
    size = f" · {plane.pixel.side:.3g} µm/px" if plane.pixel.side else ""
    level = "" if plane.level is None else f", level {plane.level}"
    scale = "" if choice is None else f"; {times(choice.scale)}, {reason(choice)}"
    return f"read as: Y {height}, X {width}, {kind}{_place(plane)}{level}{size}{scale}"


def _place(plane: Plane) -> str:
    """Which plane of a stack, and of how many: ``, t 3 (plane 4 of 12)``; sliders, too, count from 0."""
    return "".join(f", {at.axis} {at.index} (plane {at.index + 1} of {at.count})" for at in plane.position)


def channel_axis(plane: Plane) -> tuple[Step, bool] | None:
    """The axis that holds channels, and whether its label says so; else its few planes may be channels.

    None where there is no such axis. Where the image says what its axes are, it is believed. Else: a stack of
    up to four planes is rare, and an image with its channels first is not.
    """
    if plane.axes is not None and plane.axes.source != GUESSED:
        names = plane.axes.names
        named = (step for step in plane.position if names[step.number] == "C" and step.count > 1)
        return next(((_as_channels(step), True) for step in named), None)
    for step in plane.position:
        if step.axis.lower() in CHANNELS and step.count > 1:
            return step, True
    few = [step for step in plane.position if step.axis == UNLABELLED and 1 < step.count <= MOST_CHANNELS]
    return (few[0], False) if few else None


def _as_channels(step: Step) -> Step:
    """The same with a name that says what it is."""
    return step if step.axis.lower() in CHANNELS else replace(step, axis="C")


def about_channels(step: Step, *, sure: bool) -> str:
    """What is to be known, or asked, of an image whose planes are channels."""
    if sure:
        return f"The axis {step.axis} holds {step.count} channels. The one that is displayed is segmented."
    return f"Are the {step.count} planes of this image its channels? The one that is displayed is segmented."


def scale_shown(given: bool, choice: ScaleChoice | None, model: ModelInfo) -> ScaleShown:
    """What is shown of a scale that the user gave, or that was chosen, or is still to be chosen (None)."""
    rule = model.sampling
    circle = rule.kind == "object"
    if choice is None:
        return ScaleShown(None, None, TO_BE_SEARCHED if is_searched(model) else BY_RULE, "info", circle)
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
