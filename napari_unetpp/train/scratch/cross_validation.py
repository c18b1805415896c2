"""Cross-validation: every image is predicted by a network that did not learn from it.

Where images are few, a held-out tenth decides nothing, and is missing from the training. So as many networks
are trained as the images have parts, each without one part. Their predictions make all choices, and the model
itself learns from all images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from napari_unetpp._types import ShouldStop, UnetppError, UsageError
from napari_unetpp.engine.device import choose_device
from napari_unetpp.files.models.model_file import read_info, read_tensors, save_model
from napari_unetpp.files.text import counted
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.levels import Predicted, at_model_size, predict_samples
from napari_unetpp.train.data.held_out import parts_of
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.scratch.one_network import train_network
from napari_unetpp.train.scratch.plan import Plan
from napari_unetpp.train.scratch.processes.ranks import Ranks
from napari_unetpp.train.scratch.progress.checkpoint import checkpoint_path
from napari_unetpp.train.scratch.request import TrainRequest


def part_paths(request: TrainRequest) -> tuple[Path, ...]:
    """The files of a cross-validation beside the model: the network without each part."""
    out, folds = request.out, request.folds or 0
    return tuple(out.with_name(f"{out.stem}.without-{n}-of-{folds}.safetensors") for n in range(1, folds + 1))


def left_over(request: TrainRequest) -> tuple[Path, ...]:
    """All files that an unfinished cross-validation may have left."""
    paths = part_paths(request)
    return (*paths, *map(checkpoint_path, paths))


def cross_validate(
    plan: Plan, log: Callable[[str], None], should_stop: ShouldStop, ranks: Ranks
) -> list[Predicted]:
    """Train a network without each part of the images, and predict this part with it.

    A finished network lies beside the model until that is written, so that a stopped run goes on after it.

    Parameters
    ----------
    plan : Plan
        Its request says into how many parts the images are divided; near-identical images stay together.
    log, should_stop, ranks
        As of `train_model`.

    Returns
    -------
    list of Predicted
        All images at the model's size of objects; empty in other processes than the first.

    Raises
    ------
    UsageError
        There are fewer groups of images than parts.
    TrainingStopped
        After `should_stop`.
    """
    paths = part_paths(plan.request)
    parts = parts_of(plan.data.train, len(paths))
    if not all(parts):
        raise UsageError(
            f"--folds {len(paths)} was given, but only {counted(sum(map(bool, parts)), 'group')} of images "
            "that are not near-identical were found; give fewer folds."
        )
    device = choose_device(plan.request.device).device
    predicted: list[Predicted] = []
    for number, (path, apart) in enumerate(zip(paths, parts, strict=True), start=1):
        log(f"part {number} of {len(paths)}: {counted(len(apart), 'image')} for a network without them")
        net = _network_without(plan, path, apart, log, should_stop, ranks)
        if net is not None:
            samples = [at_model_size(sample, plan.info) for sample in apart]
            predicted += predict_samples(net, samples, plan.info, device=device)
    return predicted


def _network_without(
    plan: Plan,
    path: Path,
    apart: list[Sample],
    log: Callable[[str], None],
    should_stop: ShouldStop,
    ranks: Ranks,
) -> UNetPlusPlus | None:
    """The network that has not seen the images `apart`; None in other processes than the first."""
    rest = tuple(sample for sample in plan.data.train if all(sample is not other for other in apart))
    request = replace(plan.request, out=path, json_path=None)
    plan = replace(plan, request=request, data=replace(plan.data, train=rest))
    if ranks.agree(path.exists()):
        return _finished(plan, log) if ranks.first else None
    trained = train_network(plan, log, should_stop, ranks)
    if trained is None:
        return None
    save_model(path, trained.net.state_dict(), replace(plan.info, provenance={"settings": plan.settings()}))
    checkpoint_path(path).unlink(missing_ok=True)
    return trained.net


def _finished(plan: Plan, log: Callable[[str], None]) -> UNetPlusPlus:
    """The network that a stopped run has finished; UnetppError if it was trained with other options."""
    path = plan.request.out
    if read_info(path).provenance.get("settings") != plan.settings():
        raise UnetppError(
            f"{path} was trained with other options; give the same options with --resume, or delete the file."
        )
    log(f"{path} is finished already")
    net = UNetPlusPlus(plan.info.net)
    net.load_state_dict(read_tensors(path))
    return net
