"""Training from a folder of pairs to a model file: what ``napari-unetpp train`` does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unetpp._types import (
    LevelScores,
    ModelInfo,
    SamplingRule,
    Supervision,
    Task,
    UnetppError,
)
from napari_unetpp.files.folders import read_pairs
from napari_unetpp.files.model_file import save_model
from napari_unetpp.files.model_list import find_model
from napari_unetpp.net.baselines import BASELINES
from napari_unetpp.train.card import first_card, wiring, with_names, with_outputs
from napari_unetpp.train.checkpoint import checkpoint_path, load_checkpoint, save_checkpoint
from napari_unetpp.train.samples import Sample, hold_out, load_sample, typical_diameter

if TYPE_CHECKING:
    from napari_unetpp.train.fit import Fit, FitOptions, Progress
    from napari_unetpp.train.patches import PatchSource

HELD_OUT = 0.1
SPLIT_SEED = 0
"""What is held out of a folder does not depend on the seed of the run: a model that is trained further is
judged on images that its parents did not learn from."""

DEFAULT_MINUTES = 60.0
DEFAULT_PATCH = 128

SETTINGS = ("patch", "batch", "rate", "minutes", "epochs", "frame")
"""What the card of a model tells of how it was trained."""

NORM_BATCHES = 24
"""Batches on which the batch-norm statistics are measured in the end."""


@dataclass(frozen=True)
class TrainRequest:
    """Everything ``napari-unetpp train`` was asked for.

    `frame`: train a model of whole frames, whose lit part becomes so many px long (sampling rule ``frame``).
    """

    folder: Path
    out: Path
    task: Task | None = None
    val: Path | None = None
    arch: str = "unetpp"
    supervision: Supervision = "deep"
    start: str | None = None
    frame: int | None = None
    classes: Sequence[str] = ()
    minutes: float | None = None
    epochs: int | None = None
    resume: bool = False
    foreground: Sequence[int] | None = None
    seed: int = 0
    json_path: Path | None = None
    patch: int | None = None
    batch: int = 4
    rate: float = 1.5e-3
    device: str = "auto"
    title: str | None = None
    licence: str | None = None


def train_folder(request: TrainRequest, log: Callable[[str], None]) -> ModelInfo:
    """Train, choose thresholds, seeds and level on held-out images, and write the model file.

    Parameters
    ----------
    request : TrainRequest
    log : callable
        Receives the live lines.

    Returns
    -------
    ModelInfo
        Of the file that was written.
    """
    import torch

    from napari_unetpp.net.unetpp import UNetPlusPlus
    from napari_unetpp.train.fit import Fit
    from napari_unetpp.train.live import entry, line, live_scores
    from napari_unetpp.train.norms import measure_norms
    from napari_unetpp.train.parent import start_from
    from napari_unetpp.train.registry import start_encoder

    rng = np.random.default_rng(request.seed)
    parent = None if request.start is None else find_model(request.start)
    info, train, held = _prepare(request, parent, log)
    torch.manual_seed(request.seed)  # initial weights
    net = UNetPlusPlus(info.net)
    if parent is not None:
        start_from(net, parent)
    elif info.net.encoder:
        start_encoder(net)
    source = _patches(train, info, rng)
    options = _options(request, info, len(train), scratch=parent is None)
    fit = Fit(net, source, info.task, options)
    settings = _settings(request, info)
    _resume(request, fit, settings, log)
    history: list[dict[str, Any]] = []
    for report in fit.run():
        save_checkpoint(checkpoint_path(request.out), fit.checkpoint(settings))
        live = live_scores(report.average, held, info, fit.options.device)
        history.append(entry(report, live))
        log(line(report, live))
        _write_json(request.json_path, {"history": history})
    log("measuring the statistics of the averaged weights")
    patches = (source.batch(2 * options.batch, options.patch) for _ in range(NORM_BATCHES))
    measure_norms(report.average, (batch.image for batch in patches))
    finished = _finish(request, info, report, held, fit.options.device, parent, log)
    _write_json(request.json_path, {"history": history, "validation": _scores(finished)})
    checkpoint_path(request.out).unlink(missing_ok=True)
    return finished


def _options(request: TrainRequest, info: ModelInfo, images: int, *, scratch: bool) -> FitOptions:
    """How long and how to train; without a length, an hour."""
    from napari_unetpp.train.fit import FitOptions

    device, dtype = _device(request.device)
    minutes = request.minutes or (None if request.epochs else DEFAULT_MINUTES)
    whole = int(info.sampling.value) if info.sampling.kind == "frame" else None
    return FitOptions(
        seconds=60 * minutes if minutes else float("inf"),
        steps=request.epochs * max(1, images // request.batch) if request.epochs else float("inf"),
        patch=request.patch or whole or DEFAULT_PATCH,
        batch=request.batch,
        rate=request.rate,
        device=device,
        dtype=dtype,
        grow=scratch and len(info.net.levels) > 1,
        last_patch=request.patch or whole if whole else None,
    )


def _settings(request: TrainRequest, info: ModelInfo) -> dict[str, Any]:
    """What a resumed run must have in common with the one that was interrupted."""
    return {
        "task": info.task,
        "outputs": list(info.outputs),
        "widths": list(info.net.widths),
        "arch": wiring(info.net),
        "supervision": info.net.supervision,
        "sampling": [info.sampling.kind, info.sampling.value] if info.sampling.kind == "frame" else None,
        "seed": request.seed,
    }


def _resume(request: TrainRequest, fit: Fit, settings: dict[str, Any], log: Callable[[str], None]) -> None:
    """Go on from the checkpoint where that was asked for; one that is left over is not overwritten."""
    checkpoint = checkpoint_path(request.out)
    if request.resume:
        fit.restore(load_checkpoint(checkpoint, settings))
        log(f"resumed at step {fit.step}, {fit.seconds / 60:.1f} min")
    elif checkpoint.exists():
        raise UnetppError(
            f"{checkpoint} is left from an unfinished training; add --resume to go on, or delete it."
        )


def _prepare(
    request: TrainRequest, parent: ModelInfo | None, log: Callable[[str], None]
) -> tuple[ModelInfo, list[Sample], list[Sample]]:
    """Read the images and make the card of the model to be trained."""
    task = parent.task if request.task is None and parent is not None else request.task
    if task is None:
        raise UnetppError("--task is required when training from scratch: instances or semantic.")
    if request.arch not in BASELINES:
        raise UnetppError(f"--arch {request.arch} was given; expected one of {', '.join(BASELINES)}.")
    net = replace(BASELINES[request.arch](), supervision=request.supervision)
    if parent is not None and request.arch != "unetpp" and wiring(net) != wiring(parent.net):
        raise UnetppError(f"--arch {request.arch} was given, but {parent.name} is a {wiring(parent.net)}.")
    if parent is not None and request.supervision == "last" and len(parent.net.levels) > 1:
        raise UnetppError(f"--supervision last was given, but {parent.name} has a head for every level.")
    base = first_card(parent, task, net)
    if request.frame is not None:
        base = replace(base, sampling=SamplingRule("frame", request.frame))
    log(f"reading {request.folder}")

    def read(folder: Path) -> list[Sample]:
        return [load_sample(p, base, request.foreground) for p in read_pairs(folder)]

    samples = read(request.folder)
    if not any(s.labels.any() for s in samples):
        raise UnetppError(
            f"no label image in {request.folder} has any foreground, so there is nothing to learn. "
            "For masks of 0 and 255 give --foreground 255 (255 alone means: ignore)."
        )
    split = np.random.default_rng(SPLIT_SEED)
    train, held = hold_out(samples, HELD_OUT, split) if request.val is None else (samples, read(request.val))
    log(
        f"{len(train)} images to learn from, {len(held)} held out"
        if held
        else "no validation: nothing can be held out"
    )
    if not base.outputs:
        base = with_outputs(base, samples)
    if request.classes:
        base = with_names(base, request.classes)
    diameter = typical_diameter(train)
    if base.sampling.kind == "object" and diameter is not None:
        base = replace(base, sampling=replace(base.sampling, value=diameter))
    title = base.title if request.title is None else request.title
    licence = base.licence if request.licence is None else request.licence
    named = replace(base, name=request.out.stem, title=title, licence=licence, path=None, sha256=None)
    return named, train, held


def _patches(samples: Sequence[Sample], info: ModelInfo, rng: np.random.Generator) -> PatchSource:
    """Patches of the samples; frames of a camera are varied otherwise than microscopy."""
    from napari_unetpp.train.frames import FRAMES, folded
    from napari_unetpp.train.microscopy import MICROSCOPY
    from napari_unetpp.train.patches import PatchSource

    variation = MICROSCOPY
    if info.sampling.kind == "frame":
        samples, variation = [*samples, *folded(samples, rng)], FRAMES
    return PatchSource(samples, info.task, len(info.classes), rng, variation)


def _device(name: str) -> tuple[str, str]:
    from napari_unetpp.engine.device import choose_device

    choice = choose_device(name)
    return choice.device, choice.dtype


def _finish(
    request: TrainRequest,
    info: ModelInfo,
    last: Progress,
    held: Sequence[Sample],
    device: str,
    parent: ModelInfo | None,
    log: Callable[[str], None],
) -> ModelInfo:
    """Choose on held-out images, then write the model."""
    from napari_unetpp.train.calibrate import choose_stopping
    from napari_unetpp.train.even_levels import choose_shifts, shift_heads, shift_maps
    from napari_unetpp.train.validate import choose_decode, predict_samples, recommend_level, score_levels

    tensors = last.average.state_dict()
    if held:
        log(f"measuring all levels on {len(held)} held-out images")
        predicted = predict_samples(last.average, held, info, device=device)
        info = replace(info, decode=choose_decode(predicted, info))
        shifts = choose_shifts(predicted, info)
        tensors, predicted = shift_heads(tensors, shifts), shift_maps(predicted, shifts)
        scores = score_levels(
            predicted, info, f"{len(held)} images held out of {request.val or request.folder.name}"
        )
        stopping = choose_stopping(predicted, info)
        recommended = recommend_level(scores)
        info = replace(info, validation=scores, test=None, recommended_level=recommended, stopping=stopping)
    else:
        info = replace(info, validation=None, test=None, stopping=None)
    provenance = {
        "data": request.folder.name,
        "steps": last.step,
        "seconds": round(last.seconds),
        "seed": request.seed,
        "parent": parent.sha256 if parent else None,
        "created": time.strftime("%Y-%m-%d"),
        "versions": {name: version(name) for name in ("torch", "monai", "numpy")},
        "settings": {name: value for name in SETTINGS if (value := getattr(request, name)) is not None},
    }
    return save_model(request.out, tensors, replace(info, provenance=provenance), half=True)


def _scores(info: ModelInfo) -> dict[int, dict[str, Any]] | None:
    levels: dict[int, LevelScores] = dict(info.validation.levels) if info.validation else {}
    return {d: asdict(s) for d, s in levels.items()} or None


def _write_json(path: Path | None, content: dict[str, Any]) -> None:
    if path is not None:
        path.write_text(json.dumps(content, indent=1) + "\n")
