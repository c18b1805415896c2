"""The log of a training: lines for people, and JSON lines, which are written to disk at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_unetpp._types import UnetppError
from napari_unetpp.files.atomic import write_atomically
from napari_unetpp.train.scratch.loop import TrainingProgress
from napari_unetpp.train.scratch.progress.validation import ValidationScores

FIRST = b'{"step": '
"""What every line of the log in JSON begins with."""


def line(event: TrainingProgress, scores: ValidationScores | None = None) -> str:
    """One line for people."""
    text = (
        f"{100 * event.progress:3.0f} %  {event.seconds / 60:6.1f} min  {event.megapixels:8.1f} megapixels  "
        f"loss {event.loss:.4f}"
    )
    if scores is None:
        return text
    values, name = (scores.ap50, "AP50") if scores.ap50 else (scores.dice, "Dice")
    return f"{text}  {name} " + ("  ".join(f"L{d} {v:.3f}" for d, v in values.items()) or "no validation")


def entry(event: TrainingProgress, scores: ValidationScores, names: Sequence[str]) -> dict[str, Any]:
    """An event and its scores as plain values, for ``train --json``."""
    return {
        "step": event.step,
        "megapixels": event.megapixels,
        "seconds": round(event.seconds, 1),
        "loss": event.loss if event.loss == event.loss else None,
        **asdict(event.stage),
        "dice": dict(scores.dice),
        "ap50": dict(scores.ap50),
        "folders": {names[number]: scores for number, scores in scores.folders.items()},
    }


def check_log(path: Path | None) -> None:
    """Raise UnetppError, before any work, where the file is there and is no training's log."""
    if path is not None and path.is_file():
        _lines_until(path, 0)


class JsonLines:
    """Appends JSON objects to a file, one a line.

    Parameters
    ----------
    path : Path or None
        None: nothing is written.
    step : int or None
        None: the file, a training's log, is emptied. Else a run continues at this step: lines of later
        steps are removed, because the run will write them again.
    """

    def __init__(self, path: Path | None, step: int | None = None) -> None:
        self.path = path
        if path is None:
            return
        lines = _lines_until(path, -1 if step is None else step) if path.is_file() else []
        write_atomically(path, lambda file: file.write("".join(lines).encode()), overwrite=True)

    def append(self, content: Mapping[str, Any]) -> None:
        """Append one line."""
        if self.path is None:
            return
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(content, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def _lines_until(path: Path, step: int) -> list[str]:
    """The lines up to a step; raises UnetppError where the file is no training's log."""
    lines = []
    for number, content in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        if not content.endswith(b"\n") and FIRST.startswith(content[: len(FIRST)]):
            break  # the run was killed while it wrote this
        try:
            text = content.decode()
            if json.loads(text)["step"] <= step:
                lines.append(text)
        except (ValueError, TypeError, KeyError) as error:
            raise UnetppError(
                f"{path}, line {number}, is not of a training's log ({error}); give another --json file."
            ) from error
    return lines
