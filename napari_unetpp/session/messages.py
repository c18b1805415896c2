"""Numbers into sentences: the readout, the result line, reasons and offers. Pure functions."""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from pathlib import Path

from napari_unetpp._types import AUTO, LabelsAs, ModelInfo, StoppingRule, UnetppError
from napari_unetpp.engine.memory import is_out_of_memory
from napari_unetpp.files.models.card_text import level_name, measured_at
from napari_unetpp.net import graph
from napari_unetpp.session.display.image_description import WEAK
from napari_unetpp.session.display.level_costs import ChartPoint, scores_of
from napari_unetpp.session.values import (
    Held,
    Outcome,
    Plane,
    Ready,
    ResultKind,
    Rule,
    Saved,
    Step,
    Tone,
)

Offer = tuple[str, str]
"""Text of a link and the action it stands for, e.g. ``("threshold 0.20", "threshold:0.2")``."""

NO_IMAGE = "Open an image first: drop a file on the window, or File > Open Sample > UNet++ segmentation."
READY = "Ready. Press Segment."
REMOVED = "The result layer was removed: press Segment to make it again."
NO_MODEL = "No model was found. Put a .safetensors model into the models folder and reopen this panel."
NO_VALIDATION = "No validation: too little to hold out."
CIRCLE: Offer = ("show the circle", "circle:1")
NO_OBJECTS_FOUND = (
    "Out of memory while telling objects apart: the mask is shown. Close other programs, or crop the image,"
    " then choose labels again: the network need not run again."
)
STEM_BYTES = 120
"""Of a file name made from the name of a layer."""

NAME_BYTES = 255
"""What most file systems take of a name."""

TINY_PX = 4.0
FULL = 0.95


log = logging.getLogger(__name__)


class Advice(UnetppError):
    """Nothing has failed: the user is told what there is, or what to do first."""


def error(error: BaseException, remedy: str) -> str:
    """What went wrong, for the message line; what nobody foresaw also goes to the log.

    `remedy` says what helps where memory runs out.
    """
    if isinstance(error, UnetppError):
        return str(error)
    if is_out_of_memory(error):
        return f"Out of memory: {remedy}."
    log.error("a job of the dock failed", exc_info=error)
    return f"This failed, and should not have: {reason(error)}. Please report it with what the log says."


def reason(error: BaseException) -> str:
    """What an exception says, in words even where it says nothing; its type, for whoever mends it."""
    words = " ".join(str(error).split()).rstrip(".")
    return f"{words or 'it gives no reason'}; {type(error).__name__}"


def seconds_text(seconds: float) -> str:
    """Seconds, short: ``0.4 s``, ``12 s``, ``3 min 5 s``."""
    if seconds < 0.05:
        return "< 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def cost_text(seconds_per_megapixel: float) -> str:
    """Milliseconds per megapixel, or seconds where that is shorter."""
    if seconds_per_megapixel < 0.9995:
        return f"{1000 * seconds_per_megapixel:.0f} ms per megapixel"
    return f"{seconds_per_megapixel:.{0 if seconds_per_megapixel >= 9.95 else 1}f} s per megapixel"


def point_text(point: ChartPoint) -> str:
    """What a level takes; "about" until a real run on this machine told."""
    cost = cost_text(point.seconds)
    return cost if point.measured else f"about {cost}"


def readout(model: ModelInfo, point: ChartPoint) -> tuple[str, str]:
    """The line under the slider, and its tool tip."""
    millions = graph.parameters(network_level(model, point.level), model.net) / 1e6
    cost = point_text(point)
    score = "no score" if point.quality is None else f"Dice {point.quality:.2f}"
    text = f"{level_name(point.level)} · {millions:.2f} M · {cost} · {score}"
    return text, _readout_tip(model, point, millions)


def playing(level: int, chosen: ChartPoint) -> tuple[str, str]:
    """The line under the slider while a stack plays faster than the chosen depth is, and its tool tip."""
    text = f"{level_name(level)} while playing: {level_name(chosen.level)} is too slow"
    tip = f"{level_name(chosen.level)} takes {point_text(chosen)}. It follows when the stack stops."
    return text, tip


def _readout_tip(model: ModelInfo, point: ChartPoint, millions: float) -> str:
    how = "measured on this machine" if point.measured else "estimated, not yet run here"
    if point.level == AUTO and model.stopping:
        return _auto_tip(model.stopping, f"{cost_text(point.seconds)}, {how}")
    scores = scores_of(model)
    quality = "This model carries no scores."
    if scores is not None and (entry := scores.levels.get(point.level)):
        parts = [("Dice", entry.dice), ("IoU", entry.iou), ("AP50", entry.ap50)]
        values = ", ".join(f"{name} {value:.3f}" for name, value in parts if value is not None)
        quality = f"{values or 'No score'} on {scores.images} images ({scores.data}{measured_at(model)})."
    star = " This is the recommended depth." if point.recommended else ""
    cost = cost_text(point.seconds)
    return f"Depth {point.level}: {millions:.2f} million parameters; {cost}, {how}. {quality}{star}"


