"""Training from folders of labelled images to a model file (``napari-unetpp train``)."""

from __future__ import annotations

from collections.abc import Callable

from napari_unetpp._types import ModelInfo, ShouldStop, never_stop
from napari_unetpp.engine.memory import enough_memory
from napari_unetpp.train.precision import check_precision
from napari_unetpp.train.scratch.cross_validation import cross_validate, left_over
from napari_unetpp.train.scratch.one_network import check_left_over, train_network
from napari_unetpp.train.scratch.plan import make_plan
from napari_unetpp.train.scratch.processes.ranks import Ranks, joined
from napari_unetpp.train.scratch.progress.checkpoint import checkpoint_path
from napari_unetpp.train.scratch.progress.log import check_log
from napari_unetpp.train.scratch.request import TrainRequest
from napari_unetpp.train.scratch.result import write_result


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
    check_left_over(request.out, resume=request.resume, parts=left_over(request))
    check_log(request.json_path)
    replaces = request.out.exists()  # a file that appears later is kept
    with enough_memory("reading the labelled images", "close other programs, or give fewer or smaller ones"):
        plan = make_plan(request, log, should_stop)
    judged = cross_validate(plan, log, should_stop, ranks) if request.folds else []
    trained = train_network(plan, log, should_stop, ranks)
    if trained is None:
        return plan.info
    info, scores = write_result(plan, trained, judged, log, overwrite=replaces)
    loop = trained.loop
    last = {"step": loop.step, "megapixels": loop.megapixels, "best_step": trained.best_step}
    trained.monitor.lines.append({**last, **scores})
    for path in (checkpoint_path(request.out), *left_over(request)):
        path.unlink(missing_ok=True)
    return info
