"""The card of a model before it is trained: from its parent, the request and the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_unetpp._types import (
    EDGE_CAP,
    DecodeRule,
    ModelInfo,
    NetConfig,
    Normalisation,
    SamplingRule,
    UnetppError,
    UsageError,
)
from napari_unetpp.net.baselines import BASELINES
from napari_unetpp.train.data.samples import Sample, typical_diameter
from napari_unetpp.train.data.targets import SEPARATING_MAPS
from napari_unetpp.train.scratch.data_sets import DataSets
from napari_unetpp.train.scratch.request import TrainRequest

DEFAULT_MAPS = ("edge_distance",)

FIRST_RULE = DecodeRule(seeds="edge_distance", seed_threshold=1 / EDGE_CAP, prominence=1 / EDGE_CAP)
"""The rule of an instance model with new outputs until its own is chosen: seeds are peaks of 1 px."""

MOST_CLASSES = 64


def first_card(request: TrainRequest, parent: ModelInfo | None) -> ModelInfo:
    """The card as far as it is known before images are read: task, network, intensities and grid.

    Raises
    ------
    UnetppError
        Options that do not fit together, or not to the parent.
    """
    task = parent.task if request.task is None and parent is not None else request.task
    if task is None:
        raise UsageError("--task is required when training from scratch: instances or semantic.")
    net = _network(request, parent)
    if parent is not None and parent.task == task:
        info = replace(parent, validation=None, test=None, stopping=None, path=None, sha256=None)
    else:
        info = ModelInfo("", task, ("object",), (), net)
    sampling = replace(info.sampling, usual=None)
    info = replace(info, net=net, normalisation=Normalisation(rule="robust"), sampling=sampling)
    if request.frame is not None:
        info = replace(info, sampling=SamplingRule("frame", request.frame))
    if request.diameter is not None and info.sampling.kind != "object":
        raise UsageError(
            f"a diameter of {request.diameter:g} px was given, but the model goes by {info.sampling.kind}, "
            "not by the size of objects; leave --diameter out."
        )
    return _with_maps(info, request.maps)


def _network(request: TrainRequest, parent: ModelInfo | None) -> NetConfig:
    if request.arch not in BASELINES:
        raise UsageError(f"--arch {request.arch} was given; expected one of {', '.join(BASELINES)}.")
    net = replace(BASELINES[request.arch](), supervision=request.supervision)
    if parent is None:
        return net
    if request.arch != "unetpp" and wiring(net) != wiring(parent.net):
        raise UsageError(f"--arch {request.arch} was given, but {parent.name} is a {wiring(parent.net)}.")
    if request.supervision == "last" and len(parent.net.levels) > 1:
        raise UsageError(f"--supervision last was given, but {parent.name} has a head for every level.")
    return parent.net


def _with_maps(info: ModelInfo, maps: Sequence[str]) -> ModelInfo:
    """The card with the separating outputs that will be learned."""
    if info.task != "instances":
        if maps:
            raise UsageError(f"--maps {','.join(maps)} was given, but only instance models separate objects.")
        return info
    if set(maps) - SEPARATING_MAPS.keys() or len(set(maps)) < len(maps):
        raise UsageError(
            f"--maps {','.join(maps)} was given; expected one or more of {', '.join(SEPARATING_MAPS)}."
        )
    before = info.outputs[1:]
    chosen = tuple(maps) or (before if before and set(before) <= SEPARATING_MAPS.keys() else DEFAULT_MAPS)
    if chosen == before:
        return info
    outputs = ("foreground", *chosen)
    return replace(info, outputs=outputs, net=replace(info.net, outputs=len(outputs)), decode=FIRST_RULE)


def full_card(info: ModelInfo, request: TrainRequest, parent: ModelInfo | None, data: DataSets) -> ModelInfo:
    """The card completed from the labels (classes, typical diameter), with name, title and licence.

    A parent's diameter is kept, because its weights are for objects of that size.
    """
    if not info.outputs:
        info = _with_label_classes(info, (*data.train, *data.held_out))
    if request.classes:
        info = with_names(info, request.classes)
    known = parent is not None and parent.task == info.task
    diameter = request.diameter or (None if known else typical_diameter(data.train))
    if info.sampling.kind == "object" and diameter is not None:
        info = replace(info, sampling=SamplingRule("object", diameter))
    title = info.title if request.title is None else request.title
    licence = info.licence if request.licence is None else request.licence
    return replace(info, name=request.out.stem, title=title, licence=licence)


def wiring(net: NetConfig) -> str:
    """Architecture and encoder, which two networks must share for one to start from the other's weights."""
    return f"{net.arch} on {net.encoder}" if net.encoder else net.arch


def _with_label_classes(info: ModelInfo, samples: Sequence[Sample]) -> ModelInfo:
    count = max(1, *(int(s.labels.max(initial=0)) for s in samples))
    if count > MOST_CLASSES:
        raise UnetppError(
            f"semantic labels have values up to {count}; expected classes 1, 2, ... (or --task instances)."
        )
    classes = ("foreground",) if count == 1 else tuple(f"class {n}" for n in range(1, count + 1))
    outputs = classes if count == 1 else ("background", *classes)
    return replace(info, classes=classes, outputs=outputs, net=replace(info.net, outputs=len(outputs)))


def with_names(info: ModelInfo, names: Sequence[str]) -> ModelInfo:
    """The card with these names of its classes."""
    if len(names) != len(info.classes):
        raise UnetppError(
            f"--classes gives {len(names)} name(s), {', '.join(names)}; the labels have {len(info.classes)} "
            "class(es) beside the background."
        )
    renamed = dict(zip(info.classes, names, strict=True))
    outputs = info.outputs
    if info.task == "semantic":
        outputs = tuple(renamed.get(name, name) for name in outputs)
    return replace(info, classes=tuple(names), outputs=outputs)
