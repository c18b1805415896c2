"""What the dock says of a model and its levels, of devices, and of the memory in use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari_unetpp._types import AUTO, ModelInfo, StoppingRule
from napari_unetpp.files.models.card_text import level_name, measured_at
from napari_unetpp.files.models.model_list import SUFFIX
from napari_unetpp.net import graph
from napari_unetpp.session.display.costs import ChartPoint, scores_of
from napari_unetpp.session.events import MemoryUse, Ready
from napari_unetpp.session.messages.common import cost_text
from napari_unetpp.session.values import DeviceRequest


def point_text(point: ChartPoint) -> str:
    """What a level takes; "about" as long as no real run on this machine has measured it."""
    cost = cost_text(point.seconds)
    return cost if point.measured else f"about {cost}"


def readout(model: ModelInfo, point: ChartPoint) -> tuple[str, str]:
    """The line under the slider, and its tool tip."""
    deepest = model.net.depth if point.level == AUTO else point.level
    millions = graph.parameters(deepest, model.net) / 1e6
    cost = point_text(point)
    score = "no score" if point.quality is None else f"Dice {point.quality:.2f}"
    text = f"{level_name(point.level)} · {millions:.2f} M · {cost} · {score}"
    return text, _readout_tip(model, point, millions)


def playing(level: int, chosen: ChartPoint) -> tuple[str, str]:
    """The line under the slider while a stack plays faster than the chosen level is, and its tool tip."""
    text = f"{level_name(level)} while playing: {level_name(chosen.level)} is too slow"
    tip = f"{level_name(chosen.level)} takes {point_text(chosen)}. It follows when the stack stops."
    return text, tip


def _readout_tip(model: ModelInfo, point: ChartPoint, millions: float) -> str:
    how = "measured on this machine" if point.measured else "estimated, not yet run here"
    if point.level == AUTO and model.stopping:
        return _auto_tip(model.stopping, f"{cost_text(point.seconds)}, {how}")
    scores = scores_of(model)
    quality = "This model carries no scores."
    if scores is not None and (entry := scores.levels.get(point.level)):
        parts = [("Dice", entry.dice), ("IoU", entry.iou), ("AP50", entry.ap50)]
        values = ", ".join(f"{name} {value:.3f}" for name, value in parts if value is not None)
        quality = f"{values or 'No score'} on {scores.images} images ({scores.data}{measured_at(model)})."
    star = " This is the recommended depth." if point.recommended else ""
    cost = cost_text(point.seconds)
    return f"Depth {point.level}: {millions:.2f} million parameters; {cost}, {how}. {quality}{star}"


def _auto_tip(rule: StoppingRule, cost: str) -> str:
    return (
        f"Auto: every place as deep as it needs, whole objects at a time. {cost}. On held-out images it took"
        f" {rule.share:.0%} of the deepest level's work, and was allowed to lose {rule.tolerance:g} Dice."
    )


def restriction(model: ModelInfo) -> str:
    """The licence, where it forbids something that users may want to do."""
    words = model.licence.lower()
    return model.licence if "clinical" in words or "-nc" in words else ""


def devices(usable: Sequence[str], ready: Ready | None) -> list[tuple[str, str]]:
    """Names and texts for the device picker; after warming up, what they stand for."""
    names = {"cpu": "CPU", "cuda": "CUDA", "mps": "MPS"}
    formats = {"float32": "fp32", "bfloat16": "bf16", "float16": "fp16", "int8": "int8"}
    auto = "auto"
    if ready is not None and ready.wanted.name == "auto":
        auto = f"auto: {names.get(ready.device, ready.device)}, {formats.get(ready.dtype, ready.dtype)}"
    texts = {name: names.get(name, name) for name in usable}
    if ready is not None and ready.wanted.name in texts and ready.wanted.precision != "auto":
        texts[ready.wanted.name] += f", {formats.get(ready.dtype, ready.dtype)}"
    return [("auto", auto), *texts.items()]


def shipped(model: ModelInfo, done: str) -> str:
    """Why a shipped model is not renamed or deleted."""
    return (
        f"“{model.name}” came with napari-unetpp and cannot be {done}. Only your own models can: those you"
        " kept after fine-tuning, trained or imported."
    )


def ask_delete(model: ModelInfo, folder: Path) -> str:
    """What deleting does."""
    return f"The model “{model.name}” leaves the list. Its file moves to\n{folder}\nand can be brought back."


def deleted(model: ModelInfo, path: Path) -> str:
    """What deleting did."""
    return f"Deleted “{model.name}”. Its file is kept in {path.parent}."


def name_of(path: Path, info: ModelInfo) -> str:
    """What an imported model is called: as its file; of a package, as the card in it says."""
    return path.stem if path.suffix == SUFFIX else info.name


def imported(model: ModelInfo) -> str:
    """What importing did."""
    return f"Imported “{model.name}” ({model.task}: {', '.join(model.classes)}). It is chosen now."


def refused(why: str, usable: DeviceRequest) -> str:
    """A device or number format cannot be used here, and what is used instead."""
    return f"{why[:1].upper()}{why[1:]} Used instead: {usable}."


def no_such_model(name: str, models: Sequence[ModelInfo], chosen: str) -> str:
    """The preferences name a model that is not there."""
    known = ", ".join(model.name for model in models)
    return f"The preferences name the model “{name}”, which is not in the list ({known}). “{chosen}” stays."


def memory_use(event: MemoryUse) -> str:
    """How much memory the cached results take."""
    sizes = (event.nodes + event.maps, event.nodes, event.maps)
    total, nodes, maps = (round(size / 1e6, 1) for size in sizes)
    return (
        f"{total:g} MB are in use so that the slider needs little or no network: {nodes:g} MB of nodes,"
        f" {maps:g} MB of maps and results. The preferences limit them."
    )
