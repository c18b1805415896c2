"""What happens at the events of a training: the average is looked at, lines are told, the state is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from napari_unetpp.train.scratch.checkpoint import Checkpoint, save_checkpoint
from napari_unetpp.train.scratch.log import JsonLines
from napari_unetpp.train.scratch.loop import Fit, Progress
from napari_unetpp.train.scratch.plan import Plan
from napari_unetpp.train.scratch.validation import entry, line, live_subset, look


@dataclass(frozen=True, eq=False)
class Best:
    """The best average so far.

    Attributes
    ----------
    step : int
        When it was looked at.
    quality : float or None
        See `live.LookScores`; None: nothing is held out.
    tensors : mapping from name to Tensor
        State dict of the averaged network, on the CPU.
    """

    step: int
    quality: float | None
    tensors: dict[str, Tensor]


class Watch:
    """Sees every event of a loop.

    Parameters
    ----------
    plan : Plan
    fit : Fit
    path : Path
        Of the checkpoint.
    before : Checkpoint or None
        The run goes on there.
    log : callable
        Receives a line for people at every event.

    Attributes
    ----------
    best : Best or None
        None before the first look.
    lines : JsonLines
    """

    def __init__(
        self, plan: Plan, fit: Fit, path: Path, before: Checkpoint | None, log: Callable[[str], None]
    ) -> None:
        self.plan, self.fit, self.path, self.log = plan, fit, path, log
        self.best = _best_of(before)
        # The line of the end is told before the choices that follow it; a run resumed there tells it again.
        since = None if before is None else fit.step - (fit.progress >= 1)
        self.lines = JsonLines(plan.request.json_path, since)
        self._settings = plan.settings()
        self._subset = live_subset(plan.data.held, plan.info)

    def see(self, event: Progress) -> None:
        """Look at the average where the event is a look; save in any case."""
        if event.why in ("look", "end"):
            options = self.fit.options
            scores = look(
                event.average, self._subset, self.plan.info, device=options.device, dtype=options.dtype
            )
            self.best = _better(self.best, event, scores.quality)
            self.lines.tell(entry(event, scores, self.plan.data.held_from))
            self.log(line(event, scores))
        else:
            self.log(line(event))
        save_checkpoint(self.path, self._state())

    def _state(self) -> Checkpoint:
        state = self.fit.checkpoint(self._settings)
        if self.best is None:
            return state
        tensors = {**state.tensors, **{f"best.{name}": t for name, t in self.best.tensors.items()}}
        return replace(state, tensors=tensors, best={"step": self.best.step, "quality": self.best.quality})


def _better(best: Best | None, event: Progress, quality: float | None) -> Best:
    """The better of two averages; the later one of equals, and where nothing is held out."""
    if best is not None and quality is not None and best.quality is not None and best.quality > quality:
        return best
    tensors = {name: t.detach().cpu().clone() for name, t in event.average.state_dict().items()}
    return Best(event.step, quality, tensors)


def _best_of(checkpoint: Checkpoint | None) -> Best | None:
    if checkpoint is None or not checkpoint.best:
        return None
    return Best(checkpoint.best["step"], checkpoint.best["quality"], checkpoint.part("best"))