def _auto_tip(rule: StoppingRule, cost: str) -> str:
    return (
        f"Auto: every place as deep as it needs, whole objects at a time. {cost}. On held-out images it took"
        f" {rule.share:.0%} of the deepest level's work, and was allowed to lose {rule.tolerance:g} Dice."
    )


def network_level(model: ModelInfo, level: int) -> int:
    """The deepest level whose nodes a depth may need."""
    return model.net.depth if level == AUTO else level


def result(outcome: Outcome, rule: Rule) -> tuple[str, Tone, list[Offer]]:
    """The result line; an empty or absurd result says why and what to do.

    `rule` has its minimum size in pixels of the image.
    """
    tail = f"{level_name(outcome.level)}, {seconds_text(outcome.seconds)}"
    if outcome.share is not None:
        tail += f", {outcome.share:.0%} of the full work"
    text, tone, offers = _verdict(outcome, rule, tail)
    weak = outcome.choice.weak and CIRCLE not in offers and not outcome.constant
    notes = " ".join((f"{WEAK.capitalize()}: scale 1.", *outcome.notes) if weak else outcome.notes)
    offers = [*offers, CIRCLE] if weak else offers
    return (f"{text}\n{notes}" if notes else text), tone, offers


def _verdict(outcome: Outcome, rule: Rule, tail: str) -> tuple[str, Tone, list[Offer]]:
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
    count, diameter = outcome.objects or 0, outcome.diameter or 0.0
    noun = "object" if count == 1 else "objects"
    line = f"{count} {noun}, median diameter {diameter:.0f} px, {tail}"
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
    return (
        f"No objects of {rule.min_size} px or more ({tail}). Lower the minimum size.",
        "warning",
        [("minimum size 0", "min_size:0")],
    )


def _offers(*, threshold: float) -> list[Offer]:
    return [
        (f"threshold {threshold:.2f}", f"threshold:{threshold:.2f}"),
        CIRCLE,
    ]


def progress(done: int, total: int, fraction: float, elapsed: float) -> str:
    """``tile 41 of 96, 3 s left``; silent about the time until there is something to go by."""
    text = f"tile {min(done + 1, total)} of {total}"
    if elapsed < 1 or not 0.05 < fraction < 1:
        return text
    return f"{text}, {seconds_text(elapsed * (1 - fraction) / fraction)} left"


def stopped(done: int, total: int, shown: int | None) -> str:
    """What a stopped run leaves; `shown` is the depth of the result that is still shown, if any is."""
    text = f"Stopped after {done} of {total} tiles." if total else "Stopped."
    return text if shown is None else f"{text} The result of {level_name(shown)} is still shown."


def not_computed(point: ChartPoint, *, level_is: bool) -> str:
    """What a deeper level takes, or one that is computed, for another scale or contrast."""
    how = " at this scale and contrast" if level_is else ""
    return f"{level_name(point.level)} is not computed yet{how} ({point_text(point)}): press Segment."


def restriction(model: ModelInfo) -> str:
    """The licence, where it forbids something that users may want to do."""
    words = model.licence.lower()
    return model.licence if "clinical" in words or "-nc" in words else ""


def devices(usable: Sequence[str], ready: Ready | None) -> list[tuple[str, str]]:
    """Names and texts for the device picker; after warming up ``auto`` says what it stands for."""
    names = {"cpu": "CPU", "cuda": "CUDA", "mps": "MPS"}
    formats = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16"}
    auto = "auto"
    if ready is not None and ready.wanted == "auto":
        auto = f"auto: {names.get(ready.device, ready.device)}, {formats.get(ready.dtype, ready.dtype)}"
    return [("auto", auto), *((name, names.get(name, name)) for name in usable)]


def held(event: Held) -> str:
    """How much memory results take that are kept for the sliders."""
    total, nodes, maps = (
        round(size / 1e6, 1) for size in (event.nodes + event.maps, event.nodes, event.maps)
    )
    return (
        f"{total:g} MB are held so that sliding needs little or no network: {nodes:g} MB of nodes,"
        f" {maps:g} MB of maps and results. The preferences limit them."
    )


def file_suggestion(plane: Plane, kind: ResultKind) -> Path:
    """Where the result would be saved: beside the image if that is known; each plane by its own name."""
    stem = "_".join((file_stem(plane.name), *map(_step_name, plane.position)))
    return (plane.folder or Path.home()) / f"{stem}_{kind}.tif"


