"""Training from folders of pairs to a model file: what ``napari-unetpp train`` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unetpp._types import ModelInfo, ShouldStop, UnetppError, never_stop
from napari_unetpp.train.schedule import too_few_steps
from napari_unetpp.train.scratch.checkpoint import checkpoint_path, load_checkpoint
from napari_unetpp.train.scratch.plan import make_plan
from napari_unetpp.train.scratch.request import TrainingStopped, TrainRequest

if TYPE_CHECKING:
    from napari_unetpp.net.unetpp import UNetPlusPlus
    from napari_unetpp.train.scratch.loop import Fit
    from napari_unetpp.train.scratch.monitor import Best, Watch

NORM_BATCHES = 16
"""Batches on which the batch-norm statistics are measured in the end."""


def train_model(
    request: TrainRequest, log: Callable[[str], None], should_stop: ShouldStop = never_stop
) -> ModelInfo:
    """Train, choose thresholds, seeds and level on held-out images, and write the model file.

    Parameters
    ----------
    request : TrainRequest
    log : callable
        Receives the live lines.
    should_stop : callable
        Asked between two images and between two steps; what was trained can be resumed.

    Returns
    -------
    ModelInfo
        Of the file that was written.

    Raises
    ------
    UnetppError
        Options or images that do not fit.
    TrainingStopped
        After `should_stop`.
    """
    from napari_unetpp.train.precision import check_precision
    from napari_unetpp.train.scratch.monitor import Watch
    from napari_unetpp.train.scratch.result import finish
    from napari_unetpp.train.scratch.set_up import make_fit

    check_precision(request.precision)
    path = checkpoint_path(request.out)
    _check_checkpoint(path, resume=request.resume)
    plan = make_plan(request, log, should_stop)
    before = load_checkpoint(path, plan.settings()) if request.resume else None
    fit = make_fit(plan, before)
    log(_about(fit))
    if few := too_few_steps(fit.options.steps_planned):
        log(few)
    if before is not None:
        log(f"resumed at step {fit.step}, {fit.megapixels:.1f} megapixels, {fit.seconds / 60:.1f} min")
    watch = Watch(plan, fit, path, before, log)
    best = _train(fit, watch, should_stop)
    if few := too_few_steps(fit.step):
        log(few)
    log(f"measuring the statistics of the averaged weights of step {best.step}")
    info, scores = finish(plan, fit, _settled(fit, best), best.step, log)
    watch.lines.tell({"step": fit.step, "megapixels": fit.megapixels, "best_step": best.step, **scores})
    path.unlink(missing_ok=True)
    return info


def _about(fit: Fit) -> str:
    o = fit.options
    return (
        f"training on {o.device} in {o.dtype}, {o.batch} patches of {o.patch} px a step; "
        f"a line follows every {o.save_seconds / 60:.0f} minutes"
    )


def _check_checkpoint(path: Path, *, resume: bool) -> None:
    """A checkpoint that is left over is not overwritten, and one that is asked for must be there."""
    if path.exists() and not resume:
        raise UnetppError(f"{path} is left from an unfinished training; add --resume to go on, or delete it.")
    if resume and not path.exists():
        raise UnetppError(f"there is no checkpoint {path} to go on from; leave --resume out to start anew.")


def _train(fit: Fit, watch: Watch, should_stop: ShouldStop) -> Best:
    """Run the loop to its end."""
    for event in fit.run(should_stop):
        watch.see(event)
        if event.why == "stopped":
            raise TrainingStopped(
                f"stopped at step {fit.step}, after {event.progress:.0%} of the training. Go on with the "
                f"same command and --resume; the state is in {watch.path}."
            )
    assert watch.best is not None, "the end is a look"
    return watch.best


def _settled(fit: Fit, best: Best) -> UNetPlusPlus:
    """The network of the best average, with batch-norm statistics of its own."""
    from napari_unetpp.train.batch_norms import measure_norms

    net, options = fit.average.net, fit.options
    net.load_state_dict(best.tensors)
    batches = (fit.source.batch(options.batch, options.patch) for _ in range(NORM_BATCHES))
    measure_norms(net, (batch.image for batch in batches))
    return net
