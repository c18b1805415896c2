"""The result of a training: choices on the held-out images, and the model file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

import numpy as np
from torch import Tensor

from napari_unetpp._types import ModelInfo
from napari_unetpp.files.models.card_text import int8_text
from napari_unetpp.files.models.int8_file import write_int8
from napari_unetpp.files.models.model_file import save_finished_model
from napari_unetpp.files.text import counted
from napari_unetpp.net.unetpp import UNetPlusPlus
from napari_unetpp.train.choose.auto import choose_stopping
from napari_unetpp.train.choose.decode_rule import choose_decode
from napari_unetpp.train.choose.head_shifts import choose_shifts, shift_heads, shift_maps
from napari_unetpp.train.choose.int8 import measure_trained
from napari_unetpp.train.choose.levels import (
    Predicted,
    at_model_size,
    predict_samples,
    recommend_level,
    score_levels,
)
from napari_unetpp.train.data.samples import Sample
from napari_unetpp.train.encoder_weights import credit
from napari_unetpp.train.scratch.data_sets import DataSets, count_of
from napari_unetpp.train.scratch.one_network import Trained
from napari_unetpp.train.scratch.plan import Plan
from napari_unetpp.train.scratch.progress.validation import mean_scores
from napari_unetpp.train.scratch.request import TrainRequest, given_values


def write_result(
    plan: Plan,
    trained: Trained,
    judged: Sequence[Predicted],
    log: Callable[[str], None],
    *,
    overwrite: bool,
) -> tuple[ModelInfo, dict[str, Any]]:
    """Choose on the held-out images, then write the model; returns its card, and the scores as plain values.

    `judged` are the predictions of a cross-validation, empty without one: then the network predicts the
    held-out images itself.

    Without `overwrite` a file that another process made meanwhile stays; the model gets a similar name.
    """
    info, scores = plan.info, dict[str, Any](validation=None)
    net, device = trained.net, trained.loop.options.device
    tensors: dict[str, Tensor] = net.state_dict()
    if judged:
        info, tensors, scores = _choose(info, plan.data, net, judged, _judged_text(plan))
    elif plan.data.held_out:
        held_out = [at_model_size(sample, info) for sample in plan.data.held_out]
        log(f"measuring all levels on {len(held_out)} held-out images")
        predicted = predict_samples(net, held_out, info, device=device)
        text = held_out_text(plan.data, held_out, info)
        info, tensors, scores = _choose(info, plan.data, net, predicted, text)
    info = replace(info, provenance=_provenance(plan, trained))
    written = save_finished_model(plan.request.out, tensors, info, overwrite=overwrite)
    if written.path != plan.request.out:
        log(f"{plan.request.out} appeared meanwhile and is kept; the model is in {written.path}")
    _measure_int8(written, plan, log)
    return written, scores


def _measure_int8(info: ModelInfo, plan: Plan, log: Callable[[str], None]) -> None:
    """The ranges for int8, which are stored in the cache folder by the hash of the model."""
    rng, learned, apart = np.random.default_rng(plan.request.seed), plan.data.train, plan.data.held_out
    if not apart:  # ranges from half of the images, scores on the others
        mixed = [learned[n] for n in rng.permutation(len(learned))]
        learned, apart = tuple(mixed[::2]), tuple(mixed[1::2])
    measured = measure_trained(info, learned, apart, rng)
    if measured is not None:
        plain = measured.to_json()
        write_int8(info, plain)
        log(int8_text(plain))


def _choose(
    info: ModelInfo, data: DataSets, net: UNetPlusPlus, predicted: Sequence[Predicted], text: str
) -> tuple[ModelInfo, dict[str, Tensor], dict[str, Any]]:
    """Decode rule, shifts of the heads, stopping rule and level; `text` names the predicted images."""
    info = replace(info, decode=choose_decode(predicted, info))
    shifts = choose_shifts(predicted, info)
    tensors, predicted = shift_heads(net.state_dict(), shifts), shift_maps(predicted, shifts)
    scores = score_levels(predicted, info, text)
    recommended = recommend_level(scores)
    stopping = choose_stopping(predicted, info)
    info = replace(info, validation=scores, recommended_level=recommended, stopping=stopping)
    folders = {data.held_out_from[n]: each for n, each in mean_scores(predicted, info).folders.items()}
    levels = {level: asdict(values) for level, values in scores.levels.items()}
    plain = {"validation": levels, "data": scores.data, "folders": folders, "recommended_level": recommended}
    return info, tensors, plain


def held_out_text(data: DataSets, held_out: Sequence[Sample], info: ModelInfo) -> str:
    """The data of the scores; `held_out` are the held-out images at the model's size."""
    counts = [(count_of(held_out, n), name) for n, name in enumerate(data.held_out_from)]
    text = ", ".join(f"{counted(count, 'image')} held out of {name}" for count, name in counts if count)
    resized = sum(a is not b for a, b in zip(held_out, data.held_out, strict=True))
    if resized:
        text += f"; {resized} of them brought to objects of about {info.sampling.value:g} px"
    return text


def _judged_text(plan: Plan) -> str:
    """The data of scores by cross-validation."""
    data = plan.data
    counts = (f"{counted(count_of(data.train, n), 'image')} of {name}" for n, name in enumerate(data.names))
    return f"{', '.join(counts)}, each by a network without it ({plan.request.folds} parts)"


def _provenance(plan: Plan, trained: Trained) -> dict[str, Any]:
    """The provenance of the model, for its card."""
    request, parent, loop = plan.request, plan.parent, trained.loop
    before = parent.provenance.get("megapixels_in_all", 0.0) if parent else 0.0
    times = f"{loop.ranks.size} x " if loop.ranks.size > 1 else ""
    found = {
        "data": [_data_text(request, plan.data, n) for n in range(len(plan.data.names))],
        "steps": loop.step,
        "best_step": trained.best_step,
        "megapixels": round(loop.megapixels, 1),
        "megapixels_in_all": round(before + loop.megapixels, 1),
        "seconds": round(loop.seconds),
        "seed": request.seed,
        "parent": parent.sha256 if parent else None,
        "created": time.strftime("%Y-%m-%d"),
        "device": f"{times}{loop.options.device} {loop.options.dtype}",
        "versions": {name: version(name) for name in ("torch", "monai", "numpy")},
        "settings": given_values(request),
    }
    optional = {"encoder": credit(plan.info.net), "command": request.card_command}
    return found | {key: text for key, text in optional.items() if text}


def _data_text(request: TrainRequest, data: DataSets, folder: int) -> str:
    """A data set in one line: name, images, share, credit."""
    text = f"{data.names[folder]}: {counted(count_of(data.train, folder), 'image')}"
    if request.shares is not None:
        text += f", share {request.shares[folder] / sum(request.shares):.3g}"
    return f"{text}. {request.credits[folder]}" if request.credits else text
