"""What a fine-tuning gave, as a table and a sentence. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari_unetpp._types import LEVELS, FinetuneDone, FinetuneStarted, LevelScores, ScoreSet
from napari_unetpp.session.values import Tone
from napari_unetpp.session.wording import NO_VALIDATION, seconds_text


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
    """What is held out, and what else is to be known of the beginning."""
    held_out = f"Held out: {event.held_out}." if event.held_out else NO_VALIDATION
    return " ".join((held_out, *_others(event.notes)))


def verdict(done: FinetuneDone) -> tuple[str, Tone]:
    """Whether the new model is better, by how much, and how that is known."""
    how = f"{done.steps} steps in {seconds_text(done.seconds)}{', stopped early' if done.stopped else ''}"
    if done.better is None:
        text = f"{NO_VALIDATION} Keep it, look, and choose the former model again if it is worse ({how})."
    elif done.better:
        text = f"Better{_change(done)} ({how})."
    else:
        text = f"Not better{_change(done)} ({how}): discard it, or correct more and try again."
    return " ".join((text, *_elsewhere(done), *_others(done.notes))), "info" if done.better else "warning"


def _elsewhere(done: FinetuneDone) -> list[str]:
    """Depths that went the other way than the recommended one, as far as two digits tell."""
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
    """Notes without the one that is said anyway."""
    return [note for note in notes if not note.startswith(NO_VALIDATION.partition(":")[0])]


def _change(done: FinetuneDone) -> str:
    level = done.info.recommended_level
    row = next((row for row in score_rows(done) if row.level == level), None)
    if row is None or row.before is None or row.after is None:
        return ""
    return f" at L{level}: Dice {row.before:.2f} → {row.after:.2f}"


def _entry(scores: ScoreSet, level: int) -> LevelScores | None:
    return scores.levels.get(level)
