"""Scores of all levels on labelled images, and what each level costs on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_unetpp._types import AUTO, ModelInfo, PredictRequest, UnetppError
from napari_unetpp.engine.collect import Reading, decide_reading, predict_maps
from napari_unetpp.engine.decode.plane_result import PlaneResult
from napari_unetpp.engine.input.normalise import clean_plane
from napari_unetpp.engine.input.orientations import COUNT, orient
from napari_unetpp.engine.input.scale import check_range, check_size, diameter_notes, scale_number
from napari_unetpp.engine.level import Auto
from napari_unetpp.engine.loaded_model import LoadedModel
from napari_unetpp.engine.memory import SMALLER, enough_memory
from napari_unetpp.engine.predict import predict
from napari_unetpp.files.images.image_file import read_image
from napari_unetpp.files.labels.folders import Pair, named_once
from napari_unetpp.files.notes import Notes
from napari_unetpp.net import graph
from napari_unetpp.train.choose.scores import Matches, class_dice_iou, dice_iou, match_objects
from napari_unetpp.train.data.labels import Truth, foreground_of_folder, read_pair_truth

TIMED_PIXELS = 1_000_000
"""Time is measured on the first images until they hold this many pixels together."""


@dataclass
class _Tally:
    """Scores of one level so far; `matches` is None where objects are undefined.

    `executed` and `whole`: FLOPs executed, and those of the deepest level.
    """

    dice: list[float] = field(default_factory=list)
    iou: list[float] = field(default_factory=list)
    matches: Matches | None = field(default_factory=Matches)
    executed: float = 0.0
    whole: float = 0.0


def evaluate_pairs(
    model: LoadedModel,
    pairs: Sequence[Pair],
    *,
    foreground: Sequence[int] | None = None,
    scale: float | Auto = "auto",
    diameter: float | None = None,
    range: tuple[float, float] | None = None,
    augment: bool = False,
    progress: Callable[[int, int], None] | None = None,
    on_problem: Callable[[str], None] | None = None,
    notes: Notes | None = None,
) -> dict[str, Any]:
    """Score every level on labelled images; see `api.evaluate` for parameters and result.

    `notes` collects notes on unusual files.
    """
    info = model.info
    with_auto = info.stopping is not None and not augment
    levels = (*info.net.levels, AUTO) if with_auto else info.net.levels
    tallies = {level: _Tally() for level in levels}
    scored: list[tuple[Pair, Reading]] = []
    nothing = True
    check_size(info, scale=scale_number(scale), diameter=diameter)
    check_range(range)
    notes = notes or Notes()
    asked, foreground = foreground, foreground_of_folder(pairs, info.task, foreground, notes)
    read = partial(decide_reading, model=model, scale=scale, diameter=diameter, range=range)
    for done, pair in enumerate(pairs, start=1):
        try:
            with enough_memory(f"scoring {pair.image}", SMALLER):
                reading, has_truth = _score(model, pair, foreground, tallies, read, diameter, notes, augment)
            scored.append((pair, reading))
            nothing = nothing and not has_truth
        except UnetppError as error:
            if on_problem is None:
                raise
            on_problem(named_once(pair.image, str(error)))
        if progress is not None:
            progress(done, len(pairs))
    if not scored:
        raise UnetppError(f"none of the {len(pairs)} images could be scored.")
    if nothing and asked is not None:
        values = ", ".join(map(str, asked))
        notes.add("labels", f"no label image has any foreground of the values {values}")
    with enough_memory("measuring the speed", SMALLER):
        seconds = seconds_per_megapixel(model, scored, augment=augment)
    scores = {level: _summary(tallies[level], info, level, seconds[level]) for level in info.net.levels}
    auto = _auto_summary(tallies[AUTO], info, seconds[AUTO]) if with_auto else None
    return {
        "model": info.name,
        "device": model.choice.label,
        **({"augment": True} if augment else {}),
        "images": len(scored),
        "recommended_level": info.recommended_level,
        "best_level_here": best_level(scores),
        "levels": {str(level): score for level, score in scores.items()},
        "auto": auto,
        "scales": _scales([reading.scale.scale for _, reading in scored]),
    }


def _scales(scales: Sequence[float]) -> dict[str, float]:
    """The lowest, median and highest scale at which images were segmented."""
    return {"lowest": min(scales), "median": float(np.median(scales)), "highest": max(scales)}


def best_level(scores: Mapping[int, Mapping[str, Any]]) -> int | None:
    """The level with the highest AP50 where it is defined, else Dice; the shallower one of equals."""
    for name in ("ap50", "dice"):
        known = {level: s[name] for level, s in scores.items() if s[name] is not None}
        if known:
            return max(sorted(known), key=lambda level: known[level])
    return None


def _score(
    model: LoadedModel,
    pair: Pair,
    foreground: Sequence[int] | None,
    tallies: Mapping[int, _Tally],
    read: Callable[[NDArray[Any]], Reading],
    diameter: float | None,
    notes: Notes,
    augment: bool,
) -> tuple[Reading, bool]:
    """Add the scores of one image.

    Returns the scale and range that all levels used, and whether the labels have any foreground.
    """
    info = model.info
    image = read_image(pair.image, note=notes.of(pair.image))
    truth = read_pair_truth(pair, image.shape[:2], info.task, foreground, notes)
    for text in diameter_notes(image.shape, diameter):
        notes.add(pair.image.name, text)
    reading = read(clean_plane(image)[0])
    predicted = partial(predict_maps, image, model, scale=reading.scale.scale, range=reading.range)
    deepest = None if augment else predicted(level=info.net.depth, all_levels=True)
    for level, tally in tallies.items():
        found = predicted(level=level, augment=augment) if deepest is None or level == AUTO else deepest
        tally.executed += found.flops
        tally.whole += found.flops / found.share()
        maps = replace(found, level=level)
        dice, iou = _overlap(maps, truth, merge=foreground is not None)
        tally.dice.append(dice)
        tally.iou.append(iou)
        if not truth.objects or info.task != "instances":
            tally.matches = None
        if tally.matches is not None:
            tally.matches += match_objects(maps.labels(), truth.labels, truth.ignore)
    return reading, bool(truth.labels.any())


def _overlap(maps: PlaneResult, truth: Truth, *, merge: bool) -> tuple[float, float]:
    """Dice and IoU; `merge`: foreground against background only.

    Of instances before splitting, certainty and minimum size; of semantic models as the labels are shown.
    """
    info = maps.info
    found = maps.mask() if info.task == "instances" else maps.labels()
    if info.task == "instances" or len(info.classes) == 1 or merge:
        return dice_iou(found > 0, truth.labels > 0, truth.ignore)
    return class_dice_iou(found, truth.labels, truth.ignore)


def _summary(tally: _Tally, info: ModelInfo, level: int, seconds: float | None) -> dict[str, Any]:
    return {
        "dice": float(np.mean(tally.dice)) if tally.dice else None,
        "iou": float(np.mean(tally.iou)) if tally.iou else None,
        "ap50": None if tally.matches is None else tally.matches.ap50,
        "parameters": graph.parameters(level, info.net),
        "seconds_per_megapixel": seconds,
    }


def _auto_summary(tally: _Tally, info: ModelInfo, seconds: float | None) -> dict[str, Any]:
    """The summary of Auto: as of a level, with the FLOPs executed as a share of the deepest level's."""
    scores = _summary(tally, info, info.net.depth, seconds)
    return scores | {"share_of_flops": tally.executed / tally.whole}


