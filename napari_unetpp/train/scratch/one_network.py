"""Training of one network from its plan to the end of the run, with checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_unetpp._types import ShouldStop, UnetppError
from napari_unetpp.engine.memory import enough_memory
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.averaging import measure_batch_norms
from napari_unetpp.train.schedule import too_few_steps
from napari_unetpp.train.scratch.loop import TrainingLoop
from napari_unetpp.train.scratch.plan import Plan, make_loop
from napari_unetpp.train.scratch.processes.ranks import Ranks
from napari_unetpp.train.scratch.progress.checkpoint import checkpoint_path, load_checkpoint
from napari_unetpp.train.scratch.progress.monitor import Monitor
from napari_unetpp.train.scratch.progress.validation import BestAverage
from napari_unetpp.train.scratch.request import TrainingStopped

NORM_BATCHES = 16
"""Batches on which the batch-norm statistics are measured at the end."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A network at the end of its training.

    Attributes
    ----------
    net : UNetPlusPlus
        The best average, with batch-norm statistics of its own.
    best_step : int
        The step of this average.
    loop : TrainingLoop
    monitor : Monitor
    """

    net: UNetPlusPlus
    best_step: int
    loop: TrainingLoop
    monitor: Monitor


def train_network(
    plan: Plan, log: Callable[[str], None], should_stop: ShouldStop, ranks: Ranks
) -> Trained | None:
    """Train the network of a plan, from its checkpoint if there is one; the checkpoint stays.

    Returns
    -------
    Trained or None
        None in other processes than the first.

    Raises
    ------
    UnetppError
        A checkpoint of another training, or a loss that is no number any more.
    TrainingStopped
        After `should_stop`.
    """
    path = checkpoint_path(plan.request.out)
    checkpoint = load_checkpoint(path, plan.settings()) if path.exists() else None
    loop = make_loop(plan, checkpoint, ranks)
    ranks.agree(loop.step)  # all have read the checkpoint: from now on the first one may replace it
    log(_about(loop))
    if warned := too_few_steps(loop.options.steps_planned):
        log(warned)
    if checkpoint is not None:
        log(f"resumed at step {loop.step}, {loop.megapixels:.1f} megapixels, {loop.seconds / 60:.1f} min")
    if not ranks.first:
        _follow(loop, should_stop)
        return None
    monitor = Monitor(plan, loop, path, checkpoint, log)
    with enough_memory("training", "give a smaller --batch or --patch, or close other programs"):
        best = _train(loop, monitor, should_stop)
    if not warned and (few := too_few_steps(loop.step)):
        log(few)
    log(f"measuring the statistics of the averaged weights of step {best.step}")
    return Trained(_network_of(best, loop), best.step, loop, monitor)


def check_left_over(out: Path, *, resume: bool, parts: tuple[Path, ...] = ()) -> None:
    """Raise UnetppError if an unfinished training would be overwritten, or is missing to resume from.

    `parts` are files of the training beside its checkpoint.
    """
    path = checkpoint_path(out)
    left = [file for file in (path, *parts) if file.exists()]
    if left and not resume:
        raise UnetppError(
            f"{left[0]} is left from an unfinished training; add --resume to go on, or delete it."
        )
    if resume and not left:
        raise UnetppError(f"there is no checkpoint {path} to go on from; leave --resume out to start anew.")


def _about(loop: TrainingLoop) -> str:
    o = loop.options
    patches = "1 patch" if o.batch == 1 else f"{o.batch} patches"
    together = f"{loop.ranks.size} processes " if loop.ranks.size > 1 else ""
    return (
        f"training {together}on {o.device} in {o.dtype}, {patches} of {o.patch} px a step; "
        f"a line follows every {o.save_seconds / 60:.0f} minutes"
    )


def _follow(loop: TrainingLoop, should_stop: ShouldStop) -> None:
    """Run the loop of another than the first process, which handles the events."""
    for event in loop.run(should_stop):
        if event.why == "stopped":
            raise TrainingStopped(f"process {loop.ranks.rank} has stopped, too.")


def _train(loop: TrainingLoop, monitor: Monitor, should_stop: ShouldStop) -> BestAverage:
    """Run the loop to its end."""
    for event in loop.run(should_stop):
        monitor.handle(event)
        if event.why == "stopped":
            raise TrainingStopped(
                f"stopped at step {loop.step}, after {event.progress:.0%} of the training. Go on with the "
                f"same command and --resume; the state is in {monitor.path}."
            )
    assert monitor.best is not None, "the end is validated"
    return monitor.best


def _network_of(best: BestAverage, loop: TrainingLoop) -> UNetPlusPlus:
    """The network of the best average, with batch-norm statistics measured for its weights."""
    net, options = loop.average.net, loop.options
    net.load_state_dict(best.tensors)
    batches = (loop.source.batch(options.batch, options.patch) for _ in range(NORM_BATCHES))
    measure_batch_norms(net, (batch.image for batch in batches))
    return net
