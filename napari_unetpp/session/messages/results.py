"""The message line of segmenting: what came out and why, how far a run is, the uncertain places."""

from __future__ import annotations

from napari_unetpp.files.models.card_text import level_name
from napari_unetpp.files.text import counted
from napari_unetpp.session.display.costs import ChartPoint
from napari_unetpp.session.events import Outcome
from napari_unetpp.session.messages.common import Offer, seconds_text
from napari_unetpp.session.messages.image import WEAK
from napari_unetpp.session.messages.models import point_text
from napari_unetpp.session.values import Interval, Rule, Tone

CIRCLE: Offer = ("show the circle", "circle:1")
NO_OBJECTS_FOUND = (
    "Out of memory while telling objects apart: the mask is shown. Close other programs, or crop the image,"
    " then choose labels again: the network need not run again."
)
TINY_PX = 4.0
"""Objects of a smaller median diameter are rarely right."""

FULL = 0.95
"""So is a result with a larger share of foreground."""


def result(outcome: Outcome, rule: Rule, *, reduced: bool = False) -> tuple[str, Tone, list[Offer]]:
    """The result line; an empty or absurd result says why and what to do.

    Parameters
    ----------
    rule : Rule
        With its minimum size in pixels of the image.
    reduced : bool
        Memory did not suffice for labels.
    """
    tail = f"{level_name(outcome.level)}, {seconds_text(outcome.seconds)}"
    if outcome.share is not None:
        tail += f", {outcome.share:.0%} of the full work"
    text, tone, offers = _summary(outcome, rule, tail)
    weak = outcome.choice.weak and CIRCLE not in offers and not outcome.constant
    notes = " ".join((f"{WEAK.capitalize()}: scale 1.", *outcome.notes) if weak else outcome.notes)
    offers = [*offers, CIRCLE] if weak else offers
    text = f"{text}\n{notes}" if notes else text
    return (f"{NO_OBJECTS_FOUND} {text}", "warning", offers) if reduced else (text, tone, offers)


def _summary(outcome: Outcome, rule: Rule, tail: str) -> tuple[str, Tone, list[Offer]]:
    if outcome.coverage == 0:
        return _empty(outcome, rule, tail)
    if outcome.coverage > FULL:
        return (
            f"{100 * outcome.coverage:.0f} % of the image is foreground ({tail}). Rarely right:"
            " raise the threshold, change the scale or the model.",
            "warning",
            _offers(threshold=min(0.95, (1 + rule.threshold) / 2)),
        )
    if outcome.kind == "mask":
        return f"{100 * outcome.coverage:.1f} % foreground, {tail}", "info", []
    diameter = outcome.diameter or 0.0
    line = f"{counted(outcome.objects or 0, 'object')}, median diameter {diameter:.0f} px, {tail}"
    if diameter >= TINY_PX:
        return line, "info", []
    return (
        f"{line}. They are tiny: set the object size with the circle, or raise the minimum size.",
        "warning",
        [CIRCLE],
    )


def _empty(outcome: Outcome, rule: Rule, tail: str) -> tuple[str, Tone, list[Offer]]:
    if outcome.constant:
        same = "every pixel of the image has the same value for the network"
        return f"No objects: {same} ({tail}).", "warning", []
    if outcome.peak < rule.threshold:
        lower = round(0.8 * outcome.peak, 2)
        return (
            f"No objects: the highest probability is {outcome.peak:.2f}, the threshold {rule.threshold:.2f}"
            f" ({tail}). Lower it, change the scale or try another model.",
            "warning",
            _offers(threshold=lower) if lower >= 0.05 else [CIRCLE],
        )
    return _all_dropped(rule, tail)


def _all_dropped(rule: Rule, tail: str) -> tuple[str, Tone, list[Offer]]:
    """Objects were found, and the rule keeps none."""
    sizes, remedy = f"of {rule.min_size} px or more", "Lower the minimum size"
    offers: list[Offer] = [("minimum size 0", "min_size:0")]
    if rule.max_size is not None:
        sizes, remedy = f"of {rule.min_size} to {rule.max_size} px", f"{remedy}, or raise the maximum"
        offers.append(("no maximum", "max_size:"))
    if rule.drop_border:
        sizes, remedy = f"{sizes} off the border", f"{remedy}, or keep objects at the border"
        offers.append(("keep those at the border", "drop_border:"))
    return f"No objects {sizes} ({tail}). {remedy}.", "warning", offers


def _offers(*, threshold: float) -> list[Offer]:
    return [(f"threshold {threshold:.2f}", f"threshold:{threshold:.2f}"), CIRCLE]


def progress(done: int, total: int, fraction: float, elapsed: float) -> str:
    """``tile 41 of 96, 3 s left``; no time as long as it cannot be estimated."""
    text = f"tile {min(done + 1, total)} of {total}"
    if elapsed < 1 or not 0.05 < fraction < 1:
        return text
    return f"{text}, {seconds_text(elapsed * (1 - fraction) / fraction)} left"


def stopped(done: int, total: int, shown: int | None) -> str:
    """What a stopped run leaves; `shown` is the level of the result that is still shown, if any is."""
    text = f"Stopped after {done} of {counted(total, 'tile')}." if total else "Stopped."
    return text if shown is None else f"{text} The result of {level_name(shown)} is still shown."


def not_computed(point: ChartPoint, *, level_is: bool) -> str:
    """What a level costs that is not computed; `level_is`: it is, for another scale or contrast."""
    how = " at this scale and contrast" if level_is else ""
    return f"{level_name(point.level)} is not computed yet{how} ({point_text(point)}): press Segment."


def range_text(used: Interval | None) -> str:
    """Which intensities were 0 and 1 for the network in what is shown; None: nothing is shown."""
    return f"intensities {used[0]:.4g} to {used[1]:.4g}" if used else "intensities: Segment shows them"


def place(uncertainty: float, left: int) -> str:
    """Where Next went."""
    more = f"{left} more" if left else "the last one"
    return f"Went to a place of uncertainty {uncertainty:.2f} ({more}). Correct what is there, or go on."


def no_place_left(places: int) -> str:
    """Next has nowhere to go."""
    if not places:
        return "No uncertain place in this result."
    return f"All {places} uncertain places were visited or corrected."