def _step_name(step: Step) -> str:
    """``t003``."""
    label = file_stem(step.axis)
    return f"{label}{'_' if label[-1].isdigit() else ''}{step.index:03d}"


def file_stem(name: str) -> str:
    """A layer's name as a file name that every system takes, with room for what is added to it."""
    plain = "".join(c if c.isalnum() or c in "-_. " else "_" for c in name).strip(" .")
    whole = plain.encode()
    if len(whole) > STEM_BYTES:  # the end often says which plane it is
        head, tail = whole[: STEM_BYTES * 3 // 4], whole[-STEM_BYTES // 4 :]
        plain = "_".join(part.decode(errors="ignore").strip(" .") for part in (head, tail))
    return plain or "image"


def saved(event: Saved) -> str:
    """Which files were written, and where."""
    names = " and ".join(path.name for path in event.paths)
    return "\n".join((f"Saved {names} in {event.paths[0].parent}", *event.notes))


def no_area(missing: str) -> str:
    """Why a table of objects has no column in square micrometres."""
    return f"No areas in µm²: {missing}."


def not_written(path: Path, error: OSError) -> str:
    """Why a file could not be written, and what to do."""
    if error.errno in (errno.ENAMETOOLONG, errno.EINVAL) and len(path.name.encode()) > NAME_BYTES // 2:
        return (
            f"The name {path.name[:24]}… has {len(path.name)} characters, which is too long for this disk:"
            " choose a shorter one."
        )
    return f"{path.parent} could not be written: {error.strerror or error}. Choose another folder."


PICKING = "looking where you clicked"
CLICK = "Click an object to add it, Shift+click to take one away, drag a box to add all inside."


def added(count: int, seconds: float, level: int) -> str:
    """What a click added."""
    if not count:
        return "This is marked already. Shift+click takes it away."
    noun = "object" if count == 1 else "objects"
    return f"{count} {noun} added, {level_name(level)}, {seconds_text(seconds)}. Ctrl+Z takes it back."


def taken(count: int) -> str:
    """What Shift and a click took away."""
    return f"{count} object{'' if count == 1 else 's'} taken away. Ctrl+Z brings it back."


def nothing_there(point: bool) -> str:
    """The model sees nothing where the user clicked."""
    where = "here" if point else "in this box"
    return f"The model sees nothing {where}: paint it, or try another depth."


def place(uncertainty: float, left: int) -> str:
    """Where Next went."""
    more = f"{left} more" if left else "the last one"
    return f"In the middle of the view: uncertainty {uncertainty:.2f} ({more}). Correct it, or go on."


def no_place_left(places: int) -> str:
    """Next has nowhere to go."""
    if not places:
        return "No uncertain place in this result."
    return f"All {places} uncertain places were visited or corrected."


HINTS: dict[LabelsAs, str] = {
    "corrections": "What you painted is true; the rest stays as the model sees it.",
    "reviewed": "Everything shown is true, background too. Regions: only inside them.",
    "sparse": "Only your strokes count. 0 = not labelled, label {background} = background.",
}


def hint(labels_as: LabelsAs, background: int) -> str:
    """What the labels say, in a line."""
    return HINTS[labels_as].format(background=background)


FORGET_WHAT = "Forget which corrections? The model then learns nothing from them."
FORGET = {"image": "of this image", "closed": "of images that are closed", "all": "all"}
FORGOTTEN = "There are no corrections. Those that were forgotten last can be brought back."
BRING_BACK = "bring back the forgotten ones"
BROUGHT_BACK = "The corrections are back: Correct shows them."


def forgotten(planes: int) -> str:
    """What Forget, or deleting the layer, did."""
    return f"The corrections of {planes} image{'' if planes == 1 else 's'} are forgotten: you start over."


def lessons(corrections: int, planes: int) -> str:
    """``7 corrections, 2 images``."""
    if not planes:
        return "no corrections yet"
    words = f"{corrections} correction{'' if corrections == 1 else 's'}"
    return f"{words}, {planes} image{'' if planes == 1 else 's'}"


def restored(planes: int, problems: Sequence[str]) -> str:
    """What came back after a crash; `problems` tells of what did not."""
    images = f"{planes} corrected image{'' if planes == 1 else 's'}"
    if not problems:
        return f"Restored {images}. Press Fine-tune, or go on."
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    done = f"Restored {images}, but not all. " if planes else "Not restored. "
    return f"{done}Nothing is deleted, try again. {problems[0]}{more}"


def learning(seconds: float, fraction: float, budget: float) -> str:
    """Progress of a fine-tuning."""
    left = budget - seconds
    return f"{100 * fraction:.0f} %, {seconds_text(left)} left" if left > 0.5 else "checking the result"
