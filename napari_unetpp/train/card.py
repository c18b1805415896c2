"""The card of a model that is about to be trained: from its parent, and from the labels it will learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from napari_unetpp._types import ModelInfo, NetConfig, Task, UnetppError
from napari_unetpp.train.samples import Sample
from napari_unetpp.train.targets import INSTANCE_OUTPUTS


def first_card(parent: ModelInfo | None, task: Task, net: NetConfig) -> ModelInfo:
    """The card to begin with; of a parent with another task only the network's form is taken over."""
    if parent is not None and parent.task == task:
        return parent
    return ModelInfo("", task, ("object",), (), net if parent is None else parent.net)


def wiring(net: NetConfig) -> str:
    """What networks must have in common for weights to pass from one to the other."""
    return f"{net.arch} on {net.encoder}" if net.encoder else net.arch


def with_outputs(info: ModelInfo, samples: Sequence[Sample]) -> ModelInfo:
    """The card with classes, head channels and network of a model trained from scratch.

    Raises
    ------
    UnetppError
        Semantic labels with values too large for classes.
    """
    if info.task == "instances":
        net = replace(info.net, outputs=len(INSTANCE_OUTPUTS))
        return replace(info, classes=("object",), outputs=INSTANCE_OUTPUTS, net=net)
    count = max(1, *(int(s.labels.max(initial=0)) for s in samples))
    if count > 64:
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
