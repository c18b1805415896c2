"""What a fine-tuning gave, as a table and a sentence. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass

from napari_unetpp._types import LEVELS, FinetuneDone, LevelScores, ScoreSet
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


def verdict(done: FinetuneDone) -> tuple[str, Tone]:
    """Whether the new model is better, by how much, and how that is known."""
    how = f"{done.steps} steps in {seconds_text(done.seconds)}{', stopped early' if done.stopped else ''}"
    notes = "".join(f" {note}" for note in done.notes)
    if done.better is None:
        text = f"{NO_VALIDATION} Keep it, look, and choose the former model again if it is worse ({how})."
        return text + notes, "warning"
    change = _change(done)
    if done.better:
        return f"Better{change} ({how}).{notes}", "info"
    return f"Not better{change} ({how}): discard it, or correct more and try again.{notes}", "warning"


def _change(done: FinetuneDone) -> str:
    level = done.info.recommended_level
    row = next((row for row in score_rows(done) if row.level == level), None)
    if row is None or row.before is None or row.after is None:
        return ""
    return f" at L{level}: Dice {row.before:.2f} → {row.after:.2f}"


def _entry(scores: ScoreSet, level: int) -> LevelScores | None:
    return scores.levels.get(level)
