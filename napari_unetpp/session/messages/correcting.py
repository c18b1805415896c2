"""What the fold Correct says: clicks, modes, forgetting, restoring, and what a fine-tuning gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import (
    LEVELS,
    FinetuneDone,
    FinetuneStarted,
    LabelsAs,
    LevelScores,
    ModelInfo,
    ScoreSet,
)
from napari_unetpp.files.models.card_text import level_name
from napari_unetpp.files.text import counted
from napari_unetpp.session.messages.common import seconds_text
from napari_unetpp.session.values import MouseTool, Tone

PICKING = "looking where you clicked"
TOOLS: dict[MouseTool, str] = {
    "click": "Click an object to add it, Shift+click to take one away, drag a box to add all inside.",
    "merge": "Draw a line across the objects to merge; or click one, then those that touch it.",
    "split": "Draw a line across an object to cut it; or click two points in it, to split it between them.",
}
WAIT = "The image is being segmented: click again when that has ended, or press Stop."
NO_OBJECT = "There is no object here."
NO_OBJECTS_YET = "There are no objects yet: press Segment first."
CLASSES = "These labels are classes, not objects: there is nothing to merge or split."
FIRST_CLICK: dict[MouseTool, str] = {
    "merge": "Now click an object that touches this one.",
    "split": "Now click a second point in the same object.",
}
SECOND_CLICK: dict[MouseTool, str] = {
    "merge": "This is the same object: click one that touches it.",
    "split": "This is another object: click a second point in it.",
}
NOT_TOUCHING = "Nothing is merged: these objects do not touch. Paint what is between them, or merge it, too."
ONE_CROSSED = "The line crosses one object only: draw it across all that belong together."
NOTHING_CROSSED = "The line crosses no object."
NOT_ACROSS = "The line divides no object: begin and end outside of the one to be split."


PREPARING = "preparing int8 for the new model"
"""What the bar says after Keep: int8 is measured on the corrected images."""


def piece_too_small(least: int) -> str:
    """Why an object is not split."""
    return f"Not split: a piece would have fewer than {least} px. Leave more on both sides, or erase it."


def merged(count: int) -> str:
    """What Merge did."""
    return f"{count} objects merged. Ctrl+Z takes it back."


def split(count: int) -> str:
    """What Split did."""
    return f"Split: {count} objects now. Ctrl+Z takes it back."


def added(count: int, seconds: float, level: int) -> str:
    """What a click added."""
    if not count:
        return "This is marked already. Shift+click takes it away."
    done = f"{counted(count, 'object')} added, {level_name(level)}, {seconds_text(seconds)}"
    return f"{done}. Ctrl+Z takes it back."


def removed(count: int) -> str:
    """What Shift and a click removed."""
    return f"{counted(count, 'object')} taken away. Ctrl+Z brings it back."


def nothing_there(point: bool) -> str:
    """The model sees nothing where the user clicked."""
    where = "here" if point else "in this box"
    return f"The model sees nothing {where}: paint it, or try another depth."


NOTHING: dict[LabelsAs, str] = {
    "corrections": "Nothing to learn from yet: press Correct and paint where the model is wrong.",
    "reviewed": "Nothing to learn from yet: press Correct and make everything in the image right.",
    "sparse": "Nothing to learn from yet: press Correct and paint a few strokes on objects and background.",
}
NO_AUTO = "No Auto"
NO_VALIDATION = "No validation: too little to hold out."
HINTS: dict[LabelsAs, str] = {
    "corrections": "What you painted is true; the rest stays as the model sees it.",
    "reviewed": "Everything shown is true, background too. Regions: only inside them.",
    "sparse": "Only your strokes count. 0 = not labelled, label {background} = background.",
}


def hint(labels_as: LabelsAs, background: int) -> str:
    """What labels mean, in a line."""
    return HINTS[labels_as].format(background=background)


FORGET_WHAT = "Forget which corrections? The model then learns nothing from them."
FORGET = {"image": "of this image", "closed": "of images that are closed", "all": "all"}
FORGOTTEN = "There are no corrections. Those that were forgotten last can be brought back."
BRING_BACK = "bring back the forgotten ones"
BROUGHT_BACK = "The corrections are back: Correct shows them."


def forgotten(planes: int) -> str:
    """What Forget, or deleting the layer, did."""
    return f"The corrections of {counted(planes, 'image')} are forgotten: you start over."


def count(corrections: int, planes: int) -> str:
    """``7 corrections, 2 images``."""
    if not planes:
        return "no corrections yet"
    return f"{counted(corrections, 'correction')}, {counted(planes, 'image')}"


def restored(planes: int, problems: Sequence[str]) -> str:
    """What was restored after a crash; `problems` says what could not be."""
    images = counted(planes, "corrected image")
    if not problems:
        return f"Restored {images}. Press Fine-tune, or go on."
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    done = f"Restored {images}, but not all. " if planes else "Not restored. "
    return f"{done}Nothing is deleted, try again. {problems[0]}{more}"


def finetuning(seconds: float, fraction: float, budget: float) -> str:
    """Progress of a fine-tuning."""
    left = budget - seconds
    return f"{100 * fraction:.0f} %, {seconds_text(left)} left" if left > 0.5 else "checking the result"


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """One level before and after, on the same held-out pixels; None: undefined."""

    level: int
    before: float | None
    after: float | None
    ap50_before: float | None = None
    ap50_after: float | None = None
    recommended: bool = False


def score_rows(done: FinetuneDone) -> list[ScoreRow]:
    """The table, shallow first; empty without validation."""
    if done.before is None or done.after is None:
        return []
    rows = []
    for level in LEVELS:
        before, after = _entry(done.before, level), _entry(done.after, level)
        if before is not None or after is not None:
            rows.append(
                ScoreRow(
                    level,
                    before.dice if before else None,
                    after.dice if after else None,
                    before.ap50 if before else None,
                    after.ap50 if after else None,
                    level == done.info.recommended_level,
                )
            )
    return rows


def started(event: FinetuneStarted) -> str:
    """What is held out, and notes about the corrections."""
    held_out = f"Held out: {event.held_out}." if event.held_out else NO_VALIDATION
    return " ".join((held_out, *_others(event.notes)))


def no_autosave_folder(folder: Path, problem: str, former: Path) -> str:
    """The preferences name a folder that cannot be used."""
    return (
        f"The preferences name {folder} for unsaved corrections, but {problem}. They stay in {former}: make"
        " the folder, or name another one."
    )


def summary(done: FinetuneDone) -> tuple[str, Tone]:
    """Whether the new model is better, by how much, and how that is known."""
    early = ", stopped early" if done.stopped else ""
    how = f"{counted(done.steps, 'step')} in {seconds_text(done.seconds)}{early}"
    if done.better is None:
        text = f"{NO_VALIDATION} Keep it, look, and choose the former model again if it is worse ({how})."
    elif done.better:
        text = f"Better{_change(done)} ({how})."
    else:
        text = f"Not better{_change(done)} ({how}): discard it, or correct more and try again."
    return " ".join((text, *_elsewhere(done), *_others(done.notes))), "info" if done.better else "warning"


def kept(info: ModelInfo, before: int, level: int, notes: Sequence[str]) -> str:
    """The new model is in the list; of Auto as the depth `before`, why it is `level` now."""
    text = f"Kept as “{info.name}”. The former model is still in the list."
    if level == before:
        return text
    reason = next((note for note in notes if note.startswith(NO_AUTO)), f"{NO_AUTO}: too little to hold out.")
    return f"{text} {reason} The depth is {level_name(level)} now."


def _elsewhere(done: FinetuneDone) -> list[str]:
    """Levels that changed the other way than the recommended one, in two digits."""
    changes = [
        (row.level, row.before, row.after)
        for row in score_rows(done)
        if row.level != done.info.recommended_level and row.before is not None and row.after is not None
    ]
    gained = [change for change in changes if round(change[2], 2) > round(change[1], 2)]
    lost = [change for change in changes if round(change[2], 2) < round(change[1], 2)]
    word, others = ("Worse", lost) if done.better else ("Better", gained)
    listed = ", ".join(f"L{level} ({before:.2f} → {after:.2f})" for level, before, after in others)
    return [f"{word} at {listed}."] if listed and done.better is not None else []


def _others(notes: Sequence[str]) -> list[str]:
    """Notes without the one about validation, which is shown anyway."""
    return [note for note in notes if not note.startswith(NO_VALIDATION.partition(":")[0])]


def _change(done: FinetuneDone) -> str:
    level = done.info.recommended_level
    row = next((row for row in score_rows(done) if row.level == level), None)
    if row is None or row.before is None or row.after is None:
        return ""
    return f" at L{level}: Dice {row.before:.2f} → {row.after:.2f}"


def _entry(scores: ScoreSet, level: int) -> LevelScores | None:
    return scores.levels.get(level)
