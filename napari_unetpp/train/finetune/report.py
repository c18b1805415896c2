"""Reports on a fine-tuning: lines, a table, and plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from napari_unetpp._types import FinetuneDone, FinetuneProgress, LevelScores, ScoreSet
from napari_unetpp.files.text import number, table
from napari_unetpp.train.choose.levels import compare, compare_levels

COLUMNS = ("level", "dice before", "after", "ap50 before", "after", "", "")


def line(event: FinetuneProgress) -> str:
    """One line about a point of the run."""
    dice = "  ".join(f"L{level} {value:.3f}" for level, value in sorted(event.dice.items()))
    text = (
        f"{100 * event.fraction:3.0f} %  {event.seconds:5.1f} s  step {event.step:4d}  loss {event.loss:.3f}"
    )
    return f"{text}  Dice {dice}" if dice else text


def scores_text(done: FinetuneDone) -> str:
    """A table of every level before and after on the same held-out pixels, and whether it became better."""
    if done.before is None or done.after is None:
        return "no validation: too little is labelled to hold a part of it out"
    rows = [
        (*_row(level, done.before, done.after), change or "", "recommended" * (level == best))
        for best in (done.info.recommended_level,)
        for level, change in compare_levels(done.before, done.after).items()
    ]
    outcome = "better than before" if done.better else "not better than before"
    return f"{done.after.data}\n{table([COLUMNS, *rows])}\n{outcome}"


def plain(done: FinetuneDone, points: Sequence[FinetuneProgress]) -> dict[str, Any]:
    """What ``finetune --json`` writes; what is undefined is None."""
    levels = {}
    if done.before is not None and done.after is not None:
        levels = {
            str(level): {
                "before": _fields(done.before.levels[level]),
                "after": _fields(done.after.levels[level]),
                "judged": compare(done.before.levels[level], done.after.levels[level]),
            }
            for level in done.after.levels
        }
    return {
        "model": done.info.name,
        "parent": done.info.provenance.get("parent_name"),
        "held_out": done.info.provenance.get("held_out"),
        "better": done.better,
        "recommended_level": done.info.recommended_level,
        "levels": levels,
        "steps": done.steps,
        "seconds": done.seconds,
        "stopped": done.stopped,
        "notes": list(done.notes),
        "history": [{**asdict(p), "dice": {str(k): v for k, v in p.dice.items()}} for p in points],
    }


def _row(level: int, before: ScoreSet, after: ScoreSet) -> tuple[str, ...]:
    old, new = before.levels[level], after.levels[level]
    values = (old.dice, new.dice, old.ap50, new.ap50)
    return (f"L{level}", *(number(v, 3) for v in values))


def _fields(scores: LevelScores) -> dict[str, float | None]:
    return {"dice": scores.dice, "iou": scores.iou, "ap50": scores.ap50}
