"""Handling of the events of a training loop: validation, log, checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from napari_unetpp.train.scratch.loop import TrainingLoop, TrainingProgress
from napari_unetpp.train.scratch.plan import Plan
from napari_unetpp.train.scratch.progress.checkpoint import Checkpoint, save_checkpoint
from napari_unetpp.train.scratch.progress.log import JsonLines, entry, line
from napari_unetpp.train.scratch.progress.validation import BestAverage, better, validate, validation_samples


class Monitor:
    """Handles every event of a loop.

    Parameters
    ----------
    plan : Plan
    loop : TrainingLoop
    path : Path
        Of the checkpoint to write.
    checkpoint : Checkpoint or None
        The run was resumed from it.
    log : callable
        Receives a line for people at every event.

    Attributes
    ----------
    best : BestAverage or None
        None before the first validation.
    lines : JsonLines
    """

    def __init__(
        self,
        plan: Plan,
        loop: TrainingLoop,
        path: Path,
        checkpoint: Checkpoint | None,
        log: Callable[[str], None],
    ) -> None:
        self.plan, self.loop, self.path, self.log = plan, loop, path, log
        self.best = BestAverage.of(checkpoint)
        # The last line is written before the final choices; a run that is resumed there writes it again.
        since = None if checkpoint is None else loop.step - (loop.progress >= 1)
        self.lines = JsonLines(plan.request.json_path, since)
        self._settings = plan.settings()
        self._samples = validation_samples(plan.data.held_out, plan.info)

    def handle(self, event: TrainingProgress) -> None:
        """Validate the average if the event asks for it, and save."""
        if event.why in ("validate", "end"):
            device, dtype = self.loop.options.device, self.loop.options.dtype
            scores = validate(event.average, self._samples, self.plan.info, device=device, dtype=dtype)
            self.best = better(self.best, event.step, event.average, scores.quality)
            self.lines.append(entry(event, scores, self.plan.data.held_out_from))
            self.log(line(event, scores))
        else:
            self.log(line(event))
        save_checkpoint(self.path, self._state())

    def _state(self) -> Checkpoint:
        state = self.loop.checkpoint(self._settings)
        if self.best is None:
            return state
        tensors = {**state.tensors, **{f"best.{name}": t for name, t in self.best.tensors.items()}}
        return replace(state, tensors=tensors, best={"step": self.best.step, "quality": self.best.quality})