# ------------------------------------------------------------------------ cost


def seconds_per_megapixel(
    model: LoadedModel, pairs: Sequence[tuple[Pair, Reading]], *, augment: bool = False
) -> dict[int, float]:
    """Cold prediction time per megapixel of the input, per level; one warm-up.

    Finding the range and the scale, and decoding, are excluded. With `augment` of all orientations together.
    """
    planes: list[tuple[NDArray[Any], Reading]] = []
    for pair, reading in pairs:
        planes.append((clean_plane(read_image(pair.image))[0], reading))
        if sum(_pixels(plane) for plane, _ in planes) >= TIMED_PIXELS:
            break
    megapixels = sum(_pixels(plane) for plane, _ in planes) / 1e6
    if augment:
        planes = [(orient(plane, number), reading) for plane, reading in planes for number in range(COUNT)]
    _cold_seconds(model, *planes[0], model.info.net.depth)
    return {
        level: sum(_cold_seconds(model, *plane, level) for plane in planes) / megapixels
        for level in (*model.info.net.levels, *([AUTO] if model.info.stopping and not augment else []))
    }


def _pixels(plane: NDArray[Any]) -> int:
    return int(plane.shape[0] * plane.shape[1])


def _cold_seconds(model: LoadedModel, plane: NDArray[Any], reading: Reading, level: int) -> float:
    request = PredictRequest(
        plane, None, level, scale=reading.scale.scale, all_levels=False, range=reading.range
    )
    start = time.perf_counter()
    for _ in predict(model, request):
        pass
    return time.perf_counter() - start
