"""Training from folders of labelled images to a model file (``napari-unetpp train``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_unetpp._types import ModelInfo, ShouldStop, UnetppError, never_stop
from napari_unetpp.engine.memory import enough_memory
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.averaging import measure_batch_norms
from napari_unetpp.train.precision import check_precision
from napari_unetpp.train.schedule import too_few_steps
from napari_unetpp.train.scratch.checkpoint import checkpoint_path, load_checkpoint
from napari_unetpp.train.scratch.loop import TrainingLoop
from napari_unetpp.train.scratch.monitor import Monitor
from napari_unetpp.train.scratch.plan import make_loop, make_plan
from napari_unetpp.train.scratch.processes.ranks import Ranks, joined
from napari_unetpp.train.scratch.request import TrainingStopped, TrainRequest
from napari_unetpp.train.scratch.result import write_result
from napari_unetpp.train.scratch.validation import BestAverage

NORM_BATCHES = 16
"""Batches on which the batch-norm statistics are measured at the end."""


def train_model(
    request: TrainRequest, log: Callable[[str], None], should_stop: ShouldStop = never_stop
) -> ModelInfo:
    """Train, choose thresholds, seeds and level on held-out images, and write the model file.

    If ``torchrun`` has started several processes, the first one logs, validates and writes; the others
    return the card from before training, without a `path`.

    Parameters
    ----------
    request : TrainRequest
    log : callable
        Receives a line at every event.
    should_stop : callable
        Asked between two images and between two steps; a stopped training can be resumed.

    Raises
    ------
    UnetppError
        Options or images that do not fit.
    TrainingStopped
        After `should_stop`.
    """
    check_precision(request.precision)
    with joined(batch=request.batch, device=request.device) as ranks:
        return _train_together(request, log if ranks.first else _no_log, should_stop, ranks)


def _no_log(line: str) -> None:
    """Log nothing: the first process does."""


def _train_together(
    request: TrainRequest, log: Callable[[str], None], should_stop: ShouldStop, ranks: Ranks
) -> ModelInfo:
    path = checkpoint_path(request.out)
    _check_checkpoint(path, resume=request.resume)
    replaces = request.out.exists()  # a file that appears later is kept
    with enough_memory("reading the labelled images", "close other programs, or give fewer or smaller ones"):
        plan = make_plan(request, log, should_stop)
    checkpoint = load_checkpoint(path, plan.settings()) if request.resume else None
    loop = make_loop(plan, checkpoint, ranks)
    ranks.agree(loop.step)  # all have read the checkpoint: from now on the first one may replace it
    log(_about(loop))
    if warned := too_few_steps(loop.options.steps_planned):
        log(warned)
    if checkpoint is not None:
        log(f"resumed at step {loop.step}, {loop.megapixels:.1f} megapixels, {loop.seconds / 60:.1f} min")
    if not ranks.first:
        _follow(loop, should_stop)
        return plan.info
    monitor = Monitor(plan, loop, path, checkpoint, log)
    with enough_memory("training", "give a smaller --batch or --patch, or close other programs"):
        best = _train(loop, monitor, should_stop)
    if not warned and (few := too_few_steps(loop.step)):
        log(few)
    log(f"measuring the statistics of the averaged weights of step {best.step}")
    net = _network_of(best, loop)
    info, scores = write_result(plan, loop, net, best.step, log, overwrite=replaces)
    last = {"step": loop.step, "megapixels": loop.megapixels, "best_step": best.step}
    monitor.lines.append({**last, **scores})
    path.unlink(missing_ok=True)
    return info


def _about(loop: TrainingLoop) -> str:
    o = loop.options
    patches = "1 patch" if o.batch == 1 else f"{o.batch} patches"
    together = f"{loop.ranks.size} processes " if loop.ranks.size > 1 else ""
    return (
        f"training {together}on {o.device} in {o.dtype}, {patches} of {o.patch} px a step; "
        f"a line follows every {o.save_seconds / 60:.0f} minutes"
    )


def _check_checkpoint(path: Path, *, resume: bool) -> None:
    """Raise UnetppError if a checkpoint exists that would be overwritten, or is missing to resume from."""
    if path.exists() and not resume:
        raise UnetppError(f"{path} is left from an unfinished training; add --resume to go on, or delete it.")
    if resume and not path.exists():
        raise UnetppError(f"there is no checkpoint {path} to go on from; leave --resume out to start anew.")


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
